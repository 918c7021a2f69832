"""Pairs by their recipes: which photograph, cut how, with which hole; made when asked for."""

import hashlib
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np

from asuka.data.crops import REMEDY, cut, levels
from asuka.data.files import Files
from asuka.data.masks import Holes
from asuka.data.pair import Pair
from asuka.data.shards import Shards
from asuka.errors import InputError
from asuka.image import THRESHOLD, decode
from asuka.seeding import seed_of
from asuka.stems import by_stem, stem


class Source(Protocol):
    """Where photographs and masks come from."""

    root: Path

    def read(self, name: str) -> bytes:
        """The bytes of a file below the root."""

    def picture(self, recipe: "Recipe") -> tuple[np.ndarray, str]:
        """The cut photograph, uint8 RGB (H, W, 3), and the hash of what it was made of."""


class Mask(Protocol):
    """Where a hole comes from."""

    def levels(self, source: Source, photo: str, shape: tuple[int, int]) -> tuple[np.ndarray, str]:
        """uint8 (H, W) of that shape, white = hole, and the hash of its file, "" where there is none."""

    def told(self, found: str) -> dict[str, Any]:
        """What a manifest says of it; `found` is the hash of its file."""


@dataclass(frozen=True)
class Recipe:
    """How a pair is made. The hashes are what it has to be made of; "" where nobody has said so yet."""

    name: str
    photo: str  # path below the root, or the name of a scene
    crop: str  # a word of CROPS; `drawn` for scenes
    side: int  # of the cut square in pixels; 0 where nothing is cut
    mask: Mask
    group: str = ""
    caption: str = ""
    sha256: str = ""  # of the photograph's bytes
    hole: str = ""  # as hole_hash


@dataclass(frozen=True)
class MaskFile:
    """A hole that lies on the disk; `sha256` as in a recipe."""

    path: str
    sha256: str = ""

    def levels(self, source: Source, photo: str, shape: tuple[int, int]) -> tuple[np.ndarray, str]:
        place, data = source.root / self.path, source.read(self.path)
        found = checked(data, self.sha256, place)
        mask = decode(data, place, REMEDY, levels)
        if mask.shape != shape:
            sizes = [f"{width} x {height}" for height, width in (mask.shape, shape)]
            raise InputError(
                f"{place} has {sizes[0]} pixels and {source.root / photo} {sizes[1]}; nothing is resized to be "
                "measured: give a mask of the photograph's size"
            )
        if not (mask >= THRESHOLD).any():
            raise InputError(f"{place}: no pixel is white, so there is nothing to fill; paint the hole white")
        return mask, found

    def told(self, found: str) -> dict[str, Any]:
        return {"file": self.path, "sha256": found}


@dataclass(frozen=True)
class DrawnMask:
    """Hole `number` (from 1 up) of a photograph: a function of seed, its path without suffix, and the number."""

    holes: Holes
    seed: int
    number: int

    def levels(self, source: Source, photo: str, shape: tuple[int, int]) -> tuple[np.ndarray, str]:
        rng = np.random.default_rng(seed_of(self.seed, "pair", stem(photo), self.number))
        return 255 * self.holes(rng, *shape), ""

    def told(self, found: str) -> dict[str, Any]:
        kind = type(self.holes).__name__
        if not isinstance(self.holes, Holes):
            raise InputError(f"holes of a {kind} cannot be written down; take a generator of conf/masks")
        return {"kind": kind, "knobs": asdict(self.holes), "seed": self.seed, "number": self.number}


@dataclass(frozen=True)
class Taken:
    """A pair and the hashes of what it was made of."""

    pair: Pair
    photo: str
    mask: str  # "" where it is drawn
    hole: str


class Photographs:
    """Photographs and masks below one root."""

    def __init__(self, files: Files | Shards):
        self.root, self.read, self.place = files.root, files.read, files.place

    def picture(self, recipe: Recipe) -> tuple[np.ndarray, str]:
        data, place = self.read(recipe.photo), self.place(recipe.photo)
        found = checked(data, recipe.sha256, place)
        return cut(data, place, recipe.crop, recipe.side), found


class Made:
    """Pairs in the order of their recipes; each is read when asked for, the photograph of several holes once.

    words: the data option and its knobs, without places on this machine.
    """

    def __init__(self, source: Source, recipes: Sequence[Recipe], words: dict[str, str | int]):
        self.source, self.recipes, self.words = source, recipes, words
        self.names = [recipe.name for recipe in recipes]
        self.photos = [stem(recipe.photo) for recipe in recipes]
        self.groups = [recipe.group for recipe in recipes]
        self._last: tuple[str, tuple[np.ndarray, str]] = ("", (np.empty(0), ""))

    def __len__(self) -> int:
        return len(self.recipes)

    def __getitem__(self, place: int) -> Pair:
        return self.take(place).pair

    def take(self, place: int) -> Taken:
        """Pair `place` and its hashes. InputError, naming the file, where it cannot be had or is another."""
        recipe = self.recipes[place]
        if self._last[0] != recipe.photo:
            self._last = recipe.photo, self.source.picture(recipe)
        image, found = self._last[1]
        mask, mask_found = recipe.mask.levels(self.source, recipe.photo, image.shape[:2])
        pair = Pair(recipe.name, self.photos[place], image, mask, recipe.group, recipe.caption)
        hole = hole_hash(pair.hole)
        if recipe.hole not in ("", hole):
            raise InputError(
                f"{recipe.name}: its hole comes out otherwise than in the manifest (sha256 {hole[:16]}, wanted "
                f"{recipe.hole[:16]}); install the versions of the libraries that the manifest's first line names"
            )
        return Taken(pair, found, mask_found, hole)

    def first(self, count: int) -> "Made":
        """The pairs of the first `count` photographs. InputError for none."""
        if count < 1:
            raise InputError(f"count={count}: there would be nothing to measure; give 1 or more")
        kept = set(list(dict.fromkeys(self.photos))[:count])
        return Made(self.source, [recipe for recipe in self.recipes if stem(recipe.photo) in kept], self.words)

    def followed(self, every: "Made") -> "Made":
        """These pairs with what is known of them, and the rest of a set that they are the first of."""
        return Made(self.source, [*self.recipes, *every.recipes[len(self) :]], self.words)

    def summary(self) -> str:
        """One line: how many there are."""
        count = len(set(self.photos))
        holes = f"{len(self)} holes" if len(self) != count else "a hole in each"
        return f"{count} pictures from {self.source.root}, {holes}"


def drawn(
    source: Source,
    pictures: Sequence[tuple[str, str]],
    crop: str,
    side: int,
    holes: Holes | None,
    per_photo: int,
    seed: int,
    words: dict[str, str | int],
) -> Made:
    """`per_photo` drawn holes in each of the pictures (path, caption). InputError without a generator of holes."""
    data = words["data"]
    if holes is None:
        raise InputError(f"data={data} has no holes of its own; say which: masks=paper")
    if per_photo < 1:
        raise InputError(f"holes={per_photo}: every picture needs one; give 1 or more")
    captions = dict(pictures)
    recipes = [
        Recipe(
            *(f"{name}-{number}" if per_photo > 1 else name, path, crop, side),
            DrawnMask(holes, seed, number),
            caption=captions[path],
        )
        for name, path in by_stem(source.root, captions).items()
        for number in range(1, per_photo + 1)
    ]
    return Made(source, recipes, words)


def checked(data: bytes, wanted: str, path: object) -> str:
    """The sha256 of a file's bytes. InputError where another one is wanted."""
    found = hashlib.sha256(data).hexdigest()
    if wanted not in ("", found):
        raise InputError(
            f"{path}: its bytes are others than in the manifest (sha256 {found[:16]}, wanted {wanted[:16]}); "
            "get the original file again"
        )
    return found


def hole_hash(hole: np.ndarray) -> str:
    """The sha256 of a hole (H, W) bool, its pixels as bits in rows from the top left."""
    return hashlib.sha256(np.packbits(hole).tobytes()).hexdigest()
