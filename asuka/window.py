"""The square view of a photo that the models see: around the hole, scaled to their size, and the way back."""

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from asuka.batch import blind


@dataclass(frozen=True)
class Window:
    """A square of `side` pixels whose corner lies at (top, left); it may reach over the picture's borders."""

    top: int
    left: int
    side: int

    def cut(self, image: Tensor) -> Tensor:
        """The window of (C, H, W): (C, side, side), mirrored beyond the borders."""
        rows, columns = (
            _mirrored(first, self.side, length)
            for first, length in zip((self.top, self.left), image.shape[-2:], strict=True)
        )
        return image[:, rows][:, :, columns]

    def put(self, image: Tensor, square: Tensor) -> Tensor:
        """A copy of (C, H, W) with (C, side, side) laid where the window is; what reaches over is left out."""
        height, width = image.shape[-2:]
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + self.side, height), min(self.left + self.side, width)
        whole = image.clone()
        whole[:, top:bottom, left:right] = square[
            :, top - self.top : bottom - self.top, left - self.left : right - self.left
        ]
        return whole


def window(mask: Tensor, smallest: int) -> Window:
    """The window of a hole in (1, H, W): twice its box where the picture has room, `smallest` pixels at least."""
    height, width = mask.shape[-2:]
    rows, columns = (torch.nonzero(mask[0].any(axis)).flatten() for axis in (1, 0))
    top, bottom, left, right = int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1
    box = max(bottom - top, right - left)
    side = max(box, min(max(2 * box, smallest), height, width))
    corner = [
        _inside((first + last - side) // 2, side, length)
        for first, last, length in ((top, bottom, height), (left, right, width))
    ]
    return Window(*corner, side)


def scale(image: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Picture (B, 3, S, S) and mask (B, 1, S, S) at size x size: each pixel the mean of the known pixels it covers, a
    hole where any of them was one.

    The mean leaves hole pixels out, so that what lies in the hole cannot leak over its border. Where the picture has
    that size already it comes back as it is.
    """
    if image.shape[-2:] == (size, size):
        return image, mask
    known = functional.adaptive_avg_pool2d(1 - mask, size)
    small = functional.adaptive_avg_pool2d(blind(image, mask), size) / known.clamp(min=1e-6)
    return small, functional.adaptive_max_pool2d(mask, size)


def resize(image: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """As `scale`, for a picture that still shows the truth: it stays true under the hole too, as a target must."""
    return functional.adaptive_avg_pool2d(image, size), functional.adaptive_max_pool2d(mask, size)


def unscale(square: Tensor, side: int) -> Tensor:
    """A result (B, 3, s, s) at side x side pixels, bicubic with antialiasing."""
    return functional.interpolate(square, (side, side), mode="bicubic", antialias=True).clamp(-1, 1)


def _inside(first: int, side: int, length: int) -> int:
    """The corner nearest to `first` whose window stays within the picture; centred where there is no room."""
    return (length - side) // 2 if side > length else min(max(first, 0), length - side)


def _mirrored(first: int, side: int, length: int) -> Tensor:
    """`side` indices from `first` on, reflected at 0 and length - 1."""
    period = max(2 * (length - 1), 1)
    place = np.abs(np.arange(first, first + side)) % period
    return torch.from_numpy(np.minimum(place, period - place))
