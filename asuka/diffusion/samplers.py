"""Ways to draw latents from a base: (base, batch, context, noise, steps) -> latents."""

from collections.abc import Callable

import torch
from torch import Tensor, nn

from asuka.batch import Batch
from asuka.diffusion.base import Context, LatentDiffusion
from asuka.diffusion.known import Known
from asuka.errors import InputError

# (number of the step from 0, its time, latents after it) -> the latents to go on with.
Seen = Callable[[int, Tensor, Tensor], Tensor]
# What it is for -> standard normal noise (B, C, h, w), another for every purpose; the first one is "sample".
Noise = Callable[[str], Tensor]


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


class Sampler(nn.Module):
    """(base, blind batch, context, noise, steps) -> scaled latents (B, C, h, w); `seen` is called after every step."""

    def __init__(self) -> None:  # nn.Module's own would take any argument
        super().__init__()

    def fits(self, base: LatentDiffusion) -> None:
        """InputError where this way of drawing asks for another kind of base; most know diffusion alone."""
        if base.process != "diffusion":
            name = type(self).__name__.lower()
            raise InputError(
                f"sampler={name} puts noise in and takes it out as diffusion models do, and this base is a "
                f"{base.process}; give sampler=concat, or a Stable Diffusion"
            )

    def parts(self) -> dict[str, nn.Module]:
        """The networks that it brings along, by their name in a pipeline's folder."""
        return {}

    def calls(self, steps: int) -> int:
        """How often it asks the U-Net, and calls `seen`."""
        return steps

    def forward(
        self, base: LatentDiffusion, batch: Batch, context: Context, noise: Noise, steps: int, seen: Seen = unseen
    ) -> Tensor:
        raise NotImplementedError


class Concat(Sampler):
    """The inpainting model's own way."""

    def fits(self, base: LatentDiffusion) -> None:
        if base.inputs != base.wanted:
            raise InputError(
                f"sampler=concat shows the U-Net hole and masked picture beside the latents, {base.wanted} channels, "
                f"and this base's reads {base.inputs}; give an inpainting model, or sampler=repaint, blended or img2img"
            )

    def forward(
        self, base: LatentDiffusion, batch: Batch, context: Context, noise: Noise, steps: int, seen: Seen = unseen
    ) -> Tensor:
        return concat(base, batch, context, noise("sample"), steps, seen)


class Blended(Sampler):
    """Blended latents (Avrahami et al. 2023): what is known is put back, noised, around every step (DDIM, eta 0).

    For any U-Net: one that reads a hole and a masked picture is told that all is hole. Each picture has one noise, in
    its hole at the start and on its known latents at all steps, as in diffusers' pipeline for 4-channel models.
    """

    @torch.no_grad()
    def forward(
        self, base: LatentDiffusion, batch: Batch, context: Context, noise: Noise, steps: int, seen: Seen = unseen
    ) -> Tensor:
        first = noise("sample")
        scheduler, known = base.schedule(steps, first), Known(base, batch)
        shown, latents = all_hole(base, batch), first
        for number, step in enumerate(scheduler.timesteps):
            latents = known.over(latents, known.noised(float(scheduler.alphas_cumprod[int(step)]), first))
            result = base.predict(latents, step.expand(len(latents)), *shown, context)
            latents = seen(number, step, scheduler.step(result, step, latents).prev_sample)
        return known.over(latents, known.latents)


def all_hole(base: LatentDiffusion, batch: Batch) -> tuple[Tensor, Tensor]:
    """Hole cells and masked latents of pictures of which nothing is known, as the U-Net has met them in training."""
    return base.shrink(torch.ones_like(batch.mask)), base.encode(torch.zeros_like(batch.image))
