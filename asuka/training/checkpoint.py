"""The state of a run on disk: complete under its name, or not there at all."""

from pathlib import Path
from pickle import UnpicklingError

import torch

from asuka.disk import disk_errors, half_of, sync
from asuka.errors import InputError


class Checkpoint:
    """Named objects with `state_dict`, saved together with the step they have reached."""

    def __init__(self, path: Path, **parts: object):
        self.path, self.parts = path, parts

    def load(self) -> int:
        """Restore every part; the step reached, 0 where there is no checkpoint yet. InputError for a damaged one."""
        if not self.path.exists():
            return 0
        try:
            state = torch.load(self.path, map_location="cpu", weights_only=True)
            for name, part in self.parts.items():
                part.load_state_dict(state[name])
            return state["step"]
        except (OSError, RuntimeError, EOFError, UnpicklingError, KeyError, TypeError, ValueError) as error:
            why = str(error).partition("\n")[0] or type(error).__name__
            raise InputError(
                f"{self.path}: cannot be read as this run's checkpoint ({why}); put a whole copy in its place, or "
                "delete it to start from the first step"
            ) from error

    def save(self, step: int) -> None:
        """Write all parts; InputError, and the last checkpoint untouched, where the disk is full."""
        half = half_of(self.path)
        with disk_errors(self.path):
            try:
                with open(half, "wb") as file:
                    torch.save({"step": step, **{name: part.state_dict() for name, part in self.parts.items()}}, file)
                sync(half)
                half.replace(self.path)
            except RuntimeError as error:
                # torch's writer covers the disk's complaint with one of its own.
                raise (error.__context__ if isinstance(error.__context__, OSError) else error) from None
            finally:
                half.unlink(missing_ok=True)
