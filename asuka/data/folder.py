"""Photographs to train, validate and measure on, with captions where there are any: those of a folder or a zip file."""

import hashlib
import math
import re
from pathlib import Path

import numpy as np
from PIL import Image

from asuka.data.crops import central
from asuka.data.files import Files
from asuka.data.made import Made, Photographs, drawn
from asuka.data.masks import Holes
from asuka.data.picture import Picture
from asuka.data.shards import Shards
from asuka.errors import InputError


class PhotoSets:
    """Photographs to train on, others to validate on, and all of one kind to measure on, as squares of `size`."""

    word: str  # of the option

    def __init__(
        self, files: Files | Shards, val: Files | Shards | None, size: int, dev: float, zoom: float, max_bad: float
    ):
        """Crops have `zoom`..1 of the short side. Without `val` the share `dev` of `files` is held out."""
        if not (0 < zoom <= 1 and 0 <= dev < 1 and size >= 8 and 0 <= max_bad < 1):
            raise InputError(
                f"data.zoom={zoom}, data.dev={dev}, data.size={size}, data.max_bad={max_bad}: zoom must lie above 0 "
                "and be at most 1, dev and max_bad from 0 to below 1, size 8 or more"
            )
        other = files if val is None else val
        held = {name for name in files.pictures if _share(name) < dev}
        rest = [name for name in files.pictures if name not in held]
        total = len(rest) + len(held if val is None else other.pictures)
        allowed = math.floor(max_bad * total + 1e-9)  # 0.29 of 100 is 29, though the product lies below
        self._splits = {
            "train": Photos(files, rest, size, zoom, allowed),
            "validation": Photos(other, sorted(held) if val is None else other.pictures, size, zoom, allowed),
        }
        self._measured, self._size = other, size

    @property
    def train(self) -> "Photos":
        """InputError where none is left to train on."""
        return self._split("train")

    @property
    def val(self) -> "Photos":
        """InputError where none is held out."""
        return self._split("validation")

    def pairs(self, holes: Holes | None, per_photo: int, seed: int) -> Made:
        """Every picture with `per_photo` drawn holes; hole k is a function of (seed, path without suffix, k)."""
        files = self._measured
        pictures = [(name, files.caption(name)) for name in files.pictures]
        words = {"data": self.word, "size": self._size}
        return drawn(Photographs(files), pictures, "square", self._size, holes, per_photo, seed, words)

    def summary(self) -> str:
        return f"{self.train.summary()}; validation: {self.val.summary()}"

    def _split(self, name: str) -> "Photos":
        photos = self._splits[name]
        if not len(photos):
            files = self._splits["train"].files
            raise InputError(
                f"{files.root}: no picture for the {name} set among {len(files.pictures)}; "
                "give more pictures, or name a validation folder with data.val=DIR"
            )
        return photos


class Folder(PhotoSets):
    """`data=folder data.root=DIR`: every JPEG, PNG and WebP below DIR, or inside the zip file DIR.

    Captions come from `captions.csv` (path,caption) at the root, or from a .txt beside a picture. A share `dev` of
    the pictures, chosen by a hash of their path, is never trained on; it is the validation set unless `val` names
    another folder. Crops are square, scaled to `size`; smaller pictures are scaled up. Pictures that cannot be read
    are left out, and stop a training that meets more of them than the share `max_bad` of all pictures.

    Measured on are all pictures of `val`, or else all of `root`, as the central squares that validation sees.
    """

    word = "folder"

    def __init__(
        self,
        root: str | None,
        val: str | None = None,
        size: int = 128,
        dev: float = 0.02,
        zoom: float = 0.7,
        max_bad: float = 0.01,
    ):
        """InputError where `root` holds no picture."""
        if root is None:
            raise InputError("data.root is not set; give a folder of photographs: data=folder data.root=DIR")
        super().__init__(Files(root), None if val is None else Files(val), size, dev, zoom, max_bad)


class Photos:
    """Some pictures of a folder, seen as random or central squares; `allowed` of them may be unreadable."""

    def __init__(self, files: Files | Shards, names: list[str], size: int, zoom: float, allowed: int):
        self.files, self.names, self.size, self.zoom, self.allowed = files, names, size, zoom, allowed

    def __len__(self) -> int:
        return len(self.names)

    def summary(self) -> str:
        captioned = sum(bool(self.files.caption(name)) for name in self.names)
        return f"{len(self)} pictures and {captioned} captions in {self.files.root}"

    def captions(self) -> list[str]:
        return [self.files.caption(name) for name in self.names]

    def crop(self, index: int, rng: np.random.Generator) -> Picture:
        """A random square of picture `index`; half of them mirrored, where left and right swap in the caption."""
        name = self.names[index]
        image = self.files.open(name)
        side = max(int(round(min(image.size) * rng.uniform(self.zoom, 1))), 1)
        left, top = (int(rng.integers(0, length - side + 1)) for length in image.size)
        scaled = image.resize((self.size, self.size), Image.Resampling.BICUBIC, (left, top, left + side, top + side))
        square, caption = np.asarray(scaled), self.files.caption(name)
        if rng.random() < 0.5:
            return Picture(np.ascontiguousarray(square[:, ::-1]), _mirror(caption), name)
        return Picture(square, caption, name)

    def centre(self, index: int) -> Picture:
        """The largest central square of picture `index`."""
        name = self.names[index]
        return Picture(central(self.files.open(name), self.size), self.files.caption(name), name)


def _share(name: str) -> float:
    """A number in [0, 1) that depends on the path alone, and not on its suffix: a packed folder splits alike."""
    stem = Path(name).with_suffix(".jpg").as_posix()
    return int.from_bytes(hashlib.blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=6).digest(), "big") / 2**48


def _mirror(caption: str) -> str:
    swap = {"left": "right", "right": "left"}
    return re.sub(r"\b(left|right)\b", lambda match: swap[match.group()], caption)
