"""The state of a run on disk: complete under its name, or not there at all."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import torch

from asuka.errors import InputError


class Checkpoint:
    """Named objects with `state_dict`, saved together with the step they have reached."""

    def __init__(self, path: Path, **parts: object):
        self.path, self.parts = path, parts

    def load(self) -> int:
        """Restore every part; the step reached, 0 where there is no checkpoint yet."""
        if not self.path.exists():
            return 0
        state = torch.load(self.path, map_location="cpu", weights_only=True)
        for name, part in self.parts.items():
            part.load_state_dict(state[name])
        return state["step"]

    def save(self, step: int) -> None:
        half = self.path.with_suffix(".part")
        try:
            with open(half, "wb") as file:
                torch.save({"step": step, **{name: part.state_dict() for name, part in self.parts.items()}}, file)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            half.unlink(missing_ok=True)
            raise InputError(f"{self.path}: cannot be written ({error}); the last checkpoint is still good") from error
        half.replace(self.path)


def write_file(file: Path, text: str) -> None:
    """Write a small text file that is complete under its name; several processes may do so at once."""
    file.parent.mkdir(parents=True, exist_ok=True)
    half = file.with_name(f".{file.name}.{os.getpid()}.part")
    half.write_text(text)
    half.replace(file)


def write_folder(folder: Path, write: Callable[[Path], None]) -> None:
    """Let `write` fill a new folder, then give it its name in place of an older one."""
    half, old = folder.with_name(f".{folder.name}.part"), folder.with_name(f".{folder.name}.old")
    for leftover in (half, old):
        shutil.rmtree(leftover, ignore_errors=True)
    half.mkdir(parents=True)
    write(half)
    if folder.exists():
        folder.rename(old)
    half.rename(folder)
    shutil.rmtree(old, ignore_errors=True)
