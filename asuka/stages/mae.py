"""stage=mae: the prior. First random patches (masks=patches), then continuous holes (masks=mixed stage.init=DIR)."""

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.condition import frozen_mae
from asuka.errors import InputError
from asuka.image import paste
from asuka.seeding import rand
from asuka.training.stage import Losses, Stage
from asuka.window import resize
from mae.loss import drop_pixels, random_drop, reconstruction_loss
from mae.presets import build


class MaeStage(Stage):
    """Trains a masked autoencoder on what the holes hide; loss per image over its hole pixels."""

    def __init__(self, preset: str, init: str | None, drop: float, seed: int):
        """A new network of size `preset`, or the weights of folder `init` trained further. Every hole patch is
        dropped, and random ones up to the share `drop` of all patches (0: none but the hole's)."""
        super().__init__()
        if not 0 <= drop < 1:
            raise InputError(f"stage.drop={drop}: must lie from 0 to below 1; 0.75 is the MAE's own")
        self.trained = frozen_mae(init) if init else build(preset)
        self.trained.train().requires_grad_(True)
        self.drop, self.seed = drop, seed
        self.reads = {"mae": self.trained.fingerprint} if init else {}

    def forward(self, batch: Batch, progress: float) -> Losses:
        image, mask = resize(batch.image, batch.mask, self.trained.config.image_size)
        hole = self.trained.hole_patches(mask)
        dropped = random_drop(hole, rand(self.seed, "drop", batch.visit, (hole.shape[1],)).to(hole.device), self.drop)
        result = self.trained(image, mask, dropped)
        return {"loss": reconstruction_loss(image, result, drop_pixels(mask, dropped))}

    @torch.no_grad()
    def preview(self, batch: Batch) -> dict[str, Tensor]:
        image, mask = resize(batch.image, batch.mask, self.trained.config.image_size)
        result = self.trained(image, mask).clamp(-1, 1)
        return {"masked": image * (1 - mask), "mae": paste(image, mask, result), "raw": result, "truth": image}

    @torch.no_grad()
    def validate(self, batches: list[Batch]) -> Losses:
        """Loss and PSNR (dB) over the hole pixels alone, no patch dropped but the hole's."""
        losses, errors = [], []
        for batch in batches:
            image, mask = resize(batch.image, batch.mask, self.trained.config.image_size)
            result = self.trained(image, mask).clamp(-1, 1)
            losses.append(reconstruction_loss(image, result, mask))
            squares = ((result - image) / 2).square().mean(1, keepdim=True) * mask
            errors.append(squares.flatten(1).sum(1) / mask.flatten(1).sum(1))
        return {"loss": torch.cat(losses), "hole_psnr": -10 * torch.cat(errors).log10()}
