"""What of a photograph is measured on, and what a mask file says."""

from collections.abc import Callable

import cv2
import numpy as np
from PIL import Image

from asuka.errors import InputError
from asuka.image import decode, upright_rgb
from asuka.photo import Photo, photo

REMEDY = "get or mend this file"


def square(file: Image.Image, side: int) -> np.ndarray:
    """The largest central square, scaled to `side`: uint8 RGB (side, side, 3)."""
    return central(upright_rgb(file), side)


def central(image: Image.Image, side: int) -> np.ndarray:
    """The same of an RGB picture."""
    short = min(image.size)
    left, top = ((length - short) // 2 for length in image.size)
    box = (left, top, left + short, top + short)
    return np.asarray(image.resize((side, side), Image.Resampling.BICUBIC, box=box))


def window(file: Image.Image, side: int) -> np.ndarray:
    """The central side x side pixels, nothing scaled: uint8 RGB (side, side, 3).

    What is smaller is continued at its right and lower edge by its mirror image (as MAT, arXiv 2203.15270, measures).
    """
    pixels = np.asarray(upright_rgb(file))
    below, beside = (max(0, side - length) for length in pixels.shape[:2])
    pixels = cv2.copyMakeBorder(pixels, 0, below, 0, beside, cv2.BORDER_REFLECT)
    top, left = ((length - side) // 2 for length in pixels.shape[:2])
    return np.ascontiguousarray(pixels[top : top + side, left : left + side])


def whole(file: Image.Image, side: int) -> np.ndarray:
    """The picture as it is: uint8 RGB (H, W, 3). InputError where it has more than 8 bits."""
    _check_depth(file)
    return np.array(upright_rgb(file))


# Word of a manifest -> (opened file, side in pixels) -> picture.
CROPS: dict[str, Callable[[Image.Image, int], np.ndarray]] = {"square": square, "window": window, "whole": whole}


def levels(file: Image.Image) -> np.ndarray:
    """The levels of a mask, uint8 (H, W), white = hole; its transparent parts are black. InputError above 8 bits."""
    _check_depth(file)
    mask: Photo = photo(file)
    grey = np.array(Image.fromarray(mask.pixels).convert("L"))
    return grey if mask.alpha is None else np.minimum(grey, mask.alpha)


def cut(data: bytes, path: object, rule: str, side: int) -> np.ndarray:
    """The picture that the bytes of file `path` hold, by a word of CROPS. PictureError where they hold none."""
    return decode(data, str(path), REMEDY, lambda file: CROPS[rule](file, side))


def _check_depth(file: Image.Image) -> None:
    # Pillow reduces colours of 16 bits without a word; the way it would unpack them tells.
    if file.mode.startswith(("I", "F")) or ";16" in str(getattr(file, "tile", "")):
        raise InputError("it has more than 8 bits for each colour; save it with 8")
