"""What scripts/draw_drift.py does."""

import argparse

import numpy as np
import torch
from matplotlib.figure import Figure, SubFigure
from torch import Tensor
from tqdm import tqdm

from asuka.batch import Batch
from asuka.diffusion.base import LatentDiffusion
from asuka.figure import bands, legend, plain_axes, write
from asuka.image import check_name, to_uint8
from asuka.metrics.seam import colour_shift, hole_de
from asuka.roundtrip import Way, round_trips, ways
from asuka.trial import begin

PASSES = 10
SHOWN = (1, 2, 5, 10)  # passes in the strip
EXAMPLES = 2
MEASURES = {"Mean colour of the hole": colour_shift, "Pixel by pixel in the hole": hole_de}
Rows = dict[str, dict[str, Tensor]]  # measure -> way -> (N, PASSES)
Shown = dict[str, list[Tensor]]  # way -> the first batch's pictures after each of the passes SHOWN


def draw(options: argparse.Namespace) -> None:
    """All of it, as the script's page of help says."""
    check_name(options.out)
    trial = begin(options, options.data, {"conditional": options.decoder})
    rows, shown = measured(trial.base, ways(trial.decoders["conditional"]), trial.batches)
    write(drawn(rows, shown, trial.batches[0]), options.out)
    print(said(rows))
    print(options.out)


def measured(base: LatentDiffusion, chosen: dict[str, Way], batches: list[Batch]) -> tuple[Rows, Shown]:
    """Every measure of every picture after every pass, and the first batch's pictures for the strip."""
    rows: Rows = {measure: {} for measure in MEASURES}
    shown: Shown = {}
    with tqdm(total=len(chosen) * sum(map(len, batches)), unit="picture") as bar:
        for name, way in chosen.items():
            parts: dict[str, list[Tensor]] = {measure: [] for measure in MEASURES}
            for batch in batches:
                pictures = round_trips(base, way, batch, PASSES)
                shown.setdefault(name, [pictures[passes - 1] for passes in SHOWN])
                for measure, row in MEASURES.items():
                    values = [row(batch.image, batch.mask, picture) for picture in pictures]
                    parts[measure].append(torch.stack(values, dim=1).cpu())
                bar.update(len(batch))
            for measure in MEASURES:
                rows[measure][name] = torch.cat(parts[measure])
    return rows, shown


def drawn(rows: Rows, shown: Shown, batch: Batch) -> Figure:
    """The whole figure."""
    figure = Figure(figsize=(10, 7.1))
    above, below = figure.subfigures(2, 1, height_ratios=(3.4, 3.7))
    _curves(above, rows)
    _strip(below, shown, batch)
    return figure


def _curves(figure: SubFigure, rows: Rows) -> None:
    panels = figure.subplots(1, len(rows))
    figure.subplots_adjust(left=0.06, right=0.985, top=0.78, bottom=0.13, wspace=0.15)
    passes = torch.arange(1, PASSES + 1)
    for axes, (measure, by_way) in zip(panels, rows.items(), strict=True):
        plain_axes(axes, measure, "times encoded and decoded", "dE76 to the truth")
        bands(axes, passes, by_way)
        axes.set_xticks(passes.tolist())
        axes.set_xlim(1, PASSES)
        axes.set_ylim(bottom=0)
    count = len(next(iter(by_way.values())))
    title = f"Median and quartiles of {count} pictures; pasted: known pixels from the truth"
    legend(figure, panels[0], title)


def _strip(figure: SubFigure, shown: Shown, batch: Batch) -> None:
    """A row for each way; truth (its hole outlined) and passes side by side, for each example."""
    columns = [(example, place) for example in range(min(EXAMPLES, len(batch))) for place in range(1 + len(SHOWN))]
    side, step = batch.image.shape[-1], round(1.04 * batch.image.shape[-1])
    lefts = [step * number + example * (step - side) * 2 for number, (example, _) in enumerate(columns)]
    tops = [step * number for number in range(len(shown))]
    canvas = np.full((tops[-1] + side, lefts[-1] + side, 3), 255, np.uint8)
    axes = figure.add_axes((0.105, 0.01, 0.885, 0.93))
    line = np.arange(side)
    for (name, pictures), top in zip(shown.items(), tops, strict=True):
        axes.text(-0.1 * side, top + side / 2, name.replace(", ", ",\n"), ha="right", va="center", fontsize=8)
        for (example, place), left in zip(columns, lefts, strict=True):
            picture = (batch.image, *pictures)[place][example]
            canvas[top : top + side, left : left + side] = to_uint8(picture)
            if place == 0:
                hole = batch.mask[example, 0].cpu().numpy()
                axes.contour(line + left, line + top, hole, [0.5], colors="white", linewidths=0.8)
    for (_, place), left in zip(columns, lefts, strict=True):
        words = ("truth, hole", *(f"after {passes}" for passes in SHOWN))[place]
        axes.text(left + side / 2, -0.05 * side, words, ha="center", va="bottom", fontsize=8)
    axes.imshow(canvas)
    axes.axis("off")


def said(rows: Rows) -> str:
    """The medians after the passes that are shown, for the terminal."""
    lines = []
    for measure, by_way in rows.items():
        lines.append(f"{measure}: median dE76 after {', '.join(map(str, SHOWN))} passes")
        for name, values in by_way.items():
            medians = [values[:, passes - 1].quantile(0.5) for passes in SHOWN]
            lines.append(f"  {name:<22}" + "".join(f"{median:8.2f}" for median in medians))
    return "\n".join(lines)
