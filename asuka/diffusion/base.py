"""The frozen latent diffusion model, wrapped once into the verbs everything else speaks."""

from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from asuka.batch import Batch
from asuka.errors import InputError


@dataclass(frozen=True)
class Context:
    """What cross-attention reads instead of text."""

    sequence: Tensor  # (B, T, D)
    pooled: Tensor | None = None  # (B, P); None where the base reads none
    null: "Context | None" = None  # predictions start from this one's and go `scale` of the way to the own
    scale: float = 1.0


@dataclass(frozen=True)
class Latents:
    """What a base needs to know of a batch."""

    truth: Tensor  # (B, C, h, w) scaled latents of the whole picture
    masked: Tensor  # (B, C, h, w) scaled latents of the picture with a grey hole
    cells: Tensor  # (B, 1, h, w) in {0, 1}; 1 where a cell holds any hole pixel

    def take(self, rows: list[int]) -> "Latents":
        """Those of some of the pictures."""
        return Latents(self.truth[rows], self.masked[rows], self.cells[rows])


class LatentDiffusion(nn.Module):
    """A Stable Diffusion inpainting model (9-channel U-Net) behind images in [-1, 1] and masks with 1 = hole."""

    def __init__(
        self,
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        scheduler: DDIMScheduler,
    ):
        super().__init__()
        self.vae, self.unet, self.text_encoder = vae, unet, text_encoder
        self.tokenizer, self.scheduler = tokenizer, scheduler
        self.factor = 2 ** (len(vae.config.block_out_channels) - 1)
        self.size = unet.config.sample_size * self.factor
        self.context_dim = unet.config.cross_attention_dim
        self.fingerprint = self.vae_fingerprint = ""

    def encode(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> scaled latents (B, C, H/f, W/f): the mean of the posterior, never a sample.

        InputError for sides that are no multiple of the factor f.
        """
        height, width = image.shape[-2:]
        if height % self.factor or width % self.factor:
            raise InputError(
                f"pictures of {height} x {width} pixels do not fit a base whose cells have {self.factor} pixels; "
                f"give multiples, best {self.size} x {self.size}"
            )
        return self.vae.encode(image).latent_dist.mean * self.vae.config.scaling_factor

    def decode(self, latents: Tensor) -> Tensor:
        """Scaled latents (B, C, h, w) -> (B, 3, h f, w f), about [-1, 1]."""
        return self.vae.decode(self.unscale(latents)).sample

    def unscale(self, latents: Tensor) -> Tensor:
        """Scaled latents as the autoencoder itself reads them."""
        return latents / self.vae.config.scaling_factor

    def shrink(self, mask: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, 1, H/f, W/f): a cell is a hole when any of its pixels is, so thin holes survive."""
        return functional.max_pool2d(mask, self.factor)

    def latents(self, batch: Batch) -> Latents:
        """Latents of a batch that still shows the truth, for training."""
        return Latents(self.encode(batch.image), self.encode(batch.blind().image), self.shrink(batch.mask))

    def predict(self, noisy: Tensor, step: Tensor, cells: Tensor, masked: Tensor, context: Context) -> Tensor:
        """The U-Net's prediction (B, C, h, w) at times `step` (B,); its 9 channels: noisy | hole | masked.

        Two passes where the context is weighed against another: null + scale (own - null) (Ho & Salimans 2022, eq. 6).
        """
        own = self.unet(torch.cat([noisy, cells, masked], dim=1), step, context.sequence).sample
        if context.null is None:
            return own
        null = self.predict(noisy, step, cells, masked, context.null)
        return null + context.scale * (own - null)

    def text_context(self, captions: tuple[str, ...]) -> Context:
        """The text encoder's sequence for some captions."""
        tokens = self.tokenizer(
            list(captions),
            padding="max_length",
            max_length=self.tokenizer.model_max_length,
            truncation=True,
            return_tensors="pt",
        )
        device = self.text_encoder.device
        return Context(self.text_encoder(tokens.input_ids.to(device)).last_hidden_state)

    def null_context(self, count: int) -> Context:
        """The context of the empty text, `count` times."""
        return Context(self.text_context(("",)).sequence.expand(count, -1, -1))
