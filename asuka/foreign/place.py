"""Where files from elsewhere are kept on this machine, and how the user puts others in their place."""

import os
from pathlib import Path

from asuka.errors import InputError, nearest
from asuka.foreign.table import TABLE, Entry


def entry_of(name: str) -> Entry:
    """The table's entry; InputError with the nearest name where there is none."""
    if name not in TABLE:
        remedy = nearest(name, list(TABLE), f"choose one of {', '.join(TABLE)}")
        raise InputError(f"there are no weights '{name}'; {remedy}")
    return TABLE[name]


def folder_of(name: str) -> Path:
    """The folder of `name`: below ASUKA_WEIGHTS, or else below the user's cache."""
    if given := os.environ.get("ASUKA_WEIGHTS"):
        return Path(given).expanduser() / name
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "asuka" / name


def path_of(name: str) -> Path:
    """What `name` stands for, here or not: the user's own, the one file, or the folder of several."""
    return own(name) or _inside(folder_of(name), entry_of(name))


def variable_of(name: str) -> str:
    """The environment variable that puts a file or folder of the user's own in the place of `name`."""
    return "ASUKA_WEIGHTS_" + name.upper().replace("-", "_")


def own(name: str) -> Path | None:
    """The user's own file or folder, used as it is; InputError where it is named and not there."""
    entry, variable = entry_of(name), variable_of(name)
    if not os.environ.get(variable):
        return None
    path = Path(os.environ[variable]).expanduser()
    if path.is_file() and len(entry.files) == 1:
        return path
    for file in entry.files:
        if not (path / file.path).is_file():
            raise InputError(f"{variable}={path}: there is no {file.path}; correct the path or unset {variable}")
    return _inside(path, entry)


def offline() -> str | None:
    """The environment variable that forbids the network, if one is set."""
    switches = ("ASUKA_OFFLINE", "HF_HUB_OFFLINE")
    return next((name for name in switches if os.environ.get(name, "").lower() in ("1", "true", "yes", "on")), None)


def _inside(folder: Path, entry: Entry) -> Path:
    return folder / entry.files[0].path if len(entry.files) == 1 else folder
