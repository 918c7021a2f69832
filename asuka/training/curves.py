"""The learning curves of a run as one picture."""

from itertools import takewhile

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from asuka.figure import plain_axes

WIDTH, HEIGHT = 8.0, 2.2  # of a panel, in inches
SMOOTH, LEAST = 0.05, 5  # of a run's length, and of its points, are averaged for the thick line


def curves(rows: list[dict]) -> Figure:
    """From the rows of `stats.jsonl`: a panel for each loss (raw and smoothed), for each group of validation means, and
    for the learning rate, over steps."""
    steps = [row for row in rows if "lr" in row]
    checks = [row for row in rows if "validation" in row]
    losses = list(takewhile(lambda name: name != "lr", steps[0]))[1:] if steps else []  # between step and lr
    groups = _groups(checks[-1]["validation"]) if checks else {}
    figure = Figure(figsize=(WIDTH, HEIGHT * (len(losses) + len(groups) + 1)), layout="constrained")
    panels = iter(figure.subplots(len(losses) + len(groups) + 1, sharex=True, squeeze=False)[:, 0])
    for name in losses:
        _loss(plain_axes(next(panels), name, "", ""), name, steps)
    for group, names in groups.items():
        _validation(plain_axes(next(panels), f"validation: {group}", "", ""), names, checks)
    rate = plain_axes(next(panels), "learning rate", "step", "")
    rate.plot([row["step"] for row in steps], [row["lr"] for row in steps], color="tab:green")
    return figure


def smoothed(values: list[float], window: int) -> np.ndarray:
    """Means over `window` neighbours, fewer at the ends."""
    ones = np.ones(window)
    return np.convolve(values, ones, "same") / np.convolve(np.ones(len(values)), ones, "same")


def _loss(axes: Axes, name: str, rows: list[dict]) -> None:
    steps, values = [row["step"] for row in rows], [row[name] for row in rows]
    window = min(max(2 * int(SMOOTH * len(values) / 2) + 1, LEAST), len(values))
    axes.plot(steps, values, color="tab:blue", alpha=0.35, linewidth=0.8)
    axes.plot(steps, smoothed(values, window), color="tab:blue", linewidth=1.8)
    if max(values) > 10 * min(values) > 0:
        axes.set_yscale("log")


def _validation(axes: Axes, names: list[str], rows: list[dict]) -> None:
    for name in names:
        means = [row["validation"][name]["mean"] for row in rows]
        axes.plot([row["step"] for row in rows], means, "o-", markersize=4, label=name)
    if len(names) > 1:
        axes.legend(fontsize="small", frameon=False)


def _groups(table: dict) -> dict[str, list[str]]:
    """Names of a validation table by what stands before their last slash."""
    groups: dict[str, list[str]] = {}
    for name in table:
        groups.setdefault(name.rpartition("/")[0] or name, []).append(name)
    return groups
