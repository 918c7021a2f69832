"""The few numbers of a comparison that a page for people shows, read back from its table.csv."""

import csv
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from asuka.errors import InputError, nearest
from asuka.evaluation.comparison import ARROWS
from asuka.evaluation.report import Number
from asuka.evaluation.side_by_side import HEADS
from asuka.evaluation.typeset import Cell, Table, column, markdown, rows

Line = dict[str, str]


@dataclass(frozen=True)
class Shown:
    """A column."""

    head: str
    part: str  # of table.csv
    key: str
    digits: int  # after the point


COLUMNS = (
    Shown("LPIPS", "overall", "lpips_alex", 4),
    Shown("FID", "overall", "fid", 2),
    Shown("KID", "overall", "kid", 4),
    Shown("U-IDS (64)", "overall", "u_ids_pca64", 3),
    Shown("P-IDS (64)", "overall", "p_ids_pca64", 3),
    Shown("PSNR", "overall", "psnr", 2),
    Shown("SSIM", "overall", "ssim", 3),
    Shown("seam", "overall", "excess_seam_de", 2),
    Shown("seconds", "cost", "seconds", 3),
)
WORDS = (
    "± half of the 95 % interval over photographs, **bold** the best, \\* where the interval of the paired difference "
    "to `{baseline}` excludes 0. LPIPS in AlexNet; U-IDS and P-IDS in 64 principal directions; seam: dE76 above the "
    "photograph's own; seconds of a picture."
)


def lines_of(text: str, place: Path) -> list[Line]:
    """The lines of a table.csv. InputError, naming `place`, where it is none."""
    reader = csv.DictReader(text.splitlines())
    if tuple(reader.fieldnames or ()) != HEADS:
        raise InputError(f"{place}: its first line is not that of a table.csv; give what python -m asuka.compare wrote")
    return list(reader)


def short_table(lines: Sequence[Line], methods: Sequence[str], place: Path) -> str:
    """Markdown: a row for each of some methods, or of all (none given); what the numbers are, below.

    InputError, naming `place`, for a method that is not there.
    """
    overall = [line for line in lines if line["part"] == "overall"]
    known = list(dict.fromkeys(line["method"] for line in overall))
    for name in methods:
        if name not in known:
            remedy = nearest(name, known, f"choose from {', '.join(known)}")
            raise InputError(f"--methods {name}: {place} has no such method; {remedy}")
    baseline = next(
        (name for name in known if not any(_differs(line) for line in overall if line["method"] == name)), ""
    )
    if not baseline:
        raise InputError(f"{place}: every method has differences, so none is the baseline; compare once more")
    names = list(methods) or known
    heads, columns = [], []
    for shown in COLUMNS:
        found = {line["method"]: line for line in lines if (line["part"], line["metric"]) == (shown.part, shown.key)}
        better = next((line["better"] for line in found.values()), "")
        heads.append(f"{shown.head} {ARROWS.get(better, '')}".strip())
        columns.append(_cells([found.get(name) for name in names], better or None, shown))
    table = Table(f"{max(int(line['pictures'] or 0) for line in overall)} pictures", heads, rows(names, columns))
    return f"{markdown([table])}\n{WORDS.format(baseline=baseline)}\n"


def _cells(lines: Sequence[Line | None], better: str | None, shown: Shown) -> list[Cell]:
    numbers = [_number(line) for line in lines]
    cells = []
    for line, number, cell in zip(lines, numbers, column(numbers, better, digits=shown.digits), strict=True):
        half = f"± {(number['high'] - number['low']) / 2:.{shown.digits}f}" if "low" in number else ""
        star = "\\*" if line and line["excludes_0"] == "1" else ""
        cells.append(replace(cell, interval=half, mark=star))
    return cells


def _number(line: Line | None) -> Number:
    """A line's number, or why there is none."""
    if line is None:
        return {"refused": "not measured"}
    if not line["value"]:
        return {"refused": line["note"]}
    return {word: float(line[word]) for word in ("value", "low", "high") if line[word]}


def _differs(line: Line) -> bool:
    return line["difference"] != ""
