"""stage=base: the tiny inpainting U-Net and its text encoder, on a trained autoencoder."""

from dataclasses import replace
from pathlib import Path

import torch
from diffusers import AutoencoderKL, StableDiffusionInpaintPipeline
from torch import Tensor, nn

from asuka.batch import Batch
from asuka.condition import Caption, Empty
from asuka.decode import Plain
from asuka.diffusion.base import Latents, StableDiffusion
from asuka.diffusion.cache import LatentCache
from asuka.diffusion.loss import denoising_loss, fixed_loss
from asuka.diffusion.pretrained import pretrained
from asuka.diffusion.samplers import Concat
from asuka.diffusion.tiny import build_scheduler, build_text_encoder, build_tokenizer, build_unet
from asuka.image import paste
from asuka.loading import load
from asuka.methods.diffusion import DiffusionInpainter
from asuka.registry import fingerprint, locate
from asuka.seeding import rand
from asuka.training.stage import Losses, Stage


class BaseStage(Stage):
    """Trains U-Net and text encoder as Stable Diffusion inpainting was: captions dropped 10 %, all-hole visits 25 %."""

    def __init__(
        self,
        data: object,
        vae: str,
        init: str | None,
        channels: list[int],
        caption_drop: float,
        all_hole: float,
        seed: int,
    ):
        """A new U-Net of `channels` on the autoencoder `vae`, its tokenizer learnt from the data's captions; or, with
        `init`, the base of that folder trained further."""
        super().__init__()
        self.base = base = pretrained(init) if init else _new_base(data, vae, channels)
        self.caption_drop, self.all_hole, self.seed = caption_drop, all_hole, seed
        self.trained = nn.ModuleDict({"unet": base.unet, "text_encoder": base.text_encoder})
        self.trained.train().requires_grad_(True)
        self.reads = {"base": base.fingerprint} if init else {"vae": fingerprint(locate(vae, "base/vae"))}
        self.cache = LatentCache()

    def forward(self, batch: Batch, progress: float) -> Losses:
        latents = self.cache(self.base, batch)
        hidden = rand(self.seed, "all-hole", batch.visit) < self.all_hole
        dropped = rand(self.seed, "caption", batch.visit) < self.caption_drop
        captions = tuple("" if drop else text for text, drop in zip(batch.caption, dropped.tolist(), strict=True))
        context = self.base.text_context(captions)
        loss = denoising_loss(self.base, self._hide(latents, hidden), context, self.seed, batch.visit)
        return {"loss": loss}

    @torch.no_grad()
    def preview(self, batch: Batch) -> dict[str, Tensor]:
        blind = batch.blind()
        drawn = replace(blind, image=torch.zeros_like(blind.image), mask=torch.ones_like(blind.mask))
        empty, own = (
            DiffusionInpainter(self.base, choice, Concat(), Plain(), 50, self.seed, 1.0)
            for choice in (Empty(), Caption(""))
        )
        return {
            "masked": blind.image,
            "no text": paste(batch.image, batch.mask, empty(blind)),
            "caption": paste(batch.image, batch.mask, own(blind)),
            "all-hole, caption": own(drawn),
            "truth": batch.image,
        }

    @torch.no_grad()
    def validate(self, batches: list[Batch]) -> Losses:
        """Denoising loss under the empty text, the own and another picture's caption: with holes, and all hole.

        All-hole it measures how much the cross-attention carries: without that no alignment has anything to speak
        through.
        """
        own = sum((batch.caption for batch in batches), ())
        texts = {"own": own, "null": ("",) * len(own), "other": _others(own)}
        rows: dict[str, list[Tensor]] = {}
        start = 0
        for batch in batches:
            latents = self.base.latents(batch)
            everything = torch.ones(len(batch), dtype=torch.bool)
            for place, seen in (("holes", latents), ("all-hole", self._hide(latents, everything))):
                for name, captions in texts.items():
                    context = self.base.text_context(captions[start : start + len(batch)])
                    losses = fixed_loss(self.base, seen, context, batch.visit)
                    rows.setdefault(f"{place}/{name}", []).append(losses)
            start += len(batch)
        return {name: torch.cat(values) for name, values in rows.items()}

    def export(self, folder: Path, batches: list[Batch]) -> None:
        export_base(self.base, folder)

    def _hide(self, latents: Latents, hidden: Tensor) -> Latents:
        """The same latents with the whole picture a hole where `hidden` (B,)."""
        rows = hidden.to(latents.cells.device)[:, None, None, None]
        return replace(
            latents,
            masked=torch.where(rows, self._grey(latents.cells), latents.masked),
            cells=torch.where(rows, torch.ones_like(latents.cells), latents.cells),
        )

    @torch.no_grad()
    def _grey(self, cells: Tensor) -> Tensor:
        """Latents (1, C, h, w) of a picture that is all hole."""
        height, width = (side * self.base.factor for side in cells.shape[-2:])
        return self.base.encode(cells.new_zeros(1, 3, height, width))


def _others(captions: tuple[str, ...]) -> tuple[str, ...]:
    """For each picture the caption of one far from it in the list that has another caption."""
    count = len(captions)
    order = [[captions[(place + count // 2 + step) % count] for step in range(count)] for place in range(count)]
    return tuple(next((text for text in row if text != own), own) for own, row in zip(captions, order, strict=True))


def _new_base(data: object, vae: str, channels: list[int]) -> StableDiffusion:
    autoencoder = load(AutoencoderKL, locate(vae, "base/vae")).float().eval().requires_grad_(False)
    tokenizer = build_tokenizer(data.train.captions())
    unet, text_encoder = build_unet(channels, autoencoder), build_text_encoder(tokenizer)
    return StableDiffusion(autoencoder, unet, text_encoder, tokenizer, build_scheduler())


def export_base(base: StableDiffusion, folder: Path) -> None:
    """Write a base as a folder that diffusers' StableDiffusionInpaintPipeline loads unmodified."""
    StableDiffusionInpaintPipeline(
        vae=base.vae,
        text_encoder=base.text_encoder,
        tokenizer=base.tokenizer,
        unet=base.unet,
        scheduler=base.scheduler,
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    ).save_pretrained(folder)
