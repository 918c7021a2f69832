"""Figures as the project draws them: lines in bands on a light grid, written whole as PNG."""

import io
from pathlib import Path

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure, SubFigure
from PIL import Image
from torch import Tensor

from asuka.image import save

# Colour and style of up to six curves, told apart by colour-blind eyes too (Okabe and Ito 2008).
CURVES = (
    *(("#d55e00", "-"), ("#0072b2", "-"), ("#e69f00", "--"), ("#56b4e9", "--")),
    *(("#009e73", "-."), ("#cc79a7", "-.")),
)


def plain_axes(axes: Axes, title: str, x: str, y: str) -> Axes:
    """The same axes with words, a light grid and no frame."""
    axes.set_title(title, loc="left", fontsize=10)
    axes.set_xlabel(x, fontsize=9)
    axes.set_ylabel(y, fontsize=9)
    axes.tick_params(labelsize=8, length=0)
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    for spine in axes.spines.values():
        spine.set_visible(False)
    return axes


def bands(axes: Axes, x: Tensor, rows: dict[str, Tensor]) -> None:
    """For each name the median of its rows (N, K) over x (K,), in a band from the first to the third quartile."""
    quartiles = {
        name: np.percentile(values.double().cpu().numpy(), (25, 50, 75), axis=0) for name, values in rows.items()
    }
    curves(axes, x.numpy(), quartiles)


def curves(axes: Axes, x: np.ndarray, rows: dict[str, np.ndarray]) -> None:
    """For each name a line over x (K,) in its band; its rows (3, K) are lower end, line and upper end."""
    for (name, (low, middle, high)), (colour, style) in zip(rows.items(), CURVES[: len(rows)], strict=True):
        axes.fill_between(x, low, high, color=colour, alpha=0.15, linewidth=0)
        axes.plot(x, middle, style, color=colour, linewidth=1.8, label=name)


def legend(figure: Figure | SubFigure, axes: Axes, title: str) -> None:
    """One line above everything that names the curves, where no curve can be."""
    handles, labels = axes.get_legend_handles_labels()
    words = dict(fontsize=8, title_fontsize=8, frameon=False, alignment="left", handlelength=2.2, columnspacing=1.6)
    figure.legend(handles, labels, title=title, loc="upper left", ncols=len(labels), **words)


def write(figure: Figure, path: Path) -> None:
    """The figure as a picture file, complete under its name and the same bytes every time."""
    whole = io.BytesIO()
    figure.savefig(whole, format="png", dpi=160, facecolor="white")
    save(Image.open(whole).convert("RGB"), path)
