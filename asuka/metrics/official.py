"""The numbers for each picture as the released ASUKA's scripts compute them, every one with its own rule for masks.

Functions (truth, levels, raw) -> (B,): pictures (B, 3, H, W) in [-1, 1], `raw` a result with nothing pasted, both first
rounded to the 8 bits of a file; `levels` (B, 1, H, W) is the mask as its file holds it, divided by 255, and soft where
the file is.
"""

import cv2
import numpy as np
import torch
from torch import Tensor

from asuka.metrics.clip import clip
from asuka.metrics.metric import Rows
from asuka.metrics.perceptual import perceptual
from asuka.metrics.region import levels as rounded
from asuka.metrics.structure import require_room, similarity

GREY = (0.2989, 0.587, 0.114)  # torchvision's weights of red, green and blue
WINDOW = 7  # scikit-image's SSIM, where nothing else is said
EDGE = (100, 200)  # thresholds of Canny's edges


def official_psnr(truth: Tensor, levels: Tensor, raw: Tensor) -> Tensor:
    """PSNR of the composite (hole: level >= 0.5) in dB; 70 for equal pictures, which is the most."""
    errors = (_composite(truth, levels, raw) - _unit(truth)).square()
    return -10 * (errors.mean((1, 2, 3)) + 1e-7).log10()


def official_ssim(truth: Tensor, levels: Tensor, raw: Tensor) -> Tensor:
    """SSIM of the grey composite (hole: level >= 0.5), even windows of 7 x 7, sample covariance."""
    require_room(truth, WINDOW)
    weights = torch.tensor(GREY, device=truth.device, dtype=torch.double).view(1, 3, 1, 1)
    grey = ((image.double() * weights).sum(1, True) for image in (_unit(truth), _composite(truth, levels, raw)))
    line = torch.full((WINDOW,), 1 / WINDOW, device=truth.device, dtype=torch.double)
    found = similarity(*grey, line, WINDOW**2 / (WINDOW**2 - 1))
    return found.mean((1, 2, 3)).float()


def official_lpips(device: torch.device) -> Rows:
    """LPIPS with AlexNet of the composite (hole: level >= 0.5)."""
    distance = perceptual("alex").to(device)
    return lambda truth, levels, raw: distance(2 * _composite(truth, levels, raw) - 1, 2 * _unit(truth) - 1)


def official_grad(truth: Tensor, levels: Tensor, raw: Tensor) -> Tensor:
    """Distance of Sobel gradients along the mask's outline, of levels 0 .. 255, in double precision.

    The composite is the mask's mixture of raw result and truth, not rounded; the outline is where Canny finds the mask
    to have edges, and the mean over it and the colour channels is 0 where there are none.
    """
    rows = zip(rounded(truth), _bytes(levels), rounded(raw), strict=True)
    found = [_grad(*(part.permute(1, 2, 0).cpu().numpy() for part in row)) for row in rows]
    return torch.tensor(found, dtype=torch.double, device=truth.device)


def official_clip(weights: str, device: torch.device) -> Rows:
    """Cosine of CLIP's embeddings where only pixels of level 255 count: they are kept, all others are black."""
    network = clip(weights, device)

    def rows(truth: Tensor, levels: Tensor, raw: Tensor) -> Tensor:
        kept = _bytes(levels) // 255
        return torch.cosine_similarity(network(rounded(truth) * kept), network(rounded(raw) * kept))

    return rows


def _bytes(levels: Tensor) -> Tensor:
    return (255 * levels).round().to(torch.uint8)


def _unit(image: Tensor) -> Tensor:
    return rounded(image).float() / 255


def _composite(truth: Tensor, levels: Tensor, raw: Tensor) -> Tensor:
    """In [0, 1]."""
    return torch.where(levels >= 0.5, _unit(raw), _unit(truth))


def _grad(truth: np.ndarray, mask: np.ndarray, raw: np.ndarray) -> float:
    """Of one picture, uint8 (H, W, C) as in a file."""
    outline = cv2.Canny(np.ascontiguousarray(mask[..., 0]), *EDGE) > 0
    if not outline.any():
        return 0.0
    share = mask / 255
    pictures = raw * share + truth * (1 - share), truth.astype(float)
    across, down = (
        np.subtract(*(cv2.Sobel(picture, cv2.CV_64F, *order, ksize=3) for picture in pictures))
        for order in ((1, 0), (0, 1))
    )
    return float(np.sqrt(across**2 + down**2)[outline].mean(0).mean())
