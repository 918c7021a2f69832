"""The tables of a sweep, made from what is there: numbers over seeds, and the ledger."""

import csv
import io
import json
from pathlib import Path
from statistics import mean, stdev

from asuka.sweeps.entry import ALONE, FINISHED, Entry, Row, entry_of

DIGITS = 4  # significant ones
WORDS = "Means ± standard deviations over seeds, in brackets how many there are."
TRAINED = (
    "Evaluations of what is trained all have the same holes; the validation at the end of a training has holes by its "
    "seed."
)
UNTRAINED = "Points that only evaluate have holes and noise by their seed."
Numbers = dict[str, float]


def tables(run_dir: Path, rows: list[Row]) -> tuple[str, str]:
    """Markdown and CSV of a sweep's rows: of each trained point the validation's means, of each evaluated one what
    the evaluation gave; then how far each has come."""
    entries = [entry_of(run_dir, row) for row in rows]
    numbers = [_numbers(run_dir, row, entry) for row, entry in zip(rows, entries, strict=True)]
    states = [entry.state for entry in entries]
    done = f"{states.count(FINISHED)} of {len(rows)} finished."
    return "\n\n".join([done, *_means(rows, numbers), _ledger(rows, entries)]) + "\n", _csv(rows, entries, numbers)


def _numbers(run_dir: Path, row: Row, entry: Entry) -> Numbers:
    folder, found = run_dir / row.folder, {}
    if entry.trained:
        lines = [json.loads(line) for line in (folder / "stats.jsonl").read_text().splitlines()]
        table = [line["validation"] for line in lines if "validation" in line][-1]
        found = {f"trained {name}": cell["mean"] for name, cell in table.items()}
    if entry.state == FINISHED and row.evaluation:
        overall = json.loads((folder / row.evaluation / "summary.json").read_text())["overall"]
        found |= {name: cell["value"] for name, cell in overall.items() if "value" in cell}
    return found


def _means(rows: list[Row], numbers: list[Numbers]) -> list[str]:
    """A column for each point, a line for each number: mean and standard deviation over seeds; nothing where there
    is none yet."""
    labels = list(dict.fromkeys(row.label for row in rows))
    columns = {
        label: [values for row, values in zip(rows, numbers, strict=True) if row.label == label and values]
        for label in labels
    }
    names = list(dict.fromkeys(name for values in numbers for name in values if not name.startswith("raw_")))
    if not names:
        return []
    body = [
        [name, *(_cell([one[name] for one in columns[label] if name in one]) for label in labels)] for name in names
    ]
    heads = ["", *(f"{label} ({len(columns[label])})" for label in labels)]
    alone = {row.evaluation == ALONE for row in rows}
    words = [WORDS, *([TRAINED] if False in alone else []), *([UNTRAINED] if True in alone else [])]
    return [_markdown(heads, body), " ".join(words)]


def _cell(values: list[float]) -> str:
    if not values:
        return "–"
    spread = f" ± {stdev(values):.2g}" if len(values) > 1 else ""
    return f"{mean(values):.{DIGITS}g}{spread}"


def _ledger(rows: list[Row], entries: list[Entry]) -> str:
    body = [
        [row.label, str(row.seed), entry.state, f"{entry.seconds / 60:.1f}", f"`{row.folder}`", entry.error]
        for row, entry in zip(rows, entries, strict=True)
    ]
    return _markdown(["point", "seed", "state", "minutes", "folder", "error"], body)


def _markdown(heads: list[str], body: list[list[str]]) -> str:
    lines = [heads, ["---"] * len(heads), *([cell.replace("|", "\\|") for cell in line] for line in body)]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _csv(rows: list[Row], entries: list[Entry], numbers: list[Numbers]) -> str:
    names = list(dict.fromkeys(name for values in numbers for name in values))
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["point", "seed", "state", "folder", "error", *names])
    for row, entry, values in zip(rows, entries, numbers, strict=True):
        cells = [row.label, row.seed, entry.state, row.folder, entry.error]
        writer.writerow([*cells, *(values.get(name, "") for name in names)])
    return out.getvalue()
