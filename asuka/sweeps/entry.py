"""The ledger of a sweep: what it asked for last, of each point how far it has come, and where it was evaluated."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

from asuka.disk import write_file
from asuka.errors import InputError
from asuka.sweeps.point import Point

PLAN = "plan.json"
ALONE = "."  # the evaluation's folder below a point's that trains nothing
WAITING, TRAINING, EVALUATING = "waiting", "training", "evaluating"
STOPPED, FAILED, FINISHED = "stopped", "failed", "finished"


@dataclass(frozen=True)
class Entry:
    """A point's line in the ledger, kept as entry.json in its folder."""

    state: str = WAITING
    error: str = ""
    trained: bool = False  # whether it has trainings and all of them have come to their ends
    evaluation: str = ""  # the name of the evaluation that `state` speaks of
    seconds: float = 0.0  # of all its commands so far
    commands: tuple[str, ...] = ()  # to repeat it by hand


@dataclass(frozen=True)
class Row:
    """A point as the tables have it."""

    label: str  # its name, and what else it differs in from other points
    seed: int
    folder: str  # below the sweep's
    evaluation: str  # its folder below that, ALONE where nothing is trained; "" where nothing is evaluated

    @property
    def mark(self) -> str:
        """The evaluation's name in the entry."""
        return self.evaluation.rpartition("/")[2]


def load(folder: Path, evaluation: str) -> Entry:
    """The entry of a point, as far as it speaks of this evaluation. InputError where the file is none of ours."""
    file = folder / "entry.json"
    if not file.exists():
        return Entry()
    try:
        entry = Entry(**json.loads(file.read_text()))
    except (ValueError, TypeError) as error:
        raise InputError(f"{file}: is no entry of a sweep ({error}); delete it and repeat the command") from error
    if entry.evaluation == evaluation:
        return entry
    return Entry(TRAINING if entry.trained else entry.state, entry.error, entry.trained, evaluation, entry.seconds)


def store(folder: Path, entry: Entry) -> None:
    """Write a point's entry so that it is whole under its name."""
    write_file(folder / "entry.json", json.dumps(asdict(entry), indent=1) + "\n")


def rows(points: list[Point]) -> list[Row]:
    """The rows of points. InputError where two of them are one and the same at the same seed."""
    shared = set.intersection(*(set(point.words) for point in points))
    found: dict[Path, Row] = {}
    for point in points:
        label = " ".join([point.name, *(word for word in point.words if word not in shared)]).strip()
        other, what = found.get(point.folder), "training" if point.legs else "evaluation"
        if other:
            raise InputError(
                f"{other.label} and {label} are one and the same {what} at seed {point.seed}: what was typed "
                "takes the place of what they differ in; leave it out"
            )
        evaluation = point.evaluate.run_dir.relative_to(point.folder).as_posix() if point.evaluate else ""
        found[point.folder] = Row(label or "all", point.seed, point.folder.name, evaluation)
    return list(found.values())


def plan(run_dir: Path, planned: list[Row]) -> None:
    """Remember what a sweep was asked for: its tables are of that."""
    write_file(run_dir / PLAN, json.dumps([asdict(row) for row in planned], indent=1) + "\n")


def planned(run_dir: Path) -> list[Row]:
    """What a sweep was asked for last. InputError where the file is none of ours."""
    try:
        return [Row(**row) for row in json.loads((run_dir / PLAN).read_text())]
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{run_dir / PLAN}: is no plan of a sweep ({error}); repeat the sweep's command") from error


def entry_of(run_dir: Path, row: Row) -> Entry:
    return load(run_dir / row.folder, row.mark)


def titles(rows: list[Row]) -> list[str]:
    """What points are called side by side: by their labels, and by their seeds where these are several."""
    several = len({row.seed for row in rows}) > 1
    return [f"{row.label} seed {row.seed}" if several else row.label for row in rows]
