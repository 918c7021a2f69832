"""Ways to draw latents from a base: (base, batch, context, noise) -> latents."""

from collections.abc import Callable

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.diffusion.base import Context, LatentDiffusion

# (number of the step from 0, its time, latents after it) -> the latents to go on with.
Seen = Callable[[int, Tensor, Tensor], Tensor]


def unseen(number: int, step: Tensor, latents: Tensor) -> Tensor:
    """Nobody looks on."""
    return latents


@torch.no_grad()
def concat(
    base: LatentDiffusion, batch: Batch, context: Context, noise: Tensor, steps: int, seen: Seen = unseen
) -> Tensor:
    """The inpainting model's own way: hole and masked picture beside the noisy latents, by the base's own schedule.

    `batch` is blind, `noise` (B, C, h, w) standard normal; returns scaled latents (B, C, h, w). `seen` is called after
    every step.
    """
    scheduler, latents = base.schedule(steps, noise), noise
    cells, masked = base.shrink(batch.mask), base.encode(batch.image)
    for number, step in enumerate(scheduler.timesteps):
        result = base.predict(latents, step.expand(len(latents)), cells, masked, context)
        latents = seen(number, step, scheduler.step(result, step, latents).prev_sample)
    return latents
