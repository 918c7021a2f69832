"""Contact sheets: the best, the worst and some random pictures of an evaluation, each row with its name and score."""

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw

from asuka.data.pair import Pair, Pairs
from asuka.evaluation.measured import Measured
from asuka.image import read, save, upright_rgb
from asuka.seeding import seed_of

ROWS, THUMB, LINE, GAP = 8, 192, 14, 4  # pictures; sides and heights in pixels
GREY = 128  # what a hole shows


def draw_sheets(measured: Measured, pairs: Pairs, results: Path, score: str, better: str, folder: Path) -> None:
    """best.png, worst.png and random.png in `folder`: masked, composite, raw, truth; by a score, better as in
    asuka.metrics.metric. Pictures that lack the score come in none but the random one."""
    values = measured.values(f"score/{score}")
    order = [int(place) for place in np.argsort(values, kind="stable") if not np.isnan(values[place])]
    if better == "higher":
        order.reverse()
    shuffled = sorted(range(len(measured)), key=lambda place: seed_of("sheet", measured.names[place]))
    for title, places in {"best": order[:ROWS], "worst": order[::-1][:ROWS], "random": shuffled[:ROWS]}.items():
        rows = [_row(measured, pairs, results, place, f"{score} {values[place]:.4g}") for place in places]
        if rows:
            save(sheet(("masked", "result", "raw", "truth"), rows), folder / f"{title}.png")


def sheet(heads: tuple[str, ...], rows: list[tuple[str, list[np.ndarray]]], side: int = THUMB) -> Image.Image:
    """Rows of uint8 pictures (H, W, 3) of any sizes as thumbnails of `side` pixels under a line of heads, each row over
    its label."""
    wide = len(heads) * (side + GAP) + GAP
    canvas = Image.new("RGB", (wide, LINE + GAP + len(rows) * (side + LINE + GAP)), "white")
    pen = ImageDraw.Draw(canvas)
    for column, head in enumerate(heads):
        pen.text((GAP + column * (side + GAP), 1), head, fill="black")
    for number, (label, pictures) in enumerate(rows):
        top = LINE + GAP + number * (side + LINE + GAP)
        for column, pixels in enumerate(pictures):
            picture = Image.fromarray(pixels)
            scale = side / max(picture.size)
            size = tuple(max(1, round(length * scale)) for length in picture.size)
            canvas.paste(picture.resize(size, Image.Resampling.LANCZOS), (GAP + column * (side + GAP), top))
        pen.text((GAP, top + side), label, fill="black")
    return canvas


def views(pair: Pair, results: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A pair with a grey hole, the composite, and the raw result as it was saved: uint8 (H, W, 3) each."""
    hole, raw = pair.hole[..., None], np.asarray(read(results / f"{pair.name}.png", upright_rgb))
    return np.where(hole, np.uint8(GREY), pair.image), np.where(hole, raw, pair.image), raw


def _row(measured: Measured, pairs: Pairs, results: Path, place: int, score: str) -> tuple[str, list[np.ndarray]]:
    pair = pairs[pairs.names.index(measured.names[place])]
    return f"{pair.name}   {score}   hole {pair.hole.mean():.0%}", [*views(pair, results), pair.image]
