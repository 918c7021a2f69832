"""The standard diffusion objective, shared by every stage that trains through the U-Net."""

from collections.abc import Hashable, Sequence

import torch
from torch import Tensor

from asuka.diffusion.base import Context, LatentDiffusion, Latents
from asuka.seeding import rand, randn

STRATA = 8


def denoising_loss(
    base: LatentDiffusion,
    latents: Latents,
    context: Context,
    seed: int,
    keys: Sequence[Hashable],
    part: tuple[float, float] = (0, 1),
) -> Tensor:
    """Mean squared error of the predicted noise, per image (B,), at a random time step (Ho et al. 2020, eq. 14).

    Time step and noise of image i are functions of (seed, keys[i]), drawn on the CPU; steps are uniform over `part`
    of the schedule.
    """
    # In full precision: under autocast the latents are bf16, and so would be the noise schedule.
    truth = latents.truth.float()
    place = part[0] + rand(seed, "step", keys) * (part[1] - part[0])
    step = (place * base.scheduler.config.num_train_timesteps).long().to(truth.device)
    noise = randn(seed, "noise", keys, tuple(truth.shape[1:])).to(truth.device)
    noisy = base.scheduler.add_noise(truth, noise, step)
    result = base.predict(noisy, step, latents.cells, latents.masked, context)
    return (result.float() - noise.float()).square().flatten(1).mean(1)


@torch.no_grad()
def fixed_loss(base: LatentDiffusion, latents: Latents, context: Context, keys: Sequence[Hashable]) -> Tensor:
    """The objective at eight fixed draws of step and noise, one in each eighth of the schedule: (B,) for validation.

    Contexts are compared at the same steps and noise, and strata take most of the time step's variance away.
    """
    draws = [
        denoising_loss(base, latents, context, 0, [(key, draw) for key in keys], (draw / STRATA, (draw + 1) / STRATA))
        for draw in range(STRATA)
    ]
    return torch.stack(draws).mean(0)
