"""What `scripts/match_rows.py` does."""

import csv
from pathlib import Path

from asuka.errors import InputError
from asuka.stems import shown

KEY = ("part", "place", "method", "metric")
COST = ("seconds", "memory")  # metrics that are the machine's
Key = tuple[str, ...]


def match(measured: Path, committed: Path, tolerance: float) -> None:
    """Compare two tables and print how many rows there were, and the worst. InputError where they do not match: a row
    that is missing, or whose values are further apart than `tolerance`, absolute for committed values from -1 to 1 and
    relative beyond."""
    if not tolerance >= 0:
        raise InputError(f"--tolerance {tolerance}: must be 0 or more; give another number")
    ours, theirs = _read(measured), _read(committed)
    if not ours:
        raise InputError(f"{measured}: has no rows to compare; give the table.csv of a comparison")
    there = [key for key in ours if key in theirs]
    far = {key: _distance(ours[key], theirs[key]) for key in there}
    worst = max(there, key=far.__getitem__, default=None)
    print(f"{len(there)} rows compared" + (f"; the worst is {_told(worst, ours, theirs)}" if worst else ""))
    missing = [_named(key) for key in ours if key not in theirs]
    apart = [_told(key, ours, theirs) for key in there if not far[key] <= tolerance]
    problems = []
    if missing:
        problems.append(f"{committed} lacks {len(missing)} rows of {measured}: {shown(missing)}")
    if apart:
        problems.append(f"{len(apart)} of {len(there)} rows differ by more than {tolerance:g}: {shown(apart, '; ')}")
    if problems:
        raise InputError(*problems)


def _read(file: Path) -> dict[Key, float | None]:
    """The values of a table; None where there is none. InputError for what is no such table."""
    try:
        with open(file, newline="", encoding="utf-8") as opened:
            rows = [row for row in csv.DictReader(opened, strict=True) if row["metric"] not in COST]
        if any(None in (*row, *row.values()) for row in rows):
            raise ValueError("a row is longer or shorter than the first line")
        keys = [tuple(row[word] for word in KEY) for row in rows]
        values = [float(row["value"]) if row["value"] else None for row in rows]
    except (OSError, LookupError, ValueError, csv.Error) as error:
        raise InputError(f"{file}: cannot be read as a table of asuka.compare ({error}); give its table.csv") from error
    if twice := sorted({_named(key) for key in keys if keys.count(key) > 1}):
        raise InputError(f"{file}: has {shown(twice)} twice; make the table again")
    return dict(zip(keys, values, strict=True))


def _distance(ours: float | None, theirs: float | None) -> float:
    """How far apart two values are, in terms of the tolerance; infinite where only one is a number."""
    if ours == theirs:
        return 0.0
    if ours is None or theirs is None:
        return float("inf")
    distance = abs(ours - theirs) / max(1.0, abs(theirs))
    return float("inf") if distance != distance else distance


def _told(key: Key, ours: dict[Key, float | None], theirs: dict[Key, float | None]) -> str:
    return f"{_named(key)} ({ours[key]}, committed {theirs[key]})"


def _named(key: Key) -> str:
    return " ".join(filter(None, key))
