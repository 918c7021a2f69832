"""Files and folders that are complete under their names, whenever a process dies; a full disk is a sentence."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from safetensors import SafetensorError

from asuka.errors import InputError, said


@contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Within, a disk that cannot be written is an InputError."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        why = said(error, None)
        raise InputError(
            f"{path}: cannot be written ({why}); what was there is still good: make room and repeat the command"
        ) from error


def write_file(file: Path, text: str) -> None:
    """Write a small text file that is complete under its name."""
    with growing(file) as half:
        half.write_text(text)


@contextmanager
def growing(file: Path) -> Iterator[Path]:
    """Within, the path to write a file at; it gets its name, and its folder, when nothing went wrong. InputError where
    the disk cannot be written."""
    half = half_of(file)
    with disk_errors(file):
        file.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield half
            half.replace(file)
        finally:
            half.unlink(missing_ok=True)


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new folder, then give it its name in place of an older one.

    No rename replaces a folder: after a kill between the two that it takes, `mend` gives the older one its name back.
    """
    mend(folder)
    half = half_of(folder)
    with disk_errors(folder):
        try:
            half.mkdir(parents=True)
            write(half)
            for file in half.rglob("*"):
                sync(file)
        except (OSError, SafetensorError):
            shutil.rmtree(half, ignore_errors=True)  # its room is needed
            raise
        if folder.exists():
            folder.rename(_old_of(folder))
        half.rename(folder)
        shutil.rmtree(_old_of(folder), ignore_errors=True)


def mend(path: Path) -> None:
    """Clear away what a kill left half written of a file or folder; an older folder that lost its name gets it back."""
    if path.exists():
        shutil.rmtree(_old_of(path), ignore_errors=True)
    elif _old_of(path).exists():
        _old_of(path).rename(path)
    half = half_of(path)
    if half.is_dir():
        shutil.rmtree(half)
    else:
        half.unlink(missing_ok=True)


def half_of(path: Path) -> Path:
    """Where a file or folder grows before it gets its name."""
    return path.with_name(f".{path.name}.part")


def sync(file: Path) -> None:
    """Make sure that a file's bytes are on the disk: after a power cut no name stands without them."""
    if file.is_file():
        with open(file, "rb") as opened:
            os.fsync(opened.fileno())


def _old_of(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")
