"""Pictures drawn from their index: the data set that needs no download."""

import numpy as np

from asuka.data.picture import Picture
from asuka.data.scene import compose
from asuka.data.scenery import paint
from asuka.errors import InputError

VAL_FIRST = 2**31
WORDY = 5000  # captions that hold every word many times over


def draw(index: int, size: int) -> Picture:
    """Scene number `index` at size x size pixels: the same bytes in every process."""
    scene = compose(index)
    return Picture(paint(scene, size), scene.caption, f"synthetic-{index:07d}")


class Scenes:
    """`count` scenes from number `first` on, each drawn anew at size x size when it is asked for."""

    def __init__(self, first: int, count: int, size: int) -> None:
        self.first = first
        self.count = count
        self.size = size

    def __len__(self) -> int:
        return self.count

    def captions(self) -> list[str]:
        """Captions of the first scenes: enough to know every word."""
        return [compose(self.first + index).caption for index in range(min(self.count, WORDY))]

    def crop(self, index: int, rng: np.random.Generator) -> Picture:
        """Scene number first + index; rng is ignored, for a drawn picture depends on its index alone."""
        return self.centre(index)

    def centre(self, index: int) -> Picture:
        """Scene number first + index."""
        if not 0 <= index < self.count:
            raise IndexError(f"scene {index} of {self.count}")
        return draw(self.first + index, self.size)


class Synthetic:
    """Toy landscapes with true captions; training and validation scenes never share a number."""

    def __init__(self, size: int = 128, count: int = 100_000, val_count: int = 512) -> None:
        if not 1 <= count <= VAL_FIRST or val_count < 1:
            raise InputError(f"data.count={count}, data.val_count={val_count}: give 1 to {VAL_FIRST}, and 1 or more")
        self.size = size
        self.count = count
        self.val_count = val_count

    @property
    def train(self) -> Scenes:
        return Scenes(0, self.count, self.size)

    @property
    def val(self) -> Scenes:
        return Scenes(VAL_FIRST, self.val_count, self.size)

    def summary(self) -> str:
        """One line: how many pictures and captions."""
        return (
            f"synthetic: {self.count} training and {self.val_count} validation pictures "
            f"of {self.size} x {self.size}, each with one caption"
        )
