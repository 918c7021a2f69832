"""The frozen latent diffusion model, wrapped once into the verbs everything else speaks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from diffusers import AutoencoderKL, DDIMScheduler, SchedulerMixin, UNet2DConditionModel
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPTextModel, CLIPTokenizer

from asuka.batch import Batch
from asuka.diffusion.prediction import PREDICTIONS
from asuka.errors import InputError
from decoder.strips import decode, encode


@dataclass(frozen=True)
class Context:
    """What attention reads instead of text."""

    sequence: Tensor  # (B, T, D)
    pooled: Tensor | None = None  # (B, P); None where the base reads none
    null: "Context | None" = None  # weighed against this one: from it `scale` of the way to the own (see `predict`)
    scale: float = 1.0

    def each(self, change: Callable[[Tensor], Tensor]) -> "Context":
        """The same with `change` made to sequence and pooled vector, not weighed."""
        return Context(change(self.sequence), None if self.pooled is None else change(self.pooled))


def joined(contexts: Sequence[Context]) -> Context:
    """The contexts of several batches as one, not weighed."""
    pooled = None if contexts[0].pooled is None else torch.cat([one.pooled for one in contexts])
    return Context(torch.cat([one.sequence for one in contexts]), pooled)


@dataclass(frozen=True)
class Latents:
    """What a base needs to know of a batch."""

    truth: Tensor  # (B, C, h, w) scaled latents of the whole picture
    masked: Tensor  # (B, C, h, w) scaled latents of the picture with a grey hole
    cells: Tensor  # (B, H, h, w) in {0, 1}: the hole as the base reads it (see `shrink`)

    def take(self, rows: list[int]) -> "Latents":
        """Those of some of the pictures."""
        return Latents(self.truth[rows], self.masked[rows], self.cells[rows])


class LatentDiffusion(nn.Module):
    """A frozen generative model in the latents of an autoencoder, behind images in [-1, 1] and masks with 1 = hole.

    Its networks may have a precision of their own: what goes in is cast to it, what comes out has that of what went in.
    """

    process = "diffusion"  # how noise comes and goes; what a sampler has to be written for
    reads_text = True  # whether `text_context` knows other texts than the empty one

    def __init__(self, vae: AutoencoderKL, size: int, context_dim: int, pooled_dim: int | None = None):
        """size: pixels of a side that the model is at its best with; context_dim, pooled_dim: widths of a Context."""
        super().__init__()
        self.vae, self.size, self.context_dim, self.pooled_dim = vae, size, context_dim, pooled_dim
        self.factor = self.multiple = 2 ** (len(vae.config.block_out_channels) - 1)
        self.shift = vae.config.shift_factor or 0.0
        self.fingerprint = self.vae_fingerprint = ""
        self.inputs = self.wanted = 0  # channels that the network reads, and that hole and masked picture make it read

    def encode(self, image: Tensor) -> Tensor:
        """(B, 3, H, W) in [-1, 1] -> scaled latents (B, C, H/f, W/f): the mean of the posterior, never a sample.

        InputError for sides that do not fit: cells have f pixels, and some bases read several cells at once.
        """
        height, width = image.shape[-2:]
        if height % self.multiple or width % self.multiple:
            raise InputError(
                f"pictures of {height} x {width} pixels do not fit a base whose cells have {self.multiple} pixels; "
                f"give multiples, best {self.size} x {self.size}"
            )
        mean = encode(self.vae, image.to(self.vae.dtype))
        return ((mean - self.shift) * self.vae.config.scaling_factor).to(image.dtype)

    def decode(self, latents: Tensor) -> Tensor:
        """Scaled latents (B, C, h, w) -> (B, 3, h f, w f), about [-1, 1]."""
        return decode(self.vae, self.unscale(latents.to(self.vae.dtype))).to(latents.dtype)

    def unscale(self, latents: Tensor) -> Tensor:
        """Scaled latents as the autoencoder itself reads them."""
        return latents / self.vae.config.scaling_factor + self.shift

    def latents(self, batch: Batch) -> Latents:
        """Latents of a batch that still shows the truth, for training."""
        return Latents(self.encode(batch.image), self.encode(batch.blind().image), self.shrink(batch.mask))

    def shrink(self, mask: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, H, H/f, W/f): the hole as the base reads it, in which no hole pixel is lost."""
        raise NotImplementedError

    def predict(self, noisy: Tensor, step: Tensor, cells: Tensor, masked: Tensor, context: Context) -> Tensor:
        """What the network says (B, C, h, w) of noisy latents at times `step` (B,), a hole and masked latents."""
        raise NotImplementedError

    def null_context(self, count: int) -> Context:
        """The context of the empty text, `count` times."""
        raise NotImplementedError

    def text_context(self, captions: tuple[str, ...]) -> Context:
        """The context of some captions."""
        raise NotImplementedError

    def schedule(self, steps: int, noise: Tensor) -> SchedulerMixin:
        """A new scheduler that goes from `noise` (B, C, h, w) to a picture in so many steps."""
        raise NotImplementedError

    def noised(self, truth: Tensor, noise: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """Clean latents (B, C, h, w) at a place (B,) in [0, 1) of the way to noise, and the time `step` (B,) there."""
        raise NotImplementedError

    def goal(self, truth: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """What `predict` would have to return for the latents that `noised` made of these at times `step` (B,)."""
        raise NotImplementedError

    def estimate(self, noisy: Tensor, step: Tensor, result: Tensor) -> Tensor:
        """The clean latents (B, C, h, w) in noisy ones, if what `predict` returned is right."""
        raise NotImplementedError


class StableDiffusion(LatentDiffusion):
    """A Stable Diffusion, for inpainting (9-channel U-Net) or for texts (4); it predicts noise or a velocity."""

    def __init__(
        self,
        vae: AutoencoderKL,
        unet: UNet2DConditionModel,
        text_encoder: CLIPTextModel,
        tokenizer: CLIPTokenizer,
        scheduler: DDIMScheduler,
    ):
        """InputError where the scheduler's `prediction_type` is neither of the two."""
        kind = scheduler.config.prediction_type
        if kind not in PREDICTIONS:
            raise InputError(
                f"the scheduler says that the U-Net predicts '{kind}', and only {' and '.join(PREDICTIONS)} are known "
                "here; give another model"
            )
        factor = 2 ** (len(vae.config.block_out_channels) - 1)
        super().__init__(vae, unet.config.sample_size * factor, unet.config.cross_attention_dim)
        self.unet, self.text_encoder = unet, text_encoder
        self.tokenizer, self.scheduler, self.prediction = tokenizer, scheduler, PREDICTIONS[kind]
        self.inputs, self.wanted = unet.config.in_channels, 2 * vae.config.latent_channels + 1

    def shrink(self, mask: Tensor) -> Tensor:
        """(B, 1, H, W) -> (B, 1, H/f, W/f): a cell is a hole when any of its pixels is, so thin holes survive."""
        return functional.max_pool2d(mask, self.factor)

    def predict(self, noisy: Tensor, step: Tensor, cells: Tensor, masked: Tensor, context: Context) -> Tensor:
        """The U-Net's prediction (B, C, h, w) at times `step` (B,); its 9 channels: noisy | hole | masked.

        A U-Net of 4 channels reads the noisy latents alone.

        Two passes where the context is weighed against another: null + scale (own - null) (Ho & Salimans 2022, eq. 6).
        """
        shown = torch.cat([noisy, cells, masked], dim=1)[:, : self.inputs].to(self.unet.dtype)
        own = self.unet(shown, step, context.sequence.to(self.unet.dtype)).sample.to(noisy.dtype)
        if context.null is None:
            return own
        null = self.predict(noisy, step, cells, masked, context.null)
        return null + context.scale * (own - null)

    def text_context(self, captions: tuple[str, ...]) -> Context:
        """The text encoder's sequence for some captions."""
        # A tokenizer from elsewhere may not know how much the encoder reads.
        length = min(self.tokenizer.model_max_length, self.text_encoder.config.max_position_embeddings)
        tokens = self.tokenizer(
            list(captions),
            padding="max_length",
            max_length=length,
            truncation=True,
            return_tensors="pt",
        )
        device = self.text_encoder.device
        return Context(self.text_encoder(tokens.input_ids.to(device)).last_hidden_state.float())

    def null_context(self, count: int) -> Context:
        """The context of the empty text, `count` times."""
        return Context(self.text_context(("",)).sequence.expand(count, -1, -1))

    def schedule(self, steps: int, noise: Tensor) -> DDIMScheduler:
        """DDIM at so many steps."""
        scheduler = DDIMScheduler.from_config(self.scheduler.config)
        scheduler.set_timesteps(steps, device=noise.device)
        return scheduler

    def noised(self, truth: Tensor, noise: Tensor, place: Tensor) -> tuple[Tensor, Tensor]:
        """The forward process (Ho et al. 2020, eq. 4); steps are whole numbers."""
        step = (place * self.scheduler.config.num_train_timesteps).long().to(truth.device)
        return self.scheduler.add_noise(truth, noise, step), step

    def goal(self, truth: Tensor, noise: Tensor, step: Tensor) -> Tensor:
        """The noise, or the velocity where the scheduler says so."""
        return self.prediction.goal(truth, noise, self._kept(step, truth))

    def estimate(self, noisy: Tensor, step: Tensor, result: Tensor) -> Tensor:
        """Read off the noise, or off the velocity where the scheduler says so."""
        return self.prediction.estimate(noisy, result, self._kept(step, result))

    def _kept(self, step: Tensor, latents: Tensor) -> Tensor:
        """The share of the signal (abar) at times `step`: (B, 1, 1, 1)."""
        return self.scheduler.alphas_cumprod.to(latents.device)[step][:, None, None, None]
