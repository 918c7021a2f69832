"""All rows of an evaluation side by side, ready to be reduced."""

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from asuka.evaluation.chunk import Chunk, Row, write_arrays
from asuka.metrics.table import Protocol

DIGITS = 9  # of numbers in rows.csv: float32 comes back as it was


@dataclass(frozen=True)
class Features:
    """What a metric of sets takes, and whose the rows of `real` are."""

    real: Tensor  # (P, K)
    results: Tensor  # (N, K)
    photo: Tensor  # (N,) rows of `real`
    names: list[str]  # (P,) of photographs


@dataclass(frozen=True)
class Measured:
    """N measured pairs in their order, and why others were not."""

    names: list[str]
    rows: list[Row]
    failed: dict[str, str]

    @classmethod
    def of(cls, chunks: Sequence[Chunk], names: Sequence[str]) -> "Measured":
        """What chunks hold of the pairs `names`, in their order."""
        rows = {name: row for chunk in chunks for name, row in chunk.rows.items()}
        failed = {name: why for chunk in chunks for name, why in chunk.failed.items()}
        there = [name for name in names if name in rows]
        return cls(there, [rows[name] for name in there], {name: failed[name] for name in names if name in failed})

    def __len__(self) -> int:
        return len(self.names)

    @property
    def draws(self) -> int:
        return len(self.rows[0]["seconds"])

    @property
    def scores(self) -> list[str]:
        """Names of the scores, views' prefixes included."""
        return [key.removeprefix("score/") for key in self.rows[0] if key.startswith("score/")]

    def words(self, key: str) -> list[str]:
        """`photo` or `group` of each pair."""
        return [str(row[key]) for row in self.rows]

    def values(self, key: str, draw: int = 0) -> np.ndarray:
        """A column (N,) of float64; nan where a pair has no such number."""
        return np.array([np.atleast_1d(row[key])[min(draw, np.size(row[key]) - 1)] for row in self.rows], float)

    def features(self, space: str, view: str, per_hole: bool, draw: int) -> Features:
        """Features as metrics of sets take them; where they differ from hole to hole P = N, else every photograph has
        one row."""
        results = torch.from_numpy(np.stack([row[f"result/{view}{space}"][draw] for row in self.rows]))
        owners = self.names if per_hole else self.words("photo")
        first = {owner: place for place, owner in reversed(list(enumerate(owners)))}
        places = sorted(first.values())
        number = {owners[place]: row for row, place in enumerate(places)}
        real = torch.from_numpy(np.stack([self.rows[place][f"real/{space}"] for place in places]))
        photos = self.words("photo")
        return Features(
            real, results, torch.tensor([number[owner] for owner in owners]), [photos[place] for place in places]
        )

    def save_features(self, file: Path, protocol: Protocol) -> None:
        """Everything that set scores read, as `features` gives it: for each space `real/SPACE` and `photo/SPACE`, and
        for each view `result/SPACE` (N, draws, K); `names` are the N pairs."""
        arrays: dict[str, np.ndarray] = {"names": np.array(self.names, dtype=str)}
        for name, space in protocol.spaces.items():
            found = self.features(name, "", space.per_hole, 0)
            arrays |= {f"real/{name}": found.real.numpy(), f"photo/{name}": found.photo.numpy()}
            for view in protocol.views:
                arrays[f"result/{view}{name}"] = np.stack([row[f"result/{view}{name}"] for row in self.rows])
        write_arrays(file, arrays)

    def take(self, places: Sequence[int]) -> "Measured":
        """Some of the pairs."""
        return Measured([self.names[place] for place in places], [self.rows[place] for place in places], {})

    def csv(self) -> str:
        """rows.csv: a line for each pair and draw; empty where a pair has no such number."""
        text = io.StringIO()
        writer = csv.writer(text, lineterminator="\n")
        more = ["stability"] if "stability" in self.rows[0] else []
        writer.writerow(["name", "photo", "group", "draw", "hole_ratio", *self.scores, *more, "seconds"])
        for name, row in zip(self.names, self.rows, strict=True):
            for draw in range(self.draws):
                numbers = [row["hole_ratio"], *(row[f"score/{score}"][draw] for score in self.scores)]
                numbers += [*(row[key] for key in more), row["seconds"][draw]]
                cells = ["" if np.isnan(value) else f"{value:.{DIGITS}g}" for value in numbers]
                writer.writerow([name, row["photo"], row["group"], draw, *cells])
        return text.getvalue()
