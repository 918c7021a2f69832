"""SSIM: whether two pictures agree in local brightness, contrast and pattern (Wang et al. 2004).

Row functions (truth, mask, result) -> (B,): pictures (B, 3, H, W) in [-1, 1] and masks (B, 1, H, W) with 1 = hole.
InputError for pictures smaller than the window and for results that are not finite.
"""

import torch
from torch import Tensor
from torch.nn import functional

from asuka.errors import InputError
from asuka.metrics.region import mean_over, require_finite, require_hole

WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01**2, 0.03**2  # Wang et al. 2004, for pictures in [0, 1]


def ssim(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """Mean over colour channels and all windows (11 x 11, Gaussian, sigma 1.5) within the picture: (B,), 1 at most."""
    require_finite(result)
    require_room(truth, WINDOW)
    return similarity(_unit(truth), _unit(result), _gaussian(truth), 1.0).mean((1, 2, 3)).float()


def hole_ssim(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """The same, mean over the windows whose middle is a hole pixel: (B,).

    What such a window shows of known pixels is the truth's in both pictures; the picture is mirrored at its edges. A
    hole pixel thus counts as it looks in its surroundings. InputError for a mask without a hole.
    """
    require_hole(mask)
    require_finite(result)
    require_room(truth, WINDOW)
    pictures = (_mirrored(_unit(picture)) for picture in (truth, torch.where(mask > 0.5, result, truth)))
    return mean_over(similarity(*pictures, _gaussian(truth), 1.0), mask).mean(1).float()


def similarity(first: Tensor, second: Tensor, line: Tensor, scale: float) -> Tensor:
    """SSIM of every window that lies within two batches (B, C, H, W) in [0, 1]: (B, C, H - n + 1, W - n + 1).

    The window is `line` (n,), which sums to 1, times itself; variances and covariances are multiplied by `scale`.
    """
    size = len(line)
    products = torch.stack([first, second, first * first, second * second, first * second])
    windows = functional.conv2d(products.flatten(0, 2)[:, None], line.view(1, 1, size, 1))
    means = functional.conv2d(windows, line.view(1, 1, 1, size)).squeeze(1).unflatten(0, products.shape[:3])
    one, two, squares, others, mixed = means
    variances = scale * (squares - one * one + others - two * two)
    covariance = scale * (mixed - one * two)
    brightness = (2 * one * two + C1) / (one * one + two * two + C1)
    return brightness * (2 * covariance + C2) / (variances + C2)


def require_room(image: Tensor, size: int) -> None:
    """InputError where a window of `size` x `size` has no place in pictures (B, C, H, W)."""
    height, width = image.shape[-2:]
    if min(height, width) < size:
        raise InputError(
            f"a picture has {width} x {height} pixels, and SSIM looks through windows of {size} x {size}; leave it "
            "out, or choose other metrics"
        )


def _unit(image: Tensor) -> Tensor:
    """In [0, 1] and double precision: variances are small differences of large numbers."""
    return (image.clamp(-1, 1).double() + 1) / 2


def _gaussian(like: Tensor) -> Tensor:
    steps = torch.arange(WINDOW, device=like.device, dtype=torch.double) - WINDOW // 2
    line = (-0.5 * (steps / SIGMA).square()).exp()
    return line / line.sum()


def _mirrored(image: Tensor) -> Tensor:
    """Half a window more on each side, the edge pixel twice: (B, C, H + n - 1, W + n - 1)."""
    reach = WINDOW // 2
    for axis in (-2, -1):
        ends = [image.narrow(axis, at, reach).flip(axis) for at in (0, image.shape[axis] - reach)]
        image = torch.cat([ends[0], image, ends[1]], dim=axis)
    return image
