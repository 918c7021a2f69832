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
    step: Tensor  # (B,) as the base's own schedule counts
    noise: Tensor  # (B, C, h, w) standard normal


def noised(
    base: LatentDiffusion, truth: Tensor, seed: int, keys: Sequence[Hashable], part: tuple[float, float] = (0, 1)
) -> Noised:
    """Scaled latents (B, C, h, w) taken to a random time step of the base's schedule.

    Step and noise of image i are functions of (seed, keys[i]), drawn on the CPU; steps are uniform over `part` of the
    schedule.
    """
    # In full precision: under autocast the latents are bf16, and so would be the noise schedule.
    truth = truth.float()
    place = part[0] + rand(seed, "step", keys) * (part[1] - part[0])
    noise = randn(seed, "noise", keys, tuple(truth.shape[1:])).to(truth.device)
    return Noised(*base.noised(truth, noise, place), noise)


@torch.no_grad()
def estimate(base: LatentDiffusion, noisy: Noised, latents: Latents, context: Context) -> Tensor:
    """The clean latents (B, C, h, w) the network sees in noisy ones, in one step."""
    result = base.predict(noisy.latents, noisy.step, latents.cells, latents.masked, context).float()
    return base.estimate(noisy.latents, noisy.step, result)
