"""The method in one screen: a base, what its cross-attention reads about the hole, and how latents become pixels."""

import torch
from torch import Tensor, nn

from asuka.batch import Batch
from asuka.condition import Condition
from asuka.decode import Decode
from asuka.diffusion.base import LatentDiffusion
from asuka.diffusion.samplers import concat
from asuka.seeding import randn


class DiffusionInpainter(nn.Module):
    """`sd` with the empty text and the plain decoder, `asuka` with the MAE's prior and the conditional one."""

    def __init__(self, base: LatentDiffusion, condition: Condition, decode: Decode, steps: int, seed: int):
        """`steps` of the sampler; noise of an image is a function of `seed` and its name."""
        super().__init__()
        self.base, self.condition, self.decode, self.steps, self.seed = base, condition, decode, steps, seed
        condition.fits(base)
        decode.fits(base)

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        """A blind batch at the base's size -> whole pictures (B, 3, H, W) in [-1, 1]; known pixels may have moved."""
        context = self.condition(self.base, batch)
        latents = concat(self.base, batch, context, self.noise(batch), self.steps)
        return self.decode(self.base, latents, batch).clamp(-1, 1)

    def noise(self, batch: Batch) -> Tensor:
        """Standard normal latents (B, C, h, w), each a function of seed and name."""
        factor, channels = self.base.factor, self.base.vae.config.latent_channels
        height, width = (side // factor for side in batch.image.shape[-2:])
        return randn(self.seed, "sample", batch.name, (channels, height, width)).to(batch.image)
