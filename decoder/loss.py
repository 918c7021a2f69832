"""What a decoder is trained by: L1, heavier in the hole and along its border, and a perceptual distance."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

RIM = 4  # pixels to either side of the border that count as seam
PATCH = 8  # pixels whose mean is a tone


@dataclass(frozen=True)
class DecoderLoss:
    """The autoencoder's own objective (Esser et al. 2021, L1 + LPIPS), with the hole and its seam made heavier."""

    distance: Callable[[Tensor, Tensor], Tensor]  # two (B, 3, H, W) in [-1, 1] -> (B,)
    perceptual: float  # weight of that distance
    hole: float  # weight of a hole pixel beyond the 1 of every pixel
    seam: float  # weight of a pixel near the border beyond that
    tone: float  # weight of the L1 between means of 8 x 8 pixels: tints show there, details do not

    def __call__(self, truth: Tensor, mask: Tensor, result: Tensor) -> dict[str, Tensor]:
        """Losses (B,) of pictures (B, 3, H, W) in [-1, 1] under holes (B, 1, H, W); "loss" is their sum."""
        weight = 1 + self.hole * mask + self.seam * rim(mask)
        l1 = _weighted((result - truth).abs(), weight)
        means = functional.avg_pool2d(torch.cat([result - truth, weight], 1), PATCH)
        tone = _weighted(means[:, :3].abs(), means[:, 3:])
        distance = self.distance(truth, result)
        total = l1 + self.tone * tone + self.perceptual * distance
        return {"loss": total, "l1": l1, "tone": tone, "perceptual": distance}


def rim(mask: Tensor) -> Tensor:
    """1 within `RIM` pixels of the border between hole and known, else 0: (B, 1, H, W)."""
    wide = functional.max_pool2d(torch.cat([mask, 1 - mask], 1), 2 * RIM + 1, stride=1, padding=RIM)
    return wide.prod(1, keepdim=True)


def _weighted(errors: Tensor, weight: Tensor) -> Tensor:
    """Weighted mean of each picture: (B,)."""
    return (errors.mean(1, keepdim=True) * weight).flatten(1).sum(1) / weight.flatten(1).sum(1)
