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


def l1(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """Mean absolute error of the whole picture, (B,), where black is 0 and white is 1."""
    return _absolute(truth, torch.ones_like(mask), result)


def hole_l1(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """The same over the hole alone, (B,). InputError for a mask without a hole."""
    require_hole(mask)
    return _absolute(truth, mask, result)


def _absolute(truth: Tensor, part: Tensor, result: Tensor) -> Tensor:
    require_finite(result)
    return mean_over((result.clamp(-1, 1) - truth).abs() / 2, part).mean(1)


def _decibels(truth: Tensor, part: Tensor, result: Tensor) -> Tensor:
    require_finite(result)
    errors = ((result.clamp(-1, 1) - truth) / 2).square()
    return -10 * mean_over(errors, part).mean(1).log10()
