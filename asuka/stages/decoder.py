"""stage=decoder: the conditional decoder, which learns to bring damaged latents to the colours around the hole."""

import torch
from torch import Tensor, nn

from asuka.batch import Batch
from asuka.condition import Empty, aligned
from asuka.decode import Conditional, Plain
from asuka.diffusion.base import LatentDiffusion
from asuka.diffusion.cache import LatentCache
from asuka.diffusion.noising import estimate, noised
from asuka.diffusion.samplers import Concat, concat
from asuka.errors import InputError
from asuka.image import paste
from asuka.metrics.perceptual import perceptual as network
from asuka.metrics.pixel import hole_psnr
from asuka.metrics.seam import colour_shift, excess_seam_de
from asuka.registry import fingerprint, locate
from asuka.seeding import rand, randn
from asuka.training.stage import Losses, Stage
from decoder import ConditionalDecoder
from decoder.degrade import ColourShift
from decoder.loss import DecoderLoss

STEPS = 20  # of the sampler, where drawn latents are looked at and measured


class DecoderStage(Stage):
    """Trains a ConditionalDecoder that starts as the base's own decoder; base, prior and latent space stay frozen."""

    def __init__(
        self,
        base: LatentDiffusion,
        align: str,
        mae: str,
        crop: int,
        colour: float,
        jitter: list[float],
        latent: float,
        latest: float,
        prior: float,
        distance: str,
        perceptual: float,
        hole: float,
        seam: float,
        tone: float,
        seed: int,
    ):
        """Two kinds of damage, alone or together, each with a probability:

        `colour`: the encoded picture has its brightness, contrast, saturation and hue moved by up to `jitter`;
        `latent`: the latents are noised to a random step in the first share `latest` of the schedule and estimated back
        by the base in one step, a share `prior` of them under ASUKA's prior and the others under the empty text.

        Squares of `crop` pixels are decoded; the base sees whole pictures. `distance` names the network of the
        perceptual loss; `perceptual`, `hole`, `seam` and `tone` weigh the loss (decoder/loss.py).
        """
        super().__init__()
        _check({"colour": colour, "latent": latent, "latest": latest, "prior": prior}, crop, base.factor)
        Concat().fits(base)  # estimates and previews show it hole and masked picture
        self.base, self.crop, self.seed = base, crop, seed
        self.colour, self.latent, self.latest, self.prior = colour, latent, latest, prior
        self.shift = ColourShift(*jitter)
        self.conditions = nn.ModuleList([Empty(), aligned(align, mae)])
        for condition in self.conditions:
            condition.fits(base)
        self.distance = network(distance)
        self.criterion = DecoderLoss(self.distance, perceptual, hole, seam, tone)
        self.reads = {"base": base.fingerprint, "align": fingerprint(locate(align, "align"))}
        self.reads["distance"] = self.distance.name
        self.trained = ConditionalDecoder.like(base.vae, trained_with={"vae": base.vae_fingerprint}).float()
        self.decodes = {"plain": Plain(), "ours": Conditional(self.trained)}
        self.cache = LatentCache()

    def forward(self, batch: Batch, progress: float) -> Losses:
        image, mask, latents = self._cut(batch, self.base.unscale(self.damaged(batch)))
        return self.criterion(image, mask, self.trained(latents, image, mask).float())

    @torch.no_grad()
    def damaged(self, batch: Batch) -> Tensor:
        """Scaled latents (B, C, h, w) of a batch that shows the truth, damaged as each visit has it."""
        latents = self.cache(self.base, batch)
        result = latents.truth.float().clone()
        tinted = rand(self.seed, "colour", batch.visit) < self.colour
        if tinted.any():
            draws = rand(self.seed, "jitter", batch.visit, (4,))[tinted]
            result[tinted] = self.base.encode(self.shift(batch.image[tinted], draws)).float()
        coins = rand(self.seed, "latent", batch.visit, (2,))
        for condition, own in zip(self.conditions, (coins[:, 1] >= self.prior, coins[:, 1] < self.prior), strict=True):
            rows = torch.nonzero((coins[:, 0] < self.latent) & own).flatten().tolist()
            if rows:
                some = batch.take(rows)
                noisy = noised(self.base, result[rows], self.seed, some.visit, (0, self.latest))
                result[rows] = estimate(self.base, noisy, latents.take(rows), condition(self.base, some.blind()))
        return result

    @torch.no_grad()
    def preview(self, batch: Batch) -> dict[str, Tensor]:
        blind = batch.blind()
        drawn = self._drawn(blind)
        results = {name: decode(self.base, drawn, blind).clamp(-1, 1) for name, decode in self.decodes.items()}
        pasted = {f"{name}, pasted": paste(batch.image, batch.mask, result) for name, result in results.items()}
        return {"masked": blind.image, **results, **pasted, "truth": batch.image}

    @torch.no_grad()
    def validate(self, batches: list[Batch]) -> Losses:
        """Colour shift (dE76) and PSNR (dB) of the hole on real latents, and the pasted seam's excess (dE76) on latents
        the base drew, with the base's own decoder and with ours."""
        measured = [self._measured(batch) for batch in batches]
        return {
            f"{what}/{name}": torch.cat([rows[name][what] for rows in measured])
            for what in measured[0]["plain"]
            for name in self.decodes
        }

    def _measured(self, batch: Batch) -> dict[str, dict[str, Tensor]]:
        """Of each decoder, its values (B,) for a batch."""
        blind, real = batch.blind(), self.base.encode(batch.image)
        drawn, rows = self._drawn(blind), {}
        for name, decode in self.decodes.items():
            true, filled = (decode(self.base, latents, blind).clamp(-1, 1) for latents in (real, drawn))
            rows[name] = {
                "colour_shift": colour_shift(batch.image, batch.mask, true),
                "hole_psnr": hole_psnr(batch.image, batch.mask, true),
                "seam_de": excess_seam_de(batch.image, batch.mask, paste(batch.image, batch.mask, filled)),
            }
        return rows

    def _drawn(self, blind: Batch) -> Tensor:
        """Latents (B, C, h, w) that the base draws under the empty text."""
        shape = (self.base.vae.config.latent_channels, *(side // self.base.factor for side in blind.image.shape[-2:]))
        noise = randn(self.seed, "sample", blind.name, shape).to(blind.image)
        return concat(self.base, blind, self.base.null_context(len(blind)), noise, STEPS)

    def _cut(self, batch: Batch, latents: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Picture, mask and latents of a square of `crop` pixels; its place is a function of the visit."""
        factor, side = self.base.factor, self.crop // self.base.factor
        room = torch.tensor(latents.shape[-2:]) - side
        if (room < 0).any():
            raise InputError(
                f"stage.crop={self.crop} is more than data.size={batch.image.shape[-1]}; give fewer pixels"
            )
        places = (rand(self.seed, "place", batch.visit, (2,)) * (room + 1)).long().tolist()
        cells = [values[:, y : y + side, x : x + side] for values, (y, x) in zip(latents, places, strict=True)]
        pixels = [
            [
                one[:, y * factor :, x * factor :][:, : self.crop, : self.crop]
                for one, (y, x) in zip(values, places, strict=True)
            ]
            for values in (batch.image, batch.mask)
        ]
        return torch.stack(pixels[0]), torch.stack(pixels[1]), torch.stack(cells)


def _check(shares: dict[str, float], crop: int, factor: int) -> None:
    for name, share in shares.items():
        if not 0 <= share <= 1:
            raise InputError(f"stage.{name}={share}: is a share from 0 to 1; give another number")
    if crop < factor or crop % factor:
        raise InputError(
            f"stage.crop={crop}: must be a multiple of {factor}, the pixels of a cell; give another number"
        )
