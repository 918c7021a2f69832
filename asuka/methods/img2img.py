"""sampler=img2img: what the MAE thinks, noised and denoised; its blur stays in the result, as the paper says."""

import torch
from torch import Tensor, nn

from asuka.batch import Batch
from asuka.condition import frozen_mae, thought
from asuka.diffusion.base import Context, LatentDiffusion
from asuka.diffusion.samplers import Noise, Sampler, Seen, unseen
from asuka.errors import InputError
from asuka.image import paste
from asuka.window import unscale
from mae import MaskedAutoencoder


class Img2Img(Sampler):
    """The known pixels with the MAE's picture in the hole, encoded, taken a share of the way to noise, and back (DDIM,
    eta 0). A U-Net that reads a hole and a masked picture is shown them."""

    def __init__(self, mae: MaskedAutoencoder, strength: float):
        """`strength` from 0, the MAE's picture as the autoencoder has it, to 1, all steps. InputError beyond."""
        super().__init__()
        if not 0 <= strength <= 1:
            raise InputError(f"sampler.strength={strength}: is a share of the steps from 0 to 1; give another number")
        self.mae, self.strength = mae, strength

    def parts(self) -> dict[str, nn.Module]:
        return {"mae": self.mae}

    def calls(self, steps: int) -> int:
        return round(self.strength * steps)

    @torch.no_grad()
    def forward(
        self, base: LatentDiffusion, batch: Batch, context: Context, noise: Noise, steps: int, seen: Seen = unseen
    ) -> Tensor:
        own = thought(self.mae, batch.to(self.mae.device, self.mae.dtype)).to(batch.image)
        start = paste(batch.image, batch.mask, unscale(own, batch.image.shape[-1]))
        latents, cells, masked = base.encode(start), base.shrink(batch.mask), base.encode(batch.image)
        scheduler = base.schedule(steps, latents)
        times = scheduler.timesteps[steps - self.calls(steps) :]
        if len(times):
            latents = scheduler.add_noise(latents, noise("sample"), times[:1].expand(len(latents)))
        for number, step in enumerate(times):
            result = base.predict(latents, step.expand(len(latents)), cells, masked, context)
            latents = seen(number, step, scheduler.step(result, step, latents).prev_sample)
        return latents


def img2img(strength: float, mae: str) -> Img2Img:
    """The sampler with the MAE of a folder, or `tiny`."""
    return Img2Img(frozen_mae(mae), strength)
