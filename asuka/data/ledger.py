"""The pictures of a run that cannot be read: each told once, and a stop when there are too many of them."""

import json
from collections.abc import Callable, Iterable
from pathlib import Path

from filelock import FileLock

from asuka.batch import Unread
from asuka.disk import write_file
from asuka.errors import InputError

NAMED = 3  # pictures that the stop names; the file has them all


class Ledger:
    """A list in a run's folder, one JSON object (path, reason) a line, that all processes of a run share.

    It is there from the first unreadable picture on, whole at any time, and stays when the run is resumed: what it
    holds is not told again and goes on counting.
    """

    def __init__(self, file: Path, say: Callable[[str], None]):
        """`say` brings one line to the person who waits."""
        self.file, self.say = file, say
        self.told = self._read()

    def take(self, unread: Iterable[Unread], allowed: int) -> None:
        """Tell of those pictures that are new. InputError where more than `allowed` are in the list by now."""
        met = {one.path: one.reason for one in unread}
        if met.keys() - self.told.keys():
            self._add(met)
        if met and len(self.told) > allowed:
            named = ", ".join([*self.told][:NAMED] + ["…"] * (len(self.told) > NAMED))
            raise InputError(
                f"pictures that cannot be read: {len(self.told)}, where data.max_bad allows {allowed}: {named}; "
                f"mend or remove all that {self.file} lists, and that list, or raise data.max_bad"
            )

    def _add(self, met: dict[str, str]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(self.file.with_name(f".{self.file.name}.lock")):
            told = self._read()  # another process may have met the same picture in the meantime
            new = {path: reason for path, reason in met.items() if path not in told}
            self.told = told | new
            write_file(self.file, "".join(json.dumps(Unread(*row)._asdict()) + "\n" for row in self.told.items()))
        for path, reason in new.items():
            self.say(f"left out: {path}: cannot be read as a picture ({reason})")

    def _read(self) -> dict[str, str]:
        lines = self.file.read_text().splitlines() if self.file.exists() else []
        return {row["path"]: row["reason"] for row in map(json.loads, lines)}
