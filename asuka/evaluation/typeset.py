"""Tables of numbers as Markdown and as LaTeX: best in bold, why a number is missing in a note."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import floor, isfinite, log10

from asuka.evaluation.report import Number

SIGNIFICANT, MOST = 4, 6  # digits of a column's largest number; after the point at most
MISSING = "–"
LATEX = str.maketrans(
    {"_": r"\_", "%": r"\%", "&": r"\&", "#": r"\#", "↑": r"$\uparrow$", "↓": r"$\downarrow$", MISSING: "--"}
)


@dataclass(frozen=True)
class Cell:
    """A number as it is read."""

    text: str
    interval: str = ""
    best: bool = False
    note: str = ""
    mark: str = ""  # behind the number, never bold


@dataclass(frozen=True)
class Table:
    """A row for each method, a column for each number."""

    title: str
    heads: list[str]  # of the columns after the first
    rows: list[tuple[str, list[Cell]]]


def column(numbers: Sequence[Number], better: str | None, sign: str = "-", digits: int | None = None) -> list[Cell]:
    """Numbers that stand below one another, with equally many digits after the point: `digits`, or as many as give the
    largest SIGNIFICANT ones. The best, as it is displayed, is bold where there is a better way and one that is worse.
    `sign` "+" shows every sign, and * an interval without 0."""
    values = [number["value"] for number in numbers if "value" in number]
    if digits is None:
        digits = _digits([value for value in values if isfinite(value)])
    texts = [f"{number['value']:{sign}.{digits}f}" if "value" in number else MISSING for number in numbers]
    best = _best(values, better)
    winner = None if best is None else f"{best:{sign}.{digits}f}"
    cells = []
    for number, text in zip(numbers, texts, strict=True):
        if "refused" in number:
            cells.append(Cell(MISSING, note=number["refused"]))
            continue
        mark = "*" if sign == "+" and excludes_zero(number) else ""
        ends = f"[{number['low']:{sign}.{digits}f}, {number['high']:{sign}.{digits}f}]" if "low" in number else ""
        cells.append(Cell(f"{text}{mark}", ends, text == winner))
    return cells


def excludes_zero(number: Number) -> bool:
    """Whether a number has an interval, and it lies on one side of 0."""
    return "low" in number and (number["low"] > 0 or number["high"] < 0)


def rows(names: Sequence[str], columns: Sequence[Sequence[Cell]]) -> list[tuple[str, list[Cell]]]:
    """Columns as a table's rows."""
    return [(name, [one[place] for one in columns]) for place, name in enumerate(names)]


def markdown(tables: Sequence[Table]) -> str:
    """Tables under their titles, notes at the end."""
    notes, parts = _notes(tables), []
    for table in tables:
        body = [["", *table.heads], ["---", *("---:" for _ in table.heads)]]
        body += [[name, *(_markdown(cell, notes) for cell in cells)] for name, cells in table.rows]
        parts += [f"**{table.title}**", "\n".join(f"| {' | '.join(row)} |" for row in body)]
    if notes:
        parts.append("\n".join(f"{number}. {why}" for why, number in notes.items()))
    return "\n\n".join(parts) + "\n"


def latex(tables: Sequence[Table]) -> str:
    """Tables for the package booktabs, notes at the end."""
    notes, parts = _notes(tables), []
    for table in tables:
        lines = [rf"% {table.title}", rf"\begin{{tabular}}{{l{'r' * len(table.heads)}}}", r"\toprule"]
        lines += [rf"{' & '.join(['', *(head.translate(LATEX) for head in table.heads)])} \\", r"\midrule"]
        lines += [
            rf"{' & '.join([name.translate(LATEX), *(_latex(cell, notes) for cell in cells)])} \\"
            for name, cells in table.rows
        ]
        parts.append("\n".join([*lines, r"\bottomrule", r"\end{tabular}"]))
    parts += [rf"\par\footnotesize ({number}) {why.translate(LATEX)}" for why, number in notes.items()]
    return "\n\n".join(parts) + "\n"


def _best(values: list[float], better: str | None) -> float | None:
    if better is None or len(set(values)) < 2:
        return None
    return max(values) if better == "higher" else min(values)


def _digits(values: list[float]) -> int:
    """After the point, so that the largest of some numbers has SIGNIFICANT digits."""
    largest = max(map(abs, values), default=0)
    return min(max(SIGNIFICANT - 1 - floor(log10(largest)), 0), MOST) if largest else SIGNIFICANT


def _notes(tables: Sequence[Table]) -> dict[str, int]:
    """Each note's number, in the order of their first use."""
    found = [cell.note for table in tables for _, cells in table.rows for cell in cells if cell.note]
    return {note: number for number, note in enumerate(dict.fromkeys(found), 1)}


def _markdown(cell: Cell, notes: dict[str, int]) -> str:
    text = (f"**{cell.text}**" if cell.best else cell.text) + cell.mark
    return " ".join(word for word in (text, cell.interval, _note(cell, notes)) if word)


def _latex(cell: Cell, notes: dict[str, int]) -> str:
    text = cell.text.translate(LATEX)
    text = rf"\textbf{{{text}}}" if cell.best else text
    interval = rf"{{\scriptsize {cell.interval}}}" if cell.interval else ""
    return " ".join(word for word in (text, interval, _note(cell, notes)) if word)


def _note(cell: Cell, notes: dict[str, int]) -> str:
    return f"({notes[cell.note]})" if cell.note else ""
