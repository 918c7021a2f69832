"""Files from elsewhere on this machine: fetched once, checked, never half."""

import importlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from asuka.errors import InputError
from asuka.foreign.check import fault, sha256_of
from asuka.foreign.place import entry_of, folder_of, offline, own, path_of, variable_of
from asuka.foreign.table import File

RECORD = "record.json"
COMMAND = "python -m asuka.weights fetch"


@dataclass(frozen=True)
class State:
    """One word (yours, whole, partial, absent or wrong) and a sentence for each file that is wrong."""

    word: str
    faults: tuple[str, ...]


def fetch(name: str) -> Path:
    """The file that `name` stands for, or its folder where it is several; what is missing is fetched now.

    Right files are left alone, and so is whatever the user put in their place. InputError where a file cannot be had,
    may not be fetched, or is not what it should be.
    """
    if path := own(name):
        return path
    entry, folder = entry_of(name), folder_of(name)
    missing = [file for file in entry.files if not _ready(folder, file)]
    if missing and (switch := offline()):
        raise InputError(
            f"{name}: {missing[0].path} is not in {folder}, and {switch} forbids to fetch it; copy it there, "
            f"or unset {switch} and run {COMMAND} {name}"
        )
    try:
        for file in missing:
            (folder / file.path).parent.mkdir(parents=True, exist_ok=True)
            with FileLock(folder / ".lock"):  # a second process waits here, and then finds the file
                if not _ready(folder, file):
                    _fetch_file(name, folder, file)
    except OSError as error:
        raise InputError(
            f"{name}: cannot write to {folder} ({error.strerror or error}); make room there or set ASUKA_WEIGHTS"
        ) from error
    return path_of(name)


def glance(name: str) -> State:
    """How `name` stands by the sizes of its files, none of which is read."""
    return _state(name, lambda path, size, sha256: fault(path, size, None))


def verify(name: str) -> State:
    """How `name` stands after every file that is here was read and hashed; the user's own are not judged."""
    return _state(name, fault)


def _state(name: str, judge: Callable[[Path, int | None, str | None], str | None]) -> State:
    if own(name):
        return State("yours", ())
    folder, files = folder_of(name), entry_of(name).files
    here = [file for file in files if (folder / file.path).exists()]
    judged = [(file, judge(folder / file.path, *_wanted(folder, file))) for file in here]
    if faults := tuple(_sentence(folder, file, wrong) for file, wrong in judged if wrong):
        return State("wrong", faults)
    if len(here) == len(files):
        return State("whole", ())
    return State("partial" if here or any(folder.rglob("*.part")) else "absent", ())


def _sentence(folder: Path, file: File, wrong: str) -> str:
    name = folder.name
    return (
        f"{folder / file.path} is not the file of {name}: {wrong}; delete it and run {COMMAND} {name}, "
        f"or give one of your own by {variable_of(name)}"
    )


def _wanted(folder: Path, file: File) -> tuple[int | None, str | None]:
    """Size and sha256 that a file must have: the table's, or those of its first fetch."""
    known = _record(folder).get(file.path, {})
    return file.size or known.get("size"), file.sha256 or known.get("sha256")


def _ready(folder: Path, file: File) -> bool:
    """Whether a file is here and right, read in full the first time only; InputError where it is wrong."""
    path, (size, sha256) = folder / file.path, _wanted(folder, file)
    if not path.exists():
        return False
    known = file.path in _record(folder)
    if wrong := fault(path, size, None if known else sha256):
        raise InputError(_sentence(folder, file, wrong))
    if not known and os.access(folder, os.W_OK):
        _note(folder, file, "put here by hand", path)
    return True


def _fetch_file(name: str, folder: Path, file: File) -> None:
    # Network libraries take a second or two to import, and only a fetch needs them.
    mirrors = importlib.import_module("asuka.foreign.mirrors")
    part, (size, sha256) = folder / f"{file.path}.part", _wanted(folder, file)
    # What an earlier attempt left may be rotten: then the first mirror gets a second chance, from the beginning.
    again = file.mirrors[:1] if any(part.parent.glob("*.part")) else ()
    troubles: dict[str, str] = {}
    for mirror in (*again, *file.mirrors):
        if sha256 is None:
            part.unlink(missing_ok=True)  # nothing could tell whether its end belongs to its beginning
        try:
            mirrors.obtain(mirror, part)
        except mirrors.MirrorError as error:
            troubles[str(mirror)] = str(error)
            continue
        wrong = fault(part, size, sha256)
        if not wrong:
            _note(folder, file, str(mirror), part)
            part.replace(folder / file.path)
            return
        part.unlink()
        first = "" if file.sha256 else f", as when it was first fetched: delete {folder / RECORD} to take this one"
        troubles[str(mirror)] = wrong + first
    listed = "; ".join(f"{mirror}: {trouble}" for mirror, trouble in troubles.items())
    raise InputError(
        f"{name}: no mirror gave {file.path} ({listed}); run {COMMAND} {name} again or copy it to {folder}"
    )


def _record(folder: Path) -> dict[str, dict]:
    """Path -> size, sha256 and origin of every file that was once found right."""
    record = folder / RECORD
    return json.loads(record.read_text()) if record.exists() else {}


def _note(folder: Path, file: File, origin: str, path: Path) -> None:
    entry = {"size": path.stat().st_size, "sha256": sha256_of(path), "from": origin}
    fresh = folder / f"{RECORD}.{os.getpid()}"
    fresh.write_text(json.dumps({**_record(folder), file.path: entry}, indent=1))
    fresh.replace(folder / RECORD)
