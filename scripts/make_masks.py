"""Statistics of the hole generators in conf/masks, and pictures of what they draw.

    python scripts/make_masks.py KIND [--count N] [--size S] [--seed K] [--out DIR]

KIND is a file of conf/masks without its ending (strokes, mixed, paper, ...) or `all`. Prints mean, sd and
percentiles of the share of hole, and milliseconds of processor time per mask; at 256 and 512 pixels also what
published generators have there, to compare with: their shapes are others. --out adds DIR/KIND/00000.png and on
(255 = hole) and DIR/KIND.png, a contact sheet.
"""

import argparse
import sys
import textwrap
import time
from pathlib import Path

import cv2
import numpy as np
from hydra.utils import instantiate
from omegaconf import OmegaConf

from asuka.errors import InputError

FOLDER = Path(__file__).resolve().parents[1] / "conf" / "masks"
PERCENTILES = {"p5": 5, "p25": 25, "p50": 50, "p75": 75, "p95": 95}
# Side -> what drew -> mean, sd, p5, p50, p95 of the share of hole.
PUBLISHED = {
    256: {
        "Co-Mod-GAN": (0.7289, 0.1819, 0.3619, 0.7711, 0.9491),
        "MAT, 256": (0.4065, 0.1888, 0.0862, 0.4181, 0.7022),
        "MAT, 256 small": (0.2183, 0.1474, 0.0235, 0.1968, 0.4998),
        "LaMa, training": (0.3553, 0.2024, 0.0689, 0.3242, 0.7383),
        "LaMa, thin": (0.2940, 0.1330, 0.0735, 0.3033, 0.4855),
        "LaMa, medium": (0.2408, 0.1348, 0.0195, 0.2635, 0.4361),
        "LaMa, thick": (0.4018, 0.2173, 0.0780, 0.3777, 0.7661),
        "ZITS, test set": (0.3035, 0.1287, 0.1110, 0.2920, 0.5260),
    },
    512: {
        "Co-Mod-GAN": (0.6437, 0.1785, 0.3047, 0.6687, 0.8902),
        "MAT, 512": (0.4011, 0.1742, 0.1152, 0.4019, 0.6973),
        "MAT, 512 small": (0.2204, 0.1421, 0.0340, 0.1933, 0.5036),
        "LaMa, thin": (0.2927, 0.1368, 0.0634, 0.3057, 0.4900),
        "LaMa, medium": (0.3053, 0.1590, 0.0396, 0.3211, 0.5449),
        "LaMa, thick": (0.4583, 0.2495, 0.0720, 0.4495, 0.8539),
        "SD, large": (0.3284, 0.2010, 0.0362, 0.3127, 0.6867),
    },
}
SOURCES = (
    "Co-Mod-GAN, MAT and LaMa: 4000 masks each by the authors' published code, seed 0. SD, large: 4000 masks by a "
    "transcription of Stable Diffusion's inpainting training, without its quarter of all-hole masks. ZITS: its 1000 "
    "test masks. Their shapes are others than ours."
)
KIND = 16  # letters of a name
COLUMNS, ROWS, THUMB = 10, 6, 128  # of a contact sheet; the thumbnail in pixels


def draw(kind: str, count: int, size: int, seed: int) -> tuple[list[np.ndarray], float]:
    """`count` masks, uint8 (size, size) of 0/1, and the milliseconds of processor time one took."""
    generator, rng = instantiate(OmegaConf.load(FOLDER / f"{kind}.yaml")), np.random.default_rng(seed)
    start = time.process_time()
    masks = [generator(rng, size, size) for _ in range(count)]
    return masks, 1000 * (time.process_time() - start) / count


def row(kind: str, masks: list[np.ndarray], ms: float) -> str:
    shares = np.array([mask.mean() for mask in masks])
    figures = (shares.mean(), shares.std(), *np.percentile(shares, [*PERCENTILES.values()]))
    return f"{kind:{KIND}}" + "".join(f"{figure:8.4f}" for figure in figures) + f"{ms:8.3f}"


def published(size: int) -> list[str]:
    """Lines about the published generators at this size."""
    if size not in PUBLISHED:
        return [f"published generators to compare with: at --size {' or '.join(map(str, PUBLISHED))}"]
    places = [["mean", "sd", *PERCENTILES].index(head) for head in ("mean", "sd", "p5", "p50", "p95")]
    lines = []
    for name, figures in PUBLISHED[size].items():
        cells = dict(zip(places, figures, strict=True))
        lines.append(f"{name:{KIND}}" + "".join(f"{cells[at]:8.4f}" if at in cells else " " * 8 for at in range(7)))
    return [*lines, *textwrap.wrap(SOURCES, 80)]


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
    print(f"{'kind':{KIND}}" + "".join(f"{head:>8}" for head in ("mean", "sd", *PERCENTILES, "ms")))
    for kind in kinds if args.kind == "all" else [args.kind]:
        masks, ms = draw(kind, args.count, args.size, args.seed)
        print(row(kind, masks, ms))
        if args.out:
            (args.out / kind).mkdir(parents=True, exist_ok=True)
            pictures = {f"{kind}/{number:05d}.png": 255 * mask for number, mask in enumerate(masks)}
            for name, picture in (pictures | {f"{kind}.png": sheet(masks)}).items():
                (args.out / name).write_bytes(cv2.imencode(".png", picture)[1].tobytes())
    print("\n".join(["", *published(args.size)]))


if __name__ == "__main__":
    try:
        main()
    except (InputError, OSError) as error:
        sys.exit(f"make_masks: {error}")
