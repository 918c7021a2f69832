"""Local FID: that of what lies in and around the holes, which is all that a method can do wrong."""

from dataclasses import dataclass

from torch import Tensor

from asuka.metrics.frechet import frechet
from asuka.metrics.whole import Reducer, Whole


@dataclass(frozen=True)
class _Local:
    whole: Whole

    def numbers(self) -> dict[str, float]:
        return _named(self.whole.numbers())

    def without(self, gone: Tensor) -> dict[str, float]:
        return _named(self.whole.without(gone))


def _open(real: Tensor, result: Tensor, photo: Tensor) -> _Local:
    return _Local(frechet(real, result, photo))


def _named(numbers: dict[str, float]) -> dict[str, float]:
    return {f"local_{name}": number for name, number in numbers.items()}


# A Reduce of the features of holes' boxes: {"local_fid": …}, else as `fid`.
local_fid = Reducer(_open)
