"""Statistics of the hole generators in conf/masks, and pictures of what they draw.

    python scripts/make_masks.py KIND [--count N] [--size S] [--seed K] [--out DIR]

KIND is a file of conf/masks without its ending (strokes, mixed, paper, ...) or `all`. Prints mean, sd and
percentiles of the share of hole, and milliseconds per mask. --out adds
DIR/KIND/00000.png and on (255 = hole) and DIR/KIND.png, a contact sheet.
"""

import argparse
import sys
import time
from pathlib import Path

import cv2
import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf

from asuka.errors import InputError

FOLDER = Path(__file__).resolve().parents[1] / "conf" / "masks"
PERCENTILES = {"p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95}
COLUMNS, ROWS, THUMB = 10, 6, 128  # of a contact sheet; the thumbnail in pixels


def draw(kind: str, count: int, size: int, seed: int) -> tuple[list[np.ndarray], float]:
    """`count` masks, uint8 (size, size) of 0/1, and the milliseconds one took."""
    generator, rng = instantiate(OmegaConf.load(FOLDER / f"{kind}.yaml")), np.random.default_rng(seed)
    start = time.perf_counter()
    masks = [generator(rng, size, size) for _ in range(count)]
    return masks, 1000 * (time.perf_counter() - start) / count


def row(kind: str, masks: list[np.ndarray], ms: float) -> str:
    shares = np.array([mask.mean() for mask in masks])
    figures = (shares.mean(), shares.std(), *np.percentile(shares, [*PERCENTILES.values()]))
    return f"{kind:12}" + "".join(f"{figure:8.4f}" for figure in figures) + f"{ms:8.3f}"


def sheet(masks: list[np.ndarray]) -> np.ndarray:
    """The first masks side by side, uint8, 255 = hole, grey between them."""
    canvas = np.full((ROWS * (THUMB + 4), COLUMNS * (THUMB + 4)), 128, np.uint8)
    for place, mask in enumerate(masks[: ROWS * COLUMNS]):
        top, left = (THUMB + 4) * (place // COLUMNS) + 2, (THUMB + 4) * (place % COLUMNS) + 2
        thumb = cv2.resize(255 * mask, (THUMB, THUMB), interpolation=cv2.INTER_AREA)
        canvas[top : top + THUMB, left : left + THUMB] = thumb
    return canvas


def main() -> None:
    kinds = sorted(path.stem for path in FOLDER.glob("*.yaml"))
    parser = argparse.ArgumentParser(description="Statistics and pictures of the hole generators.")
    parser.add_argument("kind", metavar="KIND", help=f"{', '.join(kinds)} or all")
    parser.add_argument("--count", type=int, default=1000, help="masks per kind")
    parser.add_argument("--size", type=int, default=256, help="side in pixels")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--out", type=Path, help="folder for the PNGs; without it none are written")
    args = parser.parse_args()
    if args.kind not in (*kinds, "all"):
        parser.error(f"conf/masks has no '{args.kind}'; give one of {', '.join(kinds)} or all.")
    if args.count < 1 or args.seed < 0:
        parser.error(f"--count {args.count} --seed {args.seed}: give a count >= 1 and a seed >= 0.")
    print(f"{'kind':12}" + "".join(f"{head:>8}" for head in ("mean", "sd", *PERCENTILES, "ms")))
    for kind in kinds if args.kind == "all" else [args.kind]:
        masks, ms = draw(kind, args.count, args.size, args.seed)
        print(row(kind, masks, ms))
        if args.out:
            (args.out / kind).mkdir(parents=True, exist_ok=True)
            pictures = {f"{kind}/{number:05d}.png": 255 * mask for number, mask in enumerate(masks)}
            for name, picture in (pictures | {f"{kind}.png": sheet(masks)}).items():
                (args.out / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())


if __name__ == "__main__":
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"make_masks: {error}")
