"""What of a mask is hole: one threshold, and what may be done to a mask before it is used."""

import warnings
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image

from asuka.errors import InputError, InputWarning
from asuka.image import THRESHOLD
from asuka.photo import Photo

GREY = (25, 230)  # levels between these are neither black nor white; a JPEG's ringing lies outside
GREY_SHARE, HOLE_SHARE = 0.01, 0.8  # more than that is worth a warning


@dataclass(frozen=True)
class MaskReader:
    """What a user says about masks.

    hole: what of a mask is the hole: `white`, `black` or `alpha` (transparent). Where a black-and-white mask has
    alpha, its transparent parts are no hole. dilate: the hole grows by so many pixels all around. fill_holes: known
    islands inside the hole join it. resize_mask: a mask of another size is brought to the picture's, every pixel a
    hole that holds any of it.
    """

    hole: str = "white"
    dilate: int = 0
    fill_holes: bool = False
    resize_mask: bool = False

    def __post_init__(self) -> None:
        if self.hole not in LEVELS:
            raise InputError(f"hole={self.hole}: there is no such kind of mask; choose one of {', '.join(LEVELS)}")
        if self.dilate < 0:
            raise InputError(f"dilate={self.dilate}: a hole can only grow; give 0 or more pixels")

    def __call__(self, mask: Photo, size: tuple[int, int], name: str) -> np.ndarray:
        """The hole (H, W) bool of a picture of `size` (width, height) called `name`.

        InputError for a mask of another size and for one without a hole.
        """
        levels = LEVELS[self.hole](mask, name)
        grey = float(((levels > GREY[0]) & (levels < GREY[1])).mean())
        if grey > GREY_SHARE:
            _warn(f"{name}: {grey:.0%} of the mask is grey; from level {THRESHOLD} of 255 on it counts as hole")
        found = self._fitted(levels >= THRESHOLD, size, name)
        if not found.any():
            raise InputError(
                f"{name}: the mask holds no {WORDS[self.hole]} pixel, so there is nothing to fill; paint the hole "
                f"{WORDS[self.hole]}, from level {THRESHOLD} of 255 on, or say what is hole: hole=white, black or alpha"
            )
        if self.fill_holes:
            found |= _enclosed(found)
        if self.dilate:
            away = cv2.distanceTransform((~found).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
            found = away <= self.dilate
        share = float(found.mean())
        if share > HOLE_SHARE:
            _warn(f"{name}: the hole is {share:.0%} of the picture, which leaves little to fill it by")
        return found

    def _fitted(self, hole: np.ndarray, size: tuple[int, int], name: str) -> np.ndarray:
        height, width = hole.shape
        if (width, height) == size:
            return hole
        if not self.resize_mask:
            raise InputError(
                f"{name}: the mask has {width} x {height} pixels and the image {size[0]} x {size[1]}; give a mask of "
                "the image's size, or resize_mask=true"
            )
        # A box averages all that it covers, so that any part of a hole leaves more than nothing.
        return np.array(Image.fromarray(hole.astype(np.float32)).resize(size, Image.Resampling.BOX)) > 0


def _white(mask: Photo, name: str) -> np.ndarray:
    """Levels of a mask on black ground."""
    levels = np.array(Image.fromarray(mask.pixels).convert("L"))
    return levels if mask.alpha is None else np.minimum(levels, mask.alpha)


def _black(mask: Photo, name: str) -> np.ndarray:
    levels = 255 - np.array(Image.fromarray(mask.pixels).convert("L"))
    return levels if mask.alpha is None else np.minimum(levels, mask.alpha)


def _transparent(mask: Photo, name: str) -> np.ndarray:
    if mask.alpha is None:
        raise InputError(f"{name}: hole=alpha, but the mask has no alpha channel; give one that has, or hole=white")
    return 255 - mask.alpha


# Kind of mask -> levels (H, W) uint8 in which white is hole.
LEVELS = {"white": _white, "black": _black, "alpha": _transparent}
WORDS = {"white": "white", "black": "black", "alpha": "transparent"}


def _enclosed(hole: np.ndarray) -> np.ndarray:
    """(H, W) bool: known islands that do not touch the border of the picture."""
    height, width = hole.shape
    _, labels, stats, _ = cv2.connectedComponentsWithStats((~hole).astype(np.uint8), connectivity=4)
    left, top, wide, high = stats[:, :4].T
    inner = (left > 0) & (top > 0) & (left + wide < width) & (top + high < height)
    inner[0] = False  # the hole itself
    return inner[labels]


def _warn(sentence: str) -> None:
    warnings.warn(sentence, InputWarning, stacklevel=3)
