"""FLUX.1 Fill behind the verbs of every base: a rectified-flow transformer over latents of 16 channels."""

import numpy as np
import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from torch import Tensor
from torch.nn import functional

from asuka.diffusion.base import Context, LatentDiffusion
from asuka.diffusion.flux_packing import PATCH, image_ids, pack, shift_of, shifted, unpack
from asuka.errors import InputError


class FluxFill(LatentDiffusion):
    """What attention reads is a sequence and a pooled vector, both in place of a text; there is no text encoder.

    Differs from the code that ASUKA's weights were released with, by design: latents of a picture are the mean of the
    posterior (theirs are drawn from a global random stream, so that a result depends on all that ran before), noise is
    a function of seed and name (theirs of the place in the batch), and between two steps latents stay in the precision
    of the picture (theirs are rounded to bf16 each time).
    """

    process = "flow"
    reads_text = False

    def __init__(
        self,
        vae: AutoencoderKL,
        transformer: FluxTransformer2DModel,
        scheduler: FlowMatchEulerDiscreteScheduler,
        empty: Context,
        size: int,
        guidance: float,
    ):
        """empty: the context of the empty text, one row; guidance: the scale that the distilled network is told."""
        config = transformer.config
        super().__init__(vae, size, config.joint_attention_dim, config.pooled_projection_dim)
        self.multiple = PATCH * self.factor
        self.inputs = config.in_channels
        self.wanted = PATCH**2 * (2 * vae.config.latent_channels + self.factor**2)
        self.transformer, self.scheduler, self.guidance = transformer, scheduler, guidance
        self.register_buffer("empty_sequence", empty.sequence)
        self.register_buffer("empty_pooled", empty.pooled)

    def shrink(self, mask: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, f f, H/f, W/f): every pixel of a cell in a channel of its own, row-major."""
        return functional.pixel_unshuffle(mask, self.factor)

    def predict(self, noisy: Tensor, step: Tensor, cells: Tensor, masked: Tensor, context: Context) -> Tensor:
        """The velocity (B, C, h, w), from picture to noise, at times `step` (B,) from 0 to 1000.

        A context that is weighed against another is mixed with it, sequence and pooled vector each, as the released
        ASUKA does: always one pass. Where a context has no pooled vector, the empty text's is read.
        """
        dtype, (height, width) = self.transformer.dtype, noisy.shape[-2:]
        sequence, pooled = (part.to(dtype) for part in self.mixed(context))
        velocity = self.transformer(
            hidden_states=torch.cat([pack(part) for part in (noisy, masked, cells)], dim=2).to(dtype),
            encoder_hidden_states=sequence,
            pooled_projections=pooled,
            timestep=step / self.scheduler.config.num_train_timesteps,
            guidance=torch.full_like(step, self.guidance, dtype=torch.float32),
            img_ids=image_ids(height, width).to(noisy.device),
            txt_ids=torch.zeros(sequence.shape[1], 3, device=noisy.device),
        ).sample
        return unpack(velocity, height, width).to(noisy.dtype)

    def mixed(self, context: Context) -> tuple[Tensor, Tensor]:
        """Sequence and pooled vector of a context, mixed with those that it is weighed against."""
        pooled = self.empty_pooled.expand(len(context.sequence), -1) if context.pooled is None else context.pooled
        if context.null is None:
            return context.sequence, pooled
        empty = self.mixed(context.null)
        # Not by lerp, which wants one precision for all three.
        return tuple(a + context.scale * (b - a) for a, b in zip(empty, (context.sequence, pooled), strict=True))

    def null_context(self, count: int) -> Context:
        """The context of the empty text, `count` times."""
        return Context(self.empty_sequence.expand(count, -1, -1), self.empty_pooled.expand(count, -1))

    def text_context(self, captions: tuple[str, ...]) -> Context:
        """That of the empty text; InputError for any other."""
        if any(captions):
            raise InputError(f"'{max(captions)}' is not read: base=flux_fill has no text encoder; give no caption")
        return self.null_context(len(captions))

    def schedule(self, steps: int, noise: Tensor) -> FlowMatchEulerDiscreteScheduler:
        """Euler steps, shifted towards noise by the number of patches."""
        scheduler = FlowMatchEulerDiscreteScheduler.from_config(self.scheduler.config)
        scheduler.set_timesteps(sigmas=np.linspace(1, 1 / steps, steps), mu=_mu(noise), device=noise.device)
        return scheduler

    def noised(self, truth: Tensor, noise: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """On the straight line between picture and noise (Liu et al. 2023), where sampling would be at that place."""
        share = shifted(place, _mu(truth)).to(truth.device)
        rows = share[:, None, None, None]
        return (1 - rows) * truth + rows * noise, share * self.scheduler.config.num_train_timesteps

    def goal(self, truth: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """The velocity of that line, the same at all times."""
        return noise - truth

    def estimate(self, noisy: Tensor, step: Tensor, result: Tensor) -> Tensor:
        """The line's beginning."""
        return noisy - (step / self.scheduler.config.num_train_timesteps)[:, None, None, None] * result


def _mu(latents: Tensor) -> float:
    return shift_of(latents.shape[-2] * latents.shape[-1] // PATCH**2)
