"""The tables of a comparison."""

import csv
import io
from collections.abc import Iterator, Sequence
from typing import Any

from asuka.evaluation.comparison import RAW, Comparison
from asuka.evaluation.published import DECIMALS, PUBLISHED, Published
from asuka.evaluation.report import Number
from asuka.evaluation.table import PARTS
from asuka.evaluation.typeset import Cell, Table, column, excludes_zero, latex, markdown, rows

WIDE = 6  # numbers beside each other
HEADS = ("part", "place", "method", "metric", "better", "value", "low", "high", "pictures")
HEADS += ("difference", "difference_low", "difference_high", "excludes_0", "note")
DIGITS = 9  # significant ones in table.csv


def table_md(comparison: Comparison) -> str:
    """table.md: every number of every method."""
    parts = _parts(comparison)
    tables = _overall(comparison) + [_cost(comparison)] + _published(comparison) + parts
    return f"{_heading(comparison)}\n\n{markdown(tables)}{_absent(comparison, parts)}"


def table_tex(comparison: Comparison) -> str:
    """table.tex: the numbers of the composites, for LaTeX."""
    return latex(_blocks(comparison, "Composite", _composite(comparison)))


def differences_md(comparison: Comparison) -> str:
    """differences.md: what every method has more than the baseline."""
    tables = []
    for title, keys in (("Composite", _composite(comparison)), ("Raw", _raw(comparison))):
        for part in _cut(keys):
            cells = [column([comparison.difference(run, key) for run in comparison.others], None, "+") for key in part]
            names = [f"{run.name} - {comparison.baseline.name}" for run in comparison.others]
            tables.append(Table(title, [comparison.head(key) for key in part], rows(names, cells)))
    words = "Paired differences with 95 % intervals over photographs; * where the interval excludes 0."
    return f"{_heading(comparison)}\n\n{words}\n\n{markdown(tables)}"


def table_csv(comparison: Comparison) -> str:
    """table.csv: a line for each number of each method."""
    text = io.StringIO()
    writer = csv.DictWriter(text, HEADS, restval="", lineterminator="\n")
    writer.writeheader()
    for line in _lines(comparison):
        writer.writerow(
            {key: f"{value:.{DIGITS}g}" if isinstance(value, float) else value for key, value in line.items()}
        )
    return text.getvalue()


def _heading(comparison: Comparison) -> str:
    """What all numbers rest on, what each method's do, and what differs."""
    about = comparison.baseline.about
    words = [f"{about['pairs']} pairs of {about['photographs']} photographs", f"protocol {about['protocol']}"]
    words += [f"images {about['images'][:12]}", f"holes {about['holes'][:12]}"]
    lines = [f"{', '.join(words)}. Baseline `{comparison.baseline.name}`. 95 % intervals over photographs.", ""]
    for run in comparison.runs:
        made = f"weights {run.about['weights']}, seed {run.about['seed']}, commit {run.about['commit'][:12]}"
        lines.append(f"- `{run.name}`: {made}")
    lines += [f"- **{remark}**" for remark in comparison.remarks()]
    return "\n".join(lines)


def _composite(comparison: Comparison) -> list[str]:
    return [key for key in comparison.keys if not key.startswith(RAW)]


def _raw(comparison: Comparison) -> list[str]:
    return [key for key in comparison.keys if key.startswith(RAW)]


def _overall(comparison: Comparison) -> list[Table]:
    tables = _blocks(comparison, "Composite: the result in the hole, the truth around it", _composite(comparison))
    return tables + _blocks(comparison, "Raw: what the method returned, nothing pasted", _raw(comparison))


def _blocks(comparison: Comparison, title: str, keys: Sequence[str]) -> list[Table]:
    """Tables of some numbers of all pairs, WIDE at most in each."""
    names = [run.name for run in comparison.runs]
    tables = []
    for part in _cut(keys):
        cells = [column([run.number(key) for run in comparison.runs], comparison.better(key)) for key in part]
        tables.append(Table(title, [comparison.head(key) for key in part], rows(names, cells)))
    return tables


def _cut(keys: Sequence[str]) -> list[Sequence[str]]:
    return [keys[start : start + WIDE] for start in range(0, len(keys), WIDE)]


def _seconds(comparison: Comparison) -> list[Number]:
    """What a picture took each method, on the mean."""
    return [{"value": run.summary["cost"]["seconds_per_picture"]} for run in comparison.runs]


def _cost(comparison: Comparison) -> Table:
    names = [run.name for run in comparison.runs]
    memory = [Cell(run.summary["cost"]["memory"]) for run in comparison.runs]
    return Table(
        "Cost", ["seconds per picture ↓", "memory"], rows(names, [column(_seconds(comparison), "lower"), memory])
    )


def _parts(comparison: Comparison) -> list[Table]:
    """For each number a table whose columns are groups of pairs, then ranges of hole ratios; none where no method has
    such a number anywhere."""
    tables, names = [], [run.name for run in comparison.runs]
    for part, title in PARTS.items():
        places = comparison.baseline.summary[part]
        heads = [f"{place} ({cells['pairs']})" for place, cells in places.items()]
        for key in _composite(comparison) if len(places) > 1 else ():
            numbers = [[run.placed(part, place, key) for run in comparison.runs] for place in places]
            if any("value" in number for one in numbers for number in one):
                cells = [column(one, comparison.better(key)) for one in numbers]
                tables.append(Table(f"{title}: {comparison.head(key)}", heads, rows(names, cells)))
    return tables


def _absent(comparison: Comparison, tables: list[Table]) -> str:
    """Which numbers have no table by group or by hole ratio, where others have."""
    shown = {table.title.partition(": ")[2] for table in tables}
    absent = [key for key in _composite(comparison) if comparison.head(key) not in shown]
    return f"\nToo small for it, no group or range has {', '.join(absent)}.\n" if shown and absent else ""


def _published(comparison: Comparison) -> list[Table]:
    return [_beside(comparison, published) for published in PUBLISHED if published.fits(comparison.baseline)]


def _beside(comparison: Comparison, published: Published) -> Table:
    """Published rows, then ours."""
    names = [f"{name} (published)" for name in published.rows] + [run.name for run in comparison.runs]
    cells = []
    for place, key in enumerate(published.keys):
        theirs: list[Number] = [{"value": numbers[place]} for numbers in published.rows.values()]
        ours = [run.number(key) for run in comparison.runs]
        cells.append(column(theirs + ours, comparison.better(key), digits=DECIMALS))
    heads = [comparison.head(key) for key in published.keys]
    return Table(f"Beside the numbers of {published.source}", heads, rows(names, cells))


def _lines(comparison: Comparison) -> Iterator[dict[str, Any]]:
    for run in comparison.runs:
        for key in comparison.keys:
            line = _line(comparison, "overall", "", run.name, key, run.number(key))
            yield line | (_differing(comparison.difference(run, key)) if run is not comparison.baseline else {})
        for part in PARTS:
            for place, cells in run.summary[part].items():
                for key, number in cells["numbers"].items():
                    yield _line(comparison, part, place, run.name, key, number)
    for run, number in zip(comparison.runs, _seconds(comparison), strict=True):
        yield _line(comparison, "cost", "", run.name, "seconds", number) | {"better": "lower"}
        yield {"part": "cost", "method": run.name, "metric": "memory", "note": run.summary["cost"]["memory"]}
    for published in PUBLISHED:
        if published.fits(comparison.baseline):
            for name, numbers in published.rows.items():
                for key, value in zip(published.keys, numbers, strict=True):
                    yield _line(comparison, "published", published.source, name, key, {"value": value})


def _line(comparison: Comparison, part: str, place: str, method: str, key: str, number: Number) -> dict[str, Any]:
    words = {"part": part, "place": place, "method": method, "metric": key, "better": comparison.better(key)}
    return words | {"note" if word == "refused" else word: value for word, value in number.items()}


def _differing(number: Number) -> dict[str, Any]:
    if "refused" in number:
        return {"note": number["refused"]}
    words = {"value": "difference", "low": "difference_low", "high": "difference_high"}
    found = {words[word]: value for word, value in number.items() if word in words}
    return found | ({"excludes_0": int(excludes_zero(number))} if "low" in number else {})
