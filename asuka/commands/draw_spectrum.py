"""What scripts/draw_spectrum.py does."""

import argparse

import torch
from matplotlib.figure import Figure
from torch import Tensor
from tqdm import tqdm

from asuka.batch import Batch
from asuka.diffusion.base import LatentDiffusion
from asuka.figure import bands, legend, plain_axes, write
from asuka.image import check_name
from asuka.metrics.spectrum import frequencies, relative_log_amplitude
from asuka.roundtrip import Way, round_trips, ways
from asuka.trial import begin


def draw(options: argparse.Namespace) -> None:
    """All of it, as the script's page of help says."""
    check_name(options.out)
    trial = begin(options, options.data, {"conditional": options.decoder})
    rows = measured(trial.base, ways(trial.decoders["conditional"]), trial.batches)
    write(drawn(rows, options.size), options.out)
    print(said(rows))
    print(options.out)


def measured(base: LatentDiffusion, chosen: dict[str, Way], batches: list[Batch]) -> dict[str, Tensor]:
    """The spectrum (N, frequencies) of every picture by each way."""
    rows = {}
    with tqdm(total=len(chosen) * sum(map(len, batches)), unit="picture") as bar:
        for name, way in chosen.items():
            parts = []
            for batch in batches:
                (picture,) = round_trips(base, way, batch, 1)
                parts.append(relative_log_amplitude(batch.image, batch.mask, picture).cpu())
                bar.update(len(batch))
            rows[name] = torch.cat(parts)
    return rows


def drawn(rows: dict[str, Tensor], size: int) -> Figure:
    """The whole figure."""
    figure = Figure(figsize=(6.4, 4.4))
    axes = figure.subplots()
    figure.subplots_adjust(left=0.1, right=0.97, top=0.82, bottom=0.105)
    plain_axes(axes, "What one encoding and decoding leaves", "cycles per pixel", "relative log amplitude (natural)")
    axes.axhline(0, color="black", linewidth=0.8)
    axes.text(0.5, 0, "truth", ha="right", va="bottom", fontsize=8)
    bands(axes, frequencies(size, size), rows)
    axes.set_xlim(0, 0.5)
    count = len(next(iter(rows.values())))
    legend(figure, axes, f"Median and quartiles of {count} pictures; pasted: known pixels from the truth")
    return figure


def said(rows: dict[str, Tensor]) -> str:
    """The medians at an eighth, a quarter and a half cycle per pixel, for the terminal."""
    lines = ["relative log amplitude, median at 1/8, 1/4 and 1/2 cycles per pixel"]
    for name, values in rows.items():
        last = values.shape[1] - 1
        medians = [values[:, last * part // 4].quantile(0.5) for part in (1, 2, 4)]
        lines.append(f"  {name:<22}" + "".join(f"{median:8.3f}" for median in medians))
    return "\n".join(lines)
