"""The hole and the known pixels of some masks: that they are there, where they meet, means over them; and
pictures as files hold them."""

import torch
from torch import Tensor
from torch.nn import functional

from asuka.errors import InputError


def require_hole(mask: Tensor) -> None:
    """InputError where a mask (B, 1, H, W) has no hole: what is measured there has no value."""
    _require(mask.flatten(1).amax(1) > 0.5, "has no hole", "leave this picture out, or give it a hole")


def require_known(mask: Tensor) -> None:
    """InputError where a mask (B, 1, H, W) leaves no pixel known."""
    _require(mask.flatten(1).amin(1) < 0.5, "leaves no pixel known", "leave this picture out, or make its hole smaller")


def require_finite(image: Tensor) -> None:
    """InputError where a picture (B, C, H, W) holds what is not a number, or infinite."""
    good = image.isfinite().flatten(1).all(1)
    _require(good, "holds values that are not finite", "look at what made this picture", thing="picture")


def mean_over(values: Tensor, part: Tensor) -> Tensor:
    """Mean of values (B, C, H, W) over the pixels where `part` (B, 1, H, W) is 1, none of them all 0: (B, C)."""
    return (values * part).sum((2, 3)) / part.sum((2, 3))


def levels(image: Tensor) -> Tensor:
    """What a file of pictures (B, 3, H, W) in [-1, 1] would hold: uint8, rounded to nearest. InputError as above."""
    require_finite(image)
    return ((image.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)


def border(mask: Tensor) -> Tensor:
    """1 at hole pixels with a known one above, below, left or right of them, 0 elsewhere: (B, 1, H, W)."""
    known = 1 - mask
    upright = functional.max_pool2d(known, (3, 1), 1, (1, 0))
    across = functional.max_pool2d(known, (1, 3), 1, (0, 1))
    return mask * torch.maximum(upright, across)


def _require(good: Tensor, fault: str, remedy: str, thing: str = "mask") -> None:
    """InputError with the index of the first in the batch that is not `good` (B,)."""
    if not good.all():
        index = int(torch.nonzero(~good)[0])
        raise InputError(f"{thing} {index} of a batch of {len(good)} {fault}; {remedy}")
