"""Photographs with drawn scenes among them: what the tiny base learns from."""

import numpy as np

from asuka.data.folder import Folder
from asuka.data.picture import Picture
from asuka.data.synthetic import Synthetic
from asuka.errors import InputError


class Mixed:
    """`data=mixed data.root=DIR data.share=0.4`: that share of each pass is drawn, the rest is DIR's."""

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
        photos = Folder(root, val, size, dev, max_bad=max_bad)
        drawn = round(len(photos.train) * share / (1 - share))
        drawn_val = round(len(photos.val) * share / (1 - share))
        scenes = Synthetic(size=size, count=100_000, val_count=max(drawn_val, 1))
        self.train = Chain(photos.train, scenes.train, drawn)
        self.val = Chain(photos.val, scenes.val, drawn_val)
        self._photos, self._drawn = photos, drawn

    def summary(self) -> str:
        return f"{self._photos.summary()}; and {self._drawn} drawn scenes a pass"


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
