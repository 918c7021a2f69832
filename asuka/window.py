"""The views of a photo that the models see: squares around the islands of its hole at their size, or all of it; and the
way back."""

from dataclasses import dataclass

import cv2
import numpy as np
from torch import Tensor
from torch.nn import functional

from asuka.batch import blind

Area = tuple[slice, slice]


@dataclass(frozen=True)
class Window:
    """A square of `side` pixels whose corner lies at (top, left); it may reach over the picture's borders."""

    top: int
    left: int
    side: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The window of (H, W, …): (side, side, …), mirrored beyond the borders."""
        rows, columns = (
            mirrored(first, self.side, length)
            for first, length in zip((self.top, self.left), image.shape[:2], strict=True)
        )
        return image[np.ix_(rows, columns)]

    def overlap(self, height: int, width: int) -> tuple[Area, Area]:
        """What the window shares with a picture of that size: there, and in the window's own places."""
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + self.side, height), min(self.left + self.side, width)
        here = (slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left))
        return (slice(top, bottom), slice(left, right)), here


@dataclass(frozen=True)
class Whole:
    """All of a picture, for methods that take any size."""

    side: None = None  # nothing is scaled

    def cut(self, image: np.ndarray) -> np.ndarray:
        return image

    def overlap(self, height: int, width: int) -> tuple[Area, Area]:
        everything = (slice(0, height), slice(0, width))
        return everything, everything


View = Window | Whole


def windows(hole: np.ndarray, size: int | None) -> tuple[list[View], np.ndarray]:
    """The windows of a hole (H, W) bool for models of `size` x `size` pixels, and who answers for which pixel.

    Size None: the picture is its own one window. Else every island has one: square, at least twice its box or the whole
    picture, and, where the picture has room, at least `size` pixels, so that nothing is enlarged. Islands share a
    window where that need be no larger than the window of the largest of them. The second value is (H, W) uint16: 0
    where known, k where window k (from 1) answers for the pixel. Windows may overlap: each is filled by itself, seeing
    every hole in its view as hole, and only its own islands are taken from it. So no result depends on an order, and
    windows of many photos can share a batch.
    """
    if size is None:
        return [Whole()], hole.astype(np.uint16)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(hole.astype(np.uint8), connectivity=8)
    corner, extent = stats[:, [cv2.CC_STAT_TOP, cv2.CC_STAT_LEFT]], stats[:, [cv2.CC_STAT_HEIGHT, cv2.CC_STAT_WIDTH]]
    boxes = np.concatenate([corner, corner + extent], axis=1)
    order = sorted(range(1, count), key=lambda island: (-extent[island].max(), *boxes[island]))
    groups, owner = np.zeros((0, 4), int), np.zeros(count, np.uint16)
    for island in order:
        joined = np.concatenate(
            [np.minimum(groups[:, :2], boxes[island, :2]), np.maximum(groups[:, 2:], boxes[island, 2:])], axis=1
        )
        room = np.flatnonzero(_side(joined, hole.shape, size) <= _side(groups, hole.shape, size))
        if len(room):
            groups[room[0]] = joined[room[0]]
            owner[island] = room[0] + 1
        else:
            groups = np.concatenate([groups, boxes[island : island + 1]])
            owner[island] = len(groups)
    sides = _side(groups, hole.shape, size)
    return [_around(box, int(side), hole.shape) for box, side in zip(groups, sides, strict=True)], owner[labels]


def scale(image: Tensor, mask: Tensor, size: int | None) -> tuple[Tensor, Tensor]:
    """Picture (B, 3, S, S) and mask (B, 1, S, S) at size x size: each pixel the mean of the known pixels it covers (or,
    enlarged, lies between), a hole where any of them was one.

    The mean leaves hole pixels out, so that what lies in the hole cannot leak over its border. Where the picture has
    that size already, or `size` is None, it comes back as it is.
    """
    if size is None or image.shape[-2:] == (size, size):
        return image, mask
    known = _mean(1 - mask, size)
    return _mean(blind(image, mask), size) / known.clamp(min=1e-6), functional.adaptive_max_pool2d(mask, size)


def resize(image: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """As `scale`, for a picture that still shows the truth: it stays true under the hole too, as a target must."""
    return _mean(image, size), functional.adaptive_max_pool2d(mask, size)


def unscale(square: Tensor, side: int | None) -> Tensor:
    """A result (B, 3, s, s) at side x side pixels, bicubic with antialiasing; as it is where it has that size, or where
    `side` is None."""
    if side is None or square.shape[-1] == side:
        return square
    return functional.interpolate(square, (side, side), mode="bicubic", antialias=True).clamp(-1, 1)


def mirrored(first: int, side: int, length: int) -> np.ndarray:
    """`side` indices from `first` on, reflected at 0 and length - 1."""
    period = max(2 * (length - 1), 1)
    place = np.abs(np.arange(first, first + side)) % period
    return np.minimum(place, period - place)


def _mean(image: Tensor, size: int) -> Tensor:
    if image.shape[-1] < size:
        return functional.interpolate(image, (size, size), mode="bilinear")
    return functional.adaptive_avg_pool2d(image, size)


def _side(boxes: np.ndarray, shape: tuple[int, ...], size: int) -> np.ndarray:
    """Sides of the windows around boxes (N, 4) as (top, left, bottom, right).

    Twice the box even where that mirrors the picture over its short side: a hole wants known pixels on all sides. But
    never longer than its long side, for nothing new would come into view, and not mirrored only to reach `size`.
    """
    long, short = max(shape), min(shape)
    box = (boxes[:, 2:] - boxes[:, :2]).max(1)
    return np.maximum(np.minimum(2 * box, long), min(size, short))


def _around(box: np.ndarray, side: int, shape: tuple[int, ...]) -> Window:
    """The window of a box: centred on it, moved into the picture where there is room, else centred on the picture."""
    corner = [
        (length - side) // 2 if side > length else min(max((first + last - side) // 2, 0), length - side)
        for first, last, length in zip(box[:2].tolist(), box[2:].tolist(), shape, strict=True)
    ]
    return Window(*corner, side)
