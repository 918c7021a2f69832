"""stage=vae: the tiny autoencoder, L1 with a light pull of its posterior to the normal distribution."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL
from torch import Tensor

from asuka.batch import Batch
from asuka.diffusion.tiny import build_vae
from asuka.errors import InputError
from asuka.loading import load
from asuka.registry import fingerprint, locate
from asuka.seeding import rand, randn
from asuka.training.stage import Losses, Stage


class VaeStage(Stage):
    """Trains an AutoencoderKL of our tiny shape on square crops of the pictures."""

    def __init__(self, init: str | None, channels: list[int], crop: int, kl: float, edges: float, seed: int):
        """New, of `channels`, or with `init` the one in that folder. `crop` pixels are learnt from at a time; `kl`
        weighs the KL term (nats per pixel-channel), `edges` the L1 of neighbour differences, which keeps outlines that
        plain L1 blurs."""
        super().__init__()
        self.trained = _load(init) if init else build_vae(channels)
        self.reads = {"vae": fingerprint(locate(init, "base/vae"))} if init else {}
        self.crop, self.kl, self.edges, self.seed = crop, kl, edges, seed

    def forward(self, batch: Batch, progress: float) -> Losses:
        image = self._cut(batch)
        posterior = self.trained.encode(image).latent_dist
        noise = randn(self.seed, "posterior", batch.visit, tuple(posterior.mean.shape[1:])).to(posterior.mean)
        result = self.trained.decode(posterior.mean + posterior.std * noise).sample.float()
        pixels = (result - image).abs().flatten(1).mean(1)
        edges = sum((result.diff(dim=axis) - image.diff(dim=axis)).abs().flatten(1).mean(1) for axis in (2, 3))
        nats = posterior.kl() / image[0].numel()
        return {"loss": pixels + self.edges * edges + self.kl * nats, "l1": pixels, "kl": nats}

    @torch.no_grad()
    def preview(self, batch: Batch) -> dict[str, Tensor]:
        return {"truth": batch.image, "decoded": self._decoded(self._mean(batch))}

    @torch.no_grad()
    def validate(self, batches: list[Batch]) -> Losses:
        """PSNR of each picture, in dB."""
        errors = [((self._decoded(self._mean(batch)) - batch.image) / 2).square() for batch in batches]
        return {"psnr": -10 * torch.cat([error.flatten(1).mean(1) for error in errors]).log10()}

    @torch.no_grad()
    def export(self, folder: Path, batches: list[Batch]) -> None:
        """As AutoencoderKL, its scaling factor 1 / (standard deviation of the validation pictures' latents)."""
        spread = torch.cat([self._mean(batch).flatten(1) for batch in batches]).std()
        self.trained.register_to_config(scaling_factor=round(1 / float(spread), 5))
        self.trained.save_pretrained(folder)

    def _mean(self, batch: Batch) -> Tensor:
        return self.trained.encode(batch.image).latent_dist.mean

    def _decoded(self, mean: Tensor) -> Tensor:
        return self.trained.decode(mean).sample.clamp(-1, 1)

    def _cut(self, batch: Batch) -> Tensor:
        """A square of `crop` pixels at a place that is a function of the visit."""
        room = batch.image.shape[-1] - self.crop
        if room < 0:
            raise InputError(
                f"stage.crop={self.crop} is more than data.size={batch.image.shape[-1]}; give fewer pixels"
            )
        tops = (rand(self.seed, "top", batch.visit) * (room + 1)).long().tolist()
        lefts = (rand(self.seed, "left", batch.visit) * (room + 1)).long().tolist()
        places = zip(batch.image, tops, lefts, strict=True)
        return torch.stack([image[:, t : t + self.crop, x : x + self.crop] for image, t, x in places])


def _load(weights: str) -> AutoencoderKL:
    return load(AutoencoderKL, locate(weights, "base/vae")).float()
