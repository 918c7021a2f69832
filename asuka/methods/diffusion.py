"""The method in one screen: a base, what its cross-attention reads about the hole, how latents are drawn, and how they
become pixels."""

from dataclasses import replace

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.condition import Condition
from asuka.data.made import Made
from asuka.decode import Decode
from asuka.diffusion.base import Context, LatentDiffusion
from asuka.diffusion.samplers import Noise, Sampler, Seen, unseen
from asuka.methods.inpainter import Inpainter
from asuka.seeding import randn


class DiffusionInpainter(Inpainter):
    """`sd` with the empty text and the plain decoder, `asuka` with the MAE's prior and the conditional one."""

    def __init__(
        self,
        base: LatentDiffusion,
        condition: Condition,
        sampler: Sampler,
        decode: Decode,
        steps: int,
        seed: int,
        prior_scale: float,
    ):
        """`steps` of the schedule; noise of an image is a function of `seed` and its name.

        prior_scale: the U-Net's prediction is null + w (prior - null); 1 is one pass with the condition, 0 one pass
        with the empty text, anything else takes two passes; FLUX mixes the two contexts instead, and takes one.
        """
        super().__init__()
        self.base, self.condition, self.sampler, self.decode = base, condition, sampler, decode
        self.steps, self.seed, self.prior_scale, self.side = steps, seed, prior_scale, base.size
        for part in (condition, sampler, decode):
            part.fits(base)
        self.calls = sampler.calls(steps)  # of the U-Net, or pairs of them where predictions are weighed

    def among(self, pairs: Made) -> None:
        self.condition.among(pairs)

    def mark(self, name: str) -> str:
        return self.condition.mark(name)

    @torch.no_grad()
    def forward(self, batch: Batch, seen: Seen = unseen) -> Tensor:
        """A blind batch at the base's size -> whole pictures (B, 3, H, W) in [-1, 1]; known pixels may have moved."""
        return self.decode(self.base, self.latents(batch, seen), batch).clamp(-1, 1)

    @torch.no_grad()
    def latents(self, batch: Batch, seen: Seen = unseen) -> Tensor:
        """What is drawn for a blind batch, before it is decoded: scaled latents (B, C, h, w)."""
        return self.sampler(self.base, batch, self.context(batch), self.noise(batch), self.steps, seen)

    def context(self, batch: Batch) -> Context:
        """What cross-attention reads, weighed against the empty text."""
        if self.prior_scale == 0:
            return self.base.null_context(len(batch))
        context = self.condition(self.base, batch)
        if self.prior_scale == 1:
            return context
        return replace(context, null=self.base.null_context(len(batch)), scale=self.prior_scale)

    def noise(self, batch: Batch) -> Noise:
        """Standard normal latents (B, C, h, w) for any purpose, each a function of seed, purpose and name."""
        factor, channels = self.base.factor, self.base.vae.config.latent_channels
        height, width = (side // factor for side in batch.image.shape[-2:])

        def drawn(purpose: str) -> Tensor:
            return randn(self.seed, purpose, batch.name, (channels, height, width)).to(batch.image)

        return drawn
