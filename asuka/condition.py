"""What the hole should contain: (base, batch) -> context."""

import torch
from torch import Tensor, nn

from asuka.alignment import Alignment
from asuka.batch import Batch
from asuka.diffusion.base import Context, LatentDiffusion
from asuka.registry import fingerprint, locate, require
from asuka.window import scale
from mae import MaskedAutoencoder


class Empty:
    """The context of the empty text: Stable Diffusion inpainting without a prompt."""

    def __call__(self, base: LatentDiffusion, batch: Batch) -> Context:
        return base.null_context(len(batch))


class Caption:
    """The context of each picture's own caption."""

    def __call__(self, base: LatentDiffusion, batch: Batch) -> Context:
        return base.text_context(batch.caption)


class MaePrior(nn.Module):
    """ASUKA's prior: MAE tokens of the known pixels, aligned to the base's cross-attention."""

    def __init__(self, mae: MaskedAutoencoder, alignment: Alignment):
        super().__init__()
        self.mae, self.alignment = mae, alignment

    def forward(self, base: LatentDiffusion, batch: Batch) -> Context:
        return self.context(batch.image, batch.mask)

    def context(self, image: Tensor, mask: Tensor) -> Context:
        """The context of a picture (B, 3, H, W) in [-1, 1] whose hole is `mask` (B, 1, H, W)."""
        with torch.no_grad():
            tokens = self.mae.tokens(*scale(image, mask, self.mae.config.image_size))
        return Context(self.alignment(tokens))


def aligned(weights: str, mae: str) -> MaePrior:
    """`condition=mae`: the trained alignment and the MAE it was trained with, from folders or `tiny`."""
    prior, folder = frozen_mae(mae), locate(weights, "align")
    alignment = Alignment.from_pretrained(folder).float().eval().requires_grad_(False)
    require("align", {"mae": alignment.config.trained_with["mae"]}, {"mae": prior.fingerprint})
    return MaePrior(prior, alignment)


def frozen_mae(weights: str) -> MaskedAutoencoder:
    """A trained MAE from a folder or `tiny`, in float32; `fingerprint` is the hash of its weights."""
    folder = locate(weights, "mae")
    mae = MaskedAutoencoder.from_pretrained(folder).float().eval().requires_grad_(False)
    mae.fingerprint = fingerprint(folder)
    return mae
