"""The forward process, and the way back in one step."""

from collections.abc import Hashable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from asuka.diffusion.base import Context, LatentDiffusion, Latents
from asuka.seeding import rand, randn


class Noised(NamedTuple):
    """Latents at a time step, and what they were made of."""

    latents: Tensor  # (B, C, h, w)
    step: Tensor  # (B,) whole numbers from 0 to below the schedule's length
    noise: Tensor  # (B, C, h, w) standard normal


def noised(
    base: LatentDiffusion, truth: Tensor, seed: int, keys: Sequence[Hashable], part: tuple[float, float] = (0, 1)
) -> Noised:
    """Scaled latents (B, C, h, w) taken to a random time step (Ho et al. 2020, eq. 4).

    Step and noise of image i are functions of (seed, keys[i]), drawn on the CPU; steps are uniform over `part` of the
    schedule.
    """
    # In full precision: under autocast the latents are bf16, and so would be the noise schedule.
    truth = truth.float()
    place = part[0] + rand(seed, "step", keys) * (part[1] - part[0])
    step = (place * base.scheduler.config.num_train_timesteps).long().to(truth.device)
    noise = randn(seed, "noise", keys, tuple(truth.shape[1:])).to(truth.device)
    return Noised(base.scheduler.add_noise(truth, noise, step), step, noise)


@torch.no_grad()
def estimate(base: LatentDiffusion, noisy: Noised, latents: Latents, context: Context) -> Tensor:
    """The clean latents (B, C, h, w) the U-Net sees in noisy ones, in one step (Ho et al. 2020, eq. 15)."""
    result = base.predict(noisy.latents, noisy.step, latents.cells, latents.masked, context).float()
    kept = base.scheduler.alphas_cumprod.to(result.device)[noisy.step][:, None, None, None]
    return (noisy.latents - (1 - kept).sqrt() * result) / kept.sqrt()
