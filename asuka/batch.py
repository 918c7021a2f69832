"""What travels between data, stages and methods: a few pictures with their holes."""

from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor


class Unread(NamedTuple):
    """A picture that cannot be read."""

    path: str
    reason: str


class Item(NamedTuple):
    """One picture with its hole, as a loader's worker hands it over."""

    image: np.ndarray  # (H, W, 3) uint8 RGB
    mask: np.ndarray  # (H, W) uint8, 1 = hole
    name: str
    caption: str
    visit: int  # number of this training visit: time step, noise and coins are functions of it
    view: int | None  # number of the crop and hole where they come again, else None
    passed: tuple[Unread, ...] = ()  # whose turn it was before this picture's


@dataclass(frozen=True)
class Batch:
    """B pictures of one size with their holes."""

    image: Tensor  # (B, 3, H, W) in [-1, 1]
    mask: Tensor  # (B, 1, H, W) in {0, 1}, 1 = hole
    name: tuple[str, ...]
    caption: tuple[str, ...]
    visit: tuple[int, ...] = ()  # empty outside training and validation
    view: tuple[int, ...] = ()  # empty where crops and holes never come again
    seconds: float = 0.0  # that a loader's worker took to make it

    def __len__(self) -> int:
        return len(self.name)

    def blind(self) -> "Batch":
        """The same batch with a grey hole: all a method may see."""
        return replace(self, image=blind(self.image, self.mask))

    def take(self, rows: list[int]) -> "Batch":
        """Some of the pictures."""
        words = {name: tuple(getattr(self, name)[row] for row in rows) for name in ("name", "caption")}
        numbers = {
            name: tuple(kept[row] for row in rows if kept)
            for name, kept in (("visit", self.visit), ("view", self.view))
        }
        return Batch(self.image[rows], self.mask[rows], **words, **numbers)

    def to(self, device: torch.device | str, dtype: torch.dtype | None = None) -> "Batch":
        return replace(self, image=self.image.to(device, dtype), mask=self.mask.to(device, dtype))


def blind(image: Tensor, mask: Tensor) -> Tensor:
    """The image (B, 3, H, W) with 0, mid grey, in the hole."""
    return image * (1 - mask)


def first(batches: list[Batch], count: int) -> Batch:
    """The first `count` pictures of some batches as one batch."""
    images, masks = (torch.cat([getattr(batch, name) for batch in batches])[:count] for name in ("image", "mask"))
    names, captions = (sum((getattr(batch, name) for batch in batches), ())[:count] for name in ("name", "caption"))
    return Batch(images, masks, names, captions)


def collate(items: list[Item]) -> Batch:
    """Items of one size to a batch on the CPU."""
    return Batch(
        image=torch.from_numpy(np.stack([item.image for item in items])).permute(0, 3, 1, 2).float() / 127.5 - 1,
        mask=torch.from_numpy(np.stack([item.mask for item in items]))[:, None].float(),
        name=tuple(item.name for item in items),
        caption=tuple(item.caption for item in items),
        visit=tuple(item.visit for item in items),
        view=tuple(item.view for item in items if item.view is not None),
    )
