"""RePaint (Lugmayr et al. 2022): what is known is put back at every step, and the way is walked back and forth."""

from itertools import pairwise

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.diffusion.base import Context, LatentDiffusion
from asuka.diffusion.known import Known
from asuka.diffusion.samplers import Noise, Sampler, Seen, all_hole, unseen
from asuka.errors import InputError

# At eta 1 out of pure noise nothing of the old noise is left, and rounding may ask for the root of less than nothing.
MOST_ETA = 1 - 1e-6


class RePaint(Sampler):
    """For any U-Net: one that reads a hole and a masked picture is told that all is hole."""

    def __init__(self, jump_length: int, jump_count: int, first: float, last: float, eta: float):
        """After every `jump_length` steps the latents are noised again by as many, so that each stretch is walked
        `jump_count` times; 1 is no jump at all.

        first, last: the share of the way between which jumps begin, 0 at pure noise and 1 at the picture: (0, 0.5)
        resamples early only, (0.5, 1) late only. eta: 1 is the paper's DDPM step, 0 DDIM's, which draws no noise.
        InputError for what is no such number.
        """
        super().__init__()
        if jump_length < 1 or jump_count < 1 or not 0 <= first <= last <= 1 or not 0 <= eta <= 1:
            raise InputError(
                f"sampler.jump_length={jump_length}, jump_count={jump_count}, first={first}, last={last}, eta={eta}: "
                "jumps have 1 step or more, every stretch is walked at least once, 0 <= first <= last <= 1, and eta "
                "lies from 0 to 1"
            )
        self.jump_length, self.jump_count, self.eta = jump_length, jump_count, eta
        self.first, self.last = first, last

    def calls(self, steps: int) -> int:
        walk = self.walk(steps)
        return sum(place < before for before, place in pairwise([steps, *walk]))

    def walk(self, steps: int) -> list[int]:
        """Steps in the order they are walked, from steps - 1 (most noise) to 0: where the number falls the U-Net is
        asked at that step, where it grows noise is added. InputError where there is no room for a jump.
        """
        left = {
            place: self.jump_count - 1
            for place in range(0, steps - self.jump_length, self.jump_length)
            if self.first <= 1 - place / steps <= self.last
        }
        if self.jump_count > 1 and not left:
            raise InputError(
                f"sampler.jump_length={self.jump_length}, first={self.first}, last={self.last}: there is no room for a "
                f"jump in {steps} steps; give shorter jumps, a wider range or more steps"
            )
        walk, place = [], steps
        while place > 0:
            place -= 1
            walk.append(place)
            if left.get(place, 0) > 0:
                left[place] -= 1
                walk += range(place + 1, place + self.jump_length + 1)
                place += self.jump_length
        return walk

    @torch.no_grad()
    def forward(
        self, base: LatentDiffusion, batch: Batch, context: Context, noise: Noise, steps: int, seen: Seen = unseen
    ) -> Tensor:
        latents, number, before = noise("sample"), 0, steps
        scheduler, known = base.schedule(steps, latents), Known(base, batch)
        times, shown = scheduler.timesteps.flip(0), all_hole(base, batch)
        kept = [*scheduler.alphas_cumprod[times.cpu()].tolist(), float(scheduler.final_alpha_cumprod)]  # [-1]: clean
        for turn, place in enumerate(self.walk(steps)):
            if place > before:
                share = kept[place - 1] / kept[place - 2]
                latents = share**0.5 * latents + (1 - share) ** 0.5 * noise(f"back {turn}")
            else:
                latents = known.over(latents, known.noised(kept[place], noise(f"known {turn}")))
                result = base.predict(latents, times[place].expand(len(latents)), *shown, context)
                # The last step of DDPM draws no noise.
                eta = min(self.eta, MOST_ETA) if place else 0.0
                drawn = noise(f"step {turn}") if eta else None
                latents = scheduler.step(result, times[place], latents, eta=eta, variance_noise=drawn).prev_sample
                latents, number = seen(number, times[place], latents), number + 1
            before = place
        return known.over(latents, known.latents)
