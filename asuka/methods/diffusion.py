"""The method in one screen: a base, what its cross-attention reads about the hole, and how latents become pixels."""

from dataclasses import replace

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.condition import Condition
from asuka.decode import Decode
from asuka.diffusion.base import Context, LatentDiffusion
from asuka.diffusion.samplers import Seen, concat, unseen
from asuka.methods.inpainter import Inpainter
from asuka.seeding import randn


class DiffusionInpainter(Inpainter):
    """`sd` with the empty text and the plain decoder, `asuka` with the MAE's prior and the conditional one."""

    def __init__(
        self,
        base: LatentDiffusion,
        condition: Condition,
        decode: Decode,
        steps: int,
        seed: int,
        prior_scale: float,
    ):
        """`steps` of the sampler; noise of an image is a function of `seed` and its name.

        prior_scale: the U-Net's prediction is null + w (prior - null); 1 is one pass with the condition, 0 one pass
        with the empty text, anything else takes two passes.
        """
        super().__init__()
        self.base, self.condition, self.decode = base, condition, decode
        self.steps, self.seed, self.prior_scale, self.side = steps, seed, prior_scale, base.size
        condition.fits(base)
        decode.fits(base)

    @torch.no_grad()
    def forward(self, batch: Batch, seen: Seen = unseen) -> Tensor:
        """A blind batch at the base's size -> whole pictures (B, 3, H, W) in [-1, 1]; known pixels may have moved."""
        context = self.context(batch)
        latents = concat(self.base, batch, context, self.noise(batch), self.steps, seen)
        return self.decode(self.base, latents, batch).clamp(-1, 1)

    def context(self, batch: Batch) -> Context:
        """What cross-attention reads, weighed against the empty text."""
        if self.prior_scale == 0:
            return self.base.null_context(len(batch))
        context = self.condition(self.base, batch)
        if self.prior_scale == 1:
            return context
        return replace(context, null=self.base.null_context(len(batch)), scale=self.prior_scale)

    def noise(self, batch: Batch) -> Tensor:
        """Standard normal latents (B, C, h, w), each a function of seed and name."""
        factor, channels = self.base.factor, self.base.vae.config.latent_channels
        height, width = (side // factor for side in batch.image.shape[-2:])
        return randn(self.seed, "sample", batch.name, (channels, height, width)).to(batch.image)
