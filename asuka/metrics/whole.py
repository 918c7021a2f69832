"""What a number of whole sets is computed from: read once, so that photographs can then be left out of it cheaply."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from asuka.errors import InputError

CHUNK = 2048  # rows that are float64 at one time


class Whole(Protocol):
    """Sets of features with all that their numbers need."""

    def numbers(self) -> dict[str, float]:
        """The numbers of all of it."""
        ...

    def without(self, gone: Tensor) -> dict[str, float]:
        """The same without the photographs `gone`, bool (P,) by rows of the `real` that was given, and their results.

        The numbers, up to rounding, that the remaining rows alone would give.
        """
        ...


@dataclass(frozen=True)
class Reducer:
    """(real (P, K), results (N, K), photo (N,)) -> numbers by name; result n was made of the photograph real[photo[n]].

    `open` gives the sets it computes from, which can do more than that.
    """

    open: Callable[[Tensor, Tensor, Tensor], Whole]

    def __call__(self, real: Tensor, result: Tensor, photo: Tensor) -> dict[str, float]:
        return self.open(real, result, photo).numbers()


@dataclass(frozen=True)
class Recounted:
    """Sets whose numbers a plain function gives, computed anew where photographs are left out."""

    reduce: Callable[[Tensor, Tensor, Tensor], dict[str, float]]
    real: Tensor
    result: Tensor
    photo: Tensor

    def numbers(self) -> dict[str, float]:
        return self.reduce(self.real, self.result, self.photo)

    def without(self, gone: Tensor) -> dict[str, float]:
        kept = ~gone.to(self.photo.device)[self.photo]
        return self.reduce(self.real, self.result[kept], self.photo[kept])


def plain(reduce: Callable[[Tensor, Tensor, Tensor], dict[str, float]]) -> Reducer:
    """The Reducer of a function (real (P, K), result (N, K), photo (N,)) -> numbers by name."""
    return Reducer(lambda real, result, photo: Recounted(reduce, real, result, photo))


@dataclass(frozen=True)
class Renamed:
    """The same sets, whose numbers have a word in front of their names."""

    whole: Whole
    word: str

    def numbers(self) -> dict[str, float]:
        return {f"{self.word}{name}": value for name, value in self.whole.numbers().items()}

    def without(self, gone: Tensor) -> dict[str, float]:
        return {f"{self.word}{name}": value for name, value in self.whole.without(gone).items()}


def renamed(reducer: Reducer, word: str) -> Reducer:
    """The same numbers with a word in front of their names: they are of other features."""
    return Reducer(lambda real, result, photo: Renamed(reducer.open(real, result, photo), word))


@dataclass(frozen=True)
class Pairs:
    """Results and the photographs that they were made of, each photograph once and none without a result."""

    real: Tensor  # (P, K)
    result: Tensor  # (N, K)
    photo: Tensor  # (N,) rows of `real`
    row: Tensor  # (P,) where each photograph was among the rows that were given

    @classmethod
    def of(cls, real: Tensor, result: Tensor, photo: Tensor) -> "Pairs":
        """A Reduce's arguments. InputError where they do not fit together or are not finite."""
        if real.ndim != 2 or result.ndim != 2 or real.shape[1] != result.shape[1] or photo.shape != result.shape[:1]:
            raise InputError(
                f"features {tuple(real.shape)} and {tuple(result.shape)}, photographs {tuple(photo.shape)}: "
                "give (P, K), (N, K) and (N,)"
            )
        if len(photo) and not 0 <= int(photo.min()) <= int(photo.max()) < len(real):
            raise InputError(
                f"photographs {int(photo.min())} to {int(photo.max())} of {len(real)}: give rows of `real`"
            )
        row, photo = photo.to(real.device).unique(return_inverse=True)
        real = real if len(row) == len(real) else real[row]
        for name, rows in (("photographs", real), ("results", result)):
            if not rows.isfinite().all():
                index = int((~rows.isfinite().all(1)).nonzero()[0])
                raise InputError(f"features of the {name} are not finite (row {index}); look at what made this picture")
        return cls(real, result, photo, row)

    def counts(self) -> Tensor:
        """How many results each photograph has: (P,) in float64."""
        return torch.bincount(self.photo, minlength=len(self.real)).double()

    def kept(self, gone: Tensor) -> tuple[Tensor, Tensor]:
        """Which photographs (P,) and which results (N,) stay without those `gone`, by the rows that were given."""
        photos = ~gone.to(self.row.device)[self.row]
        return photos, photos[self.photo]


def doubled(rows: Tensor, make: Callable[[Tensor], Tensor]) -> Tensor:
    """`make` of all rows (N, K) in float64, of which never many are there at a time."""
    return torch.cat([make(part.double()) for part in rows.split(CHUNK)])
