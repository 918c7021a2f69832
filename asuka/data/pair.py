"""A photograph with one of its holes, to be filled and measured."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np

from asuka.image import THRESHOLD


@dataclass(frozen=True)
class Pair:
    """What a method fills and a metric measures."""

    name: str  # of no other pair; its result is called NAME.png
    photo: str  # the photograph, the same for all of its holes
    image: np.ndarray  # (H, W, 3) uint8 RGB
    levels: np.ndarray  # (H, W) uint8, the mask as it lies on the disk
    group: str = ""  # the benchmark's domain
    caption: str = ""

    @property
    def hole(self) -> np.ndarray:
        """(H, W) bool."""
        return self.levels >= THRESHOLD


class Pairs(Protocol):
    """Pairs in a fixed order, those of one photograph one after the other; each is read when asked for."""

    names: list[str]
    photos: list[str]  # of each pair, by name
    groups: list[str]  # of each pair

    def __len__(self) -> int: ...

    def __getitem__(self, place: int) -> Pair:
        """InputError, naming the file, where it cannot be read or is not what the manifest says."""
