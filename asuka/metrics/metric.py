"""What a metric is: pure functions of pictures, or of their features, and which way is better."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from asuka.errors import InputError
from asuka.metrics.whole import Reducer

# (truth, mask, result) -> (B,): pictures (B, 3, H, W) in [-1, 1], mask (B, 1, H, W) with 1 = hole.
Rows = Callable[[Tensor, Tensor, Tensor], Tensor]
# (picture, mask) -> (B, K), pictures and masks as above.
Embed = Callable[[Tensor, Tensor], Tensor]
HIGHER, LOWER = "higher", "lower"


class MisleadingError(InputError):
    """A number of so few pictures would mislead; the sentence says why and takes the number's place."""


@dataclass(frozen=True)
class Score:
    """A number for each picture."""

    make: Callable[[torch.device], Rows]  # called once, only where the score is asked for
    better: str | None  # HIGHER, LOWER, or None where more is neither
    reads: str = ""  # the weights that it measures with, by their name in asuka/foreign/table.py


@dataclass(frozen=True)
class Space:
    """Features that scores of whole sets are computed from."""

    make: Callable[[torch.device], Embed]
    per_hole: bool  # whether the features of one photograph differ from hole to hole
    reads: str = ""  # as of a Score


@dataclass(frozen=True)
class SetScore:
    """Numbers for a whole set of pictures."""

    space: str  # name of the features that it reads
    reduce: Reducer
    better: dict[str, str]  # for each number it gives, by name: HIGHER or LOWER
    least: int = 2  # photographs; a number of fewer would mislead


def each(rows: Rows) -> Callable[[torch.device], Rows]:
    """`make` of a score that needs no network."""
    return lambda device: rows
