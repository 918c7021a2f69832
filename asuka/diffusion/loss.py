"""The standard diffusion objective, shared by every stage that trains through the base."""

from collections.abc import Hashable, Sequence
from operator import itemgetter

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.diffusion.base import Context, LatentDiffusion, Latents
from asuka.diffusion.noising import noised

STRATA = 8


def denoising_loss(
    base: LatentDiffusion,
    latents: Latents,
    context: Context,
    seed: int,
    keys: Sequence[Hashable],
    part: tuple[float, float] = (0, 1),
) -> Tensor:
    """Mean squared error of what the base predicts (noise, or a velocity), per image (B,), at a random time step; step
    and noise as in `noised`."""
    noisy = noised(base, latents.truth, seed, keys, part)
    result = base.predict(noisy.latents, noisy.step, latents.cells, latents.masked, context)
    goal = base.goal(latents.truth.float(), noisy.noise, noisy.step)
    return (result.float() - goal).square().flatten(1).mean(1)


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


@torch.no_grad()
def fixed_losses(base: LatentDiffusion, batches: Sequence[Batch], contexts: dict[str, Context]) -> dict[str, Tensor]:
    """`fixed_loss` of all pictures of some batches that show the truth, (N,) under each of some contexts."""
    rows: dict[str, list[Tensor]] = {name: [] for name in contexts}
    first = 0
    for batch in batches:
        latents = base.latents(batch)
        for name, context in contexts.items():
            some = context.each(itemgetter(slice(first, first + len(batch))))
            rows[name].append(fixed_loss(base, latents, some, batch.visit))
        first += len(batch)
    return {name: torch.cat(values) for name, values in rows.items()}
