"""Photographs with drawn scenes among them: what the tiny base learns from."""

from functools import cached_property

import numpy as np

from asuka.data.folder import Folder
from asuka.data.made import Made
from asuka.data.masks import Holes
from asuka.data.picture import Picture
from asuka.data.synthetic import Synthetic
from asuka.errors import InputError


class Mixed:
    """`data=mixed data.root=DIR data.share=0.4`: that share of each pass is drawn, the rest is DIR's.

    Measured on are its photographs alone, as with data=folder.
    """

    def __init__(
        self,
        root: str | None,
        val: str | None = None,
        size: int = 128,
        dev: float = 0.02,
        share: float = 0.4,
        max_bad: float = 0.01,
    ):
        if not 0 < share < 1:
            raise InputError(f"data.share={share}: must lie between 0 and 1; use data=folder or data=synthetic alone")
        self._photos, self._size, self._share = Folder(root, val, size, dev, max_bad=max_bad), size, share

    @cached_property
    def train(self) -> "Chain":
        return Chain(self._photos.train, self._scenes.train, self._drawn(len(self._photos.train)))

    @cached_property
    def val(self) -> "Chain":
        return Chain(self._photos.val, self._scenes.val, self._drawn(len(self._photos.val)))

    def pairs(self, holes: Holes | None, per_photo: int, seed: int) -> Made:
        """Every photograph with `per_photo` drawn holes, as Folder's."""
        return self._photos.pairs(holes, per_photo, seed)

    def summary(self) -> str:
        return f"{self._photos.summary()}; and {self.train.extra} drawn scenes a pass"

    @property
    def _scenes(self) -> Synthetic:
        return Synthetic(size=self._size, count=100_000, val_count=max(self._drawn(len(self._photos.val)), 1))

    def _drawn(self, photos: int) -> int:
        """Scenes beside so many photographs."""
        return round(photos * self._share / (1 - self._share))


class Chain:
    """Pictures of one set followed by `extra` of another, new ones of it in each view."""

    def __init__(self, first: object, second: object, extra: int):
        self.first, self.second, self.extra = first, second, extra

    def __len__(self) -> int:
        return len(self.first) + self.extra

    @property
    def allowed(self) -> int:
        return self.first.allowed

    def captions(self) -> list[str]:
        return self.first.captions() + self.second.captions()

    def crop(self, index: int, rng: np.random.Generator) -> Picture:
        if index < len(self.first):
            return self.first.crop(index, rng)
        return self.second.crop(int(rng.integers(len(self.second))), rng)

    def centre(self, index: int) -> Picture:
        if index < len(self.first):
            return self.first.centre(index)
        return self.second.centre(index - len(self.first))
