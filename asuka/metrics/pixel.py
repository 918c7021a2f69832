"""How far a result lies from the truth, pixel by pixel.

Row functions (truth, mask, result) -> (B,): pictures (B, 3, H, W) in [-1, 1] and masks (B, 1, H, W) with 1 = hole.
"""

import torch
from torch import Tensor

from asuka.metrics.region import mean_over, require_finite, require_hole


def psnr(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """Peak signal-to-noise ratio of the whole picture, (B,) in dB; infinite where result equals truth."""
    return _decibels(truth, torch.ones_like(mask), result)


def hole_psnr(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """The same over the hole alone, (B,) in dB. InputError for a mask without a hole."""
    require_hole(mask)
    return _decibels(truth, mask, result)


def _decibels(truth: Tensor, part: Tensor, result: Tensor) -> Tensor:
    require_finite(result)
    errors = ((result.clamp(-1, 1) - truth) / 2).square()
    return -10 * mean_over(errors, part).mean(1).log10()
