"""The views of a photo that the models see: squares around the islands of its hole at their size, or all of it; and the
way back."""

from dataclasses import dataclass

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from asuka.batch import blind
from asuka.image import to_tensor, to_uint8

Area = tuple[slice, slice]


@dataclass(frozen=True)
class Window:
    """A square of `side` pixels whose corner lies at (top, left); it may reach over the picture's borders."""

    top: int
    left: int
    side: int

    def cut(self, image: np.ndarray) -> np.ndarray:
        """The window of (H, W, …): (side, side, …), mirrored beyond the borders."""
        return image[np.ix_(*self._places(image))]

    def seen(self, image: np.ndarray, hole: np.ndarray, size: int) -> tuple[Tensor, Tensor]:
        """What a model of `size` x `size` pixels sees of a photo (H, W, 3) uint8 with a hole (H, W) bool.

        (1, 3, size, size) in [-1, 1] and (1, 1, size, size), as `scale` makes them of what is cut. Where it is reduced
        it is cut row by row of the small picture: a long hole's window is far larger than its photo.
        """
        rows, columns = self._places(image)
        if self.side <= size:
            return scale(*_tensors(image, hole, rows, columns), size)
        # Laid out first: a row kept between large blocks that come and go would keep their memory from the next.
        small, mask = torch.empty(1, 3, size, size), torch.empty(1, 1, size, size)
        for row in range(size):
            cell = rows[row * self.side // size : -(-(row + 1) * self.side // size)]
            band = _mean_known(*_tensors(image, hole, cell, columns), (1, size))
            small[:, :, row : row + 1], mask[:, :, row : row + 1] = band
        return small, mask

    def shown(self, result: Tensor, height: int, width: int) -> np.ndarray:
        """What a result (3, s, s) has for a picture of that size: `overlap` of `unscale` of it, (h, w, 3) uint8.

        It too is enlarged by bands, and only where the picture is.
        """
        (rows, columns), size = self.overlap(height, width)[1], result.shape[-1]
        if size == self.side:
            return to_uint8(result[:, rows, columns])
        tall = _enlarged(result[None], (self.side, size))[:, :, rows]
        levels = np.empty((tall.shape[2], columns.stop - columns.start, 3), np.uint8)
        for top in range(0, len(levels), size):
            band = tall[:, :, top : top + size]
            levels[top : top + size] = to_uint8(_enlarged(band, (band.shape[2], self.side))[0, :, :, columns])
        return levels

    def overlap(self, height: int, width: int) -> tuple[Area, Area]:
        """What the window shares with a picture of that size: there, and in the window's own places."""
        top, left = max(self.top, 0), max(self.left, 0)
        bottom, right = min(self.top + self.side, height), min(self.left + self.side, width)
        here = (slice(top - self.top, bottom - self.top), slice(left - self.left, right - self.left))
        return (slice(top, bottom), slice(left, right)), here

    def _places(self, image: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The rows and columns of a picture (H, W, …) that the window's are."""
        rows, columns = (
            mirrored(first, self.side, length)
            for first, length in zip((self.top, self.left), image.shape[:2], strict=True)
        )
        return rows, columns


@dataclass(frozen=True)
class Whole:
    """All of a picture, for methods that take any size."""

    def seen(self, image: np.ndarray, hole: np.ndarray, size: None) -> tuple[Tensor, Tensor]:
        """As of a window, at the picture's own size."""
        return to_tensor(image)[None], torch.from_numpy(hole)[None, None].float()

    def shown(self, result: Tensor, height: int, width: int) -> np.ndarray:
        return to_uint8(result)

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


def scale(image: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """Picture (B, 3, S, S) and mask (B, 1, S, S) at size x size: each pixel the mean of the known pixels it covers (or,
    enlarged, lies between), a hole where any of them was one.

    The mean leaves hole pixels out, so that what lies in the hole cannot leak over its border. Where the picture has
    that size already it comes back as it is.
    """
    if image.shape[-2:] == (size, size):
        return image, mask
    return _mean_known(image, mask, (size, size))


def resize(image: Tensor, mask: Tensor, size: int) -> tuple[Tensor, Tensor]:
    """As `scale`, for a picture that still shows the truth: it stays true under the hole too, as a target must."""
    return _mean(image, (size, size)), functional.adaptive_max_pool2d(mask, size)


def unscale(square: Tensor, side: int) -> Tensor:
    """A result (B, 3, s, s) at side x side pixels, bicubic with antialiasing; as it is where it has that size."""
    return square if square.shape[-1] == side else _enlarged(square, (side, side)).clamp(-1, 1)


def mirrored(first: int, side: int, length: int) -> np.ndarray:
    """`side` indices from `first` on, reflected at 0 and length - 1."""
    period = max(2 * (length - 1), 1)
    place = np.abs(np.arange(first, first + side)) % period
    return np.minimum(place, period - place)


def _tensors(image: np.ndarray, hole: np.ndarray, rows: np.ndarray, columns: np.ndarray) -> tuple[Tensor, Tensor]:
    """Some rows and columns of a photo and of its hole, as a picture and a mask of a batch of one."""
    place = np.ix_(rows, columns)
    return to_tensor(image[place])[None], torch.from_numpy(hole[place])[None, None].float()


def _mean_known(image: Tensor, mask: Tensor, shape: tuple[int, int]) -> tuple[Tensor, Tensor]:
    known = _mean(1 - mask, shape)
    return _mean(blind(image, mask), shape) / known.clamp(min=1e-6), functional.adaptive_max_pool2d(mask, shape)


def _mean(image: Tensor, shape: tuple[int, int]) -> Tensor:
    if image.shape[-1] < shape[-1]:
        return functional.interpolate(image, shape, mode="bilinear")
    return functional.adaptive_avg_pool2d(image, shape)


def _enlarged(image: Tensor, shape: tuple[int, int]) -> Tensor:
    return functional.interpolate(image, shape, mode="bicubic", antialias=True)


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
