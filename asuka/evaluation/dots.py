"""Every number of a comparison as a dot with its interval, a line for each method."""

from math import ceil, isfinite

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from asuka.evaluation.comparison import RAW, Comparison
from asuka.figure import CURVES, plain_axes

ACROSS, WIDTH, LINE, REST = 3, 3.2, 0.24, 0.75  # panels in a row; inches of a panel, a method, and title and scale
(BASE, _), (OTHER, _) = CURVES[0], CURVES[1]


def dots(comparison: Comparison) -> Figure:
    """A panel for each number of the composites that some method has; a line goes through the baseline's. Numbers that
    are 0 for all, as changes of known pixels are that no composite has, are only named."""
    keys = [key for key in comparison.keys if not key.startswith(RAW) and _drawn(comparison, key)]
    zero = [key for key in keys if all(run.number(key).get("value", 0) == 0 for run in comparison.runs)]
    keys = [key for key in keys if key not in zero]
    down = max(ceil(len(keys) / ACROSS), 1)
    height = REST + LINE * len(comparison.runs)
    figure = Figure(figsize=(ACROSS * WIDTH, down * height), layout="constrained")
    panels = figure.subplots(down, ACROSS, sharey=True, squeeze=False).flatten()
    for axes, key in zip(panels[: len(keys)], keys, strict=True):
        _panel(plain_axes(axes, comparison.head(key), "", ""), comparison, key)
    for axes in panels[len(keys) :]:
        axes.set_axis_off()
    if zero:
        figure.supxlabel(f"0 for all: {', '.join(zero)}", x=0.01, ha="left", fontsize=8)
    return figure


def _drawn(comparison: Comparison, key: str) -> list[str]:
    """Names of the methods that have a number that can be drawn."""
    return [run.name for run in comparison.runs if isfinite(run.number(key).get("value", float("nan")))]


def _panel(axes: Axes, comparison: Comparison, key: str) -> None:
    names, drawn = [run.name for run in comparison.runs], _drawn(comparison, key)
    for place, run in enumerate(comparison.runs):
        if run.name not in drawn:
            continue
        number, base = run.number(key), run is comparison.baseline
        colour = BASE if base else OTHER
        if base:
            axes.axvline(number["value"], color=BASE, linewidth=0.8, alpha=0.5)
        if "low" in number:
            axes.plot([number["low"], number["high"]], [place, place], color=colour, linewidth=1.6)
        axes.plot([number["value"]], [place], "o", color=colour, markersize=4.5)
    axes.locator_params(axis="x", nbins=4)  # more numbers would touch
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
