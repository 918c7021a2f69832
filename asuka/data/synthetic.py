"""Pictures drawn from their index: the data set that needs no download."""

import hashlib
from pathlib import Path

import numpy as np

from asuka.data.made import Made, Recipe, drawn
from asuka.data.masks import Holes
from asuka.data.picture import Picture
from asuka.data.scene import compose
from asuka.data.scenery import paint
from asuka.errors import InputError

NAME = "synthetic-"
VAL_FIRST = 2**31
WORDY = 5000  # captions that hold every word many times over


def draw(index: int, size: int) -> Picture:
    """Scene number `index` at size x size pixels: the same bytes in every process."""
    scene = compose(index)
    return Picture(paint(scene, size), scene.caption, f"{NAME}{index:07d}")


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

    def pairs(self, holes: Holes | None, per_photo: int, seed: int) -> Made:
        """Every validation scene with `per_photo` drawn holes; hole k is a function of (seed, scene, k)."""
        scenes = [VAL_FIRST + index for index in range(self.val_count)]
        pictures = [(f"{NAME}{scene:07d}", compose(scene).caption) for scene in scenes]
        words = {"data": "synthetic", "size": self.size}
        return drawn(DrawnScenes(), pictures, "drawn", self.size, holes, per_photo, seed, words)

    def summary(self) -> str:
        """One line: how many pictures and captions."""
        return (
            f"synthetic: {self.count} training and {self.val_count} validation pictures "
            f"of {self.size} x {self.size}, each with one caption"
        )


class DrawnScenes:
    """Scenes by their names, for pairs; their hash is that of their pixels."""

    root = Path("synthetic")

    def read(self, name: str) -> bytes:
        raise InputError(f"{name}: drawn scenes have no files; give data.root=DIR where the masks are files")

    def picture(self, recipe: Recipe) -> tuple[np.ndarray, str]:
        number = recipe.photo.removeprefix(NAME)
        if not (recipe.photo.startswith(NAME) and number.isdecimal()):
            raise InputError(f"{recipe.photo}: no drawn scene has this name; give data.root=DIR for photographs")
        image = draw(int(number), recipe.side).image
        found = hashlib.sha256(image.tobytes()).hexdigest()
        if recipe.sha256 not in ("", found):
            raise InputError(
                f"{recipe.photo}: is drawn otherwise here than in the manifest (sha256 {found[:16]}, wanted "
                f"{recipe.sha256[:16]}); install the versions of the libraries that the manifest's first line names"
            )
        return image, found
