"""What methods left after each edit, as numbers: rows.csv, and means with paired differences for table.md."""

import csv
import io
from dataclasses import dataclass

import numpy as np

from asuka.evaluation.comparison import ARROWS
from asuka.evaluation.edits import MEASURES, UNITS
from asuka.evaluation.report import Number, mean
from asuka.evaluation.typeset import Table, column, markdown, rows

WAYS = {
    "exact": "pasted after every edit",
    "none": "nothing pasted, the next edit starts from the raw decode",
}  # way of pasting -> what it is
KNOWN = "known_ratio"  # share of the pixels that were in no hole so far
# Part of an archive of the disk, or of all of them together -> (K,) or (N, K).
Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class Edits:
    """Every number of N photographs after each of K edits."""

    names: list[str]  # of the photographs
    arrays: dict[str, Arrays]  # method -> `PASTE/MEASURE` or known_ratio -> (N, K); nan where there is none
    seed: int  # of the bootstrap

    @property
    def methods(self) -> list[str]:
        return list(self.arrays)

    @property
    def count(self) -> int:
        """Edits of each photograph."""
        return self.arrays[self.methods[0]][KNOWN].shape[1]

    def numbers(self, method: str, key: str) -> list[Number]:
        """Means after each edit, with their intervals over photographs."""
        return [mean(values, self.names, self.seed) for values in self.arrays[method][key].T]

    def differences(self, method: str, key: str) -> list[Number]:
        """What a method has more than the first one, photograph by photograph."""
        more = self.arrays[method][key] - self.arrays[self.methods[0]][key]
        return [mean(values, self.names, self.seed) for values in more.T]


def table_md(edits: Edits, words: list[str]) -> str:
    """table.md: for each way of pasting and each measure a row for each method, a column for each edit. What is 0
    everywhere is only named."""
    first, *others = edits.methods
    heads = [f"edit {edit}" for edit in range(1, edits.count + 1)]
    tables, zero = [], []
    for paste, way in WAYS.items():
        for measure, better in MEASURES.items():
            key = f"{paste}/{measure}"
            if _is_zero(edits, key):
                zero.append(f"{measure} ({way})")
                continue
            numbers = {name: edits.numbers(name, key) for name in edits.methods}
            more = {f"{name} - {first}": edits.differences(name, key) for name in others}
            title = f"{measure} {ARROWS[better]}, {way}"
            tables.append(Table(title, heads, _rows(numbers, better, "-") + _rows(more, None, "+")))
    named = f"\n0 for every photograph, method and edit: {'; '.join(zero)}.\n" if zero else ""
    return f"{_about(edits, words)}\n\n{markdown(tables)}{named}"


def rows_csv(edits: Edits) -> str:
    """rows.csv: a line for each photograph, method, way of pasting and edit; empty where there is no such number."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["photo", "method", "paste", "edit", KNOWN, *MEASURES])
    for place, name in enumerate(edits.names):
        for method, arrays in edits.arrays.items():
            for paste in WAYS:
                for edit in range(edits.count):
                    columns = [arrays[key] for key in (KNOWN, *(f"{paste}/{measure}" for measure in MEASURES))]
                    values = [values[place, edit] for values in columns]
                    cells = ["" if np.isnan(value) else f"{value:.6g}" for value in values]
                    writer.writerow([name, method, paste, edit + 1, *cells])
    return text.getvalue()


def _about(edits: Edits, words: list[str]) -> str:
    """What the numbers are."""
    shares = ", ".join(f"{share:.0%}" for share in edits.arrays[edits.methods[0]][KNOWN].mean(0))
    return " ".join(
        (
            f"{len(edits.names)} photographs, {edits.count} edits each; {', '.join(words)}.",
            "Means against the photographs with 95 % intervals over them, and paired differences to",
            f"`{edits.methods[0]}`, \\* where the interval excludes 0. {UNITS}; known_*: of the pixels that were in no",
            f"hole so far ({shares} of them after each edit), colour_shift: of all holes so far, excess_seam_de:",
            "around the edit's own hole, which has no seam where both of its sides are redrawn alike.",
        )
    )


def _is_zero(edits: Edits, key: str) -> bool:
    """Whether all that was measured is 0, by every method."""
    values = np.concatenate([arrays[key].flatten() for arrays in edits.arrays.values()])
    there = values[~np.isnan(values)]
    return len(there) > 0 and not there.any()


def _rows(numbers: dict[str, list[Number]], better: str | None, sign: str) -> list[tuple[str, list]]:
    """Rows of a table, from the numbers of each after each edit."""
    if not numbers:
        return []
    cells = [column(list(one), better, sign) for one in zip(*numbers.values(), strict=True)]
    return rows(list(numbers), cells)
