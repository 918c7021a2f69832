"""Every kind of Stable Diffusion at toy size: noise and velocity, 4 and 9 channels, against diffusers itself."""

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from diffusers import (
    DDIMScheduler,
    StableDiffusionImg2ImgPipeline,
    StableDiffusionInpaintPipeline,
    StableDiffusionPipeline,
    UNet2DConditionModel,
)
from torch import Tensor, nn
from toy_stable import toy_stable, write_toy_stable

from asuka.batch import Batch
from asuka.condition import Caption, Empty, frozen_mae, thought
from asuka.decode import Plain
from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.known import Known
from asuka.diffusion.noising import estimate, noised
from asuka.diffusion.repaint import RePaint
from asuka.diffusion.samplers import Blended, Concat, Sampler
from asuka.diffusion.stable import sd15_inpaint, sd15_text
from asuka.errors import InputError
from asuka.image import paste
from asuka.methods.diffusion import DiffusionInpainter
from asuka.methods.img2img import Img2Img
from asuka.seeding import randn
from asuka.window import unscale

KINDS = ("epsilon", "v_prediction")
SIDE, STEPS = 64, 7
by_kind = pytest.mark.parametrize("kind", KINDS)


def load(folder: Path, channels: int, kind: str) -> StableDiffusion:
    """One that was written and read again."""
    read = sd15_inpaint if channels == 9 else sd15_text
    return read(str(write_toy_stable(folder / "base", channels, kind)), None, "fp32")


def photo(caption: str = "") -> Batch:
    image = torch.rand(1, 3, SIDE, SIDE, generator=torch.Generator().manual_seed(2)) * 2 - 1
    mask = torch.zeros(1, 1, SIDE, SIDE)
    mask[:, :, 16:48, 8:40] = 1  # on cells of 8 pixels: elsewhere diffusers reads one pixel of a cell, we read all
    return Batch(image, mask, ("photo",), (caption,)).blind()


def noise() -> Tensor:
    return randn(0, "sample", ("photo",), (4, SIDE // 8, SIDE // 8))


def pipeline(kind: type, folder: Path) -> StableDiffusionPipeline:
    made = kind.from_pretrained(folder / "base", safety_checker=None)
    made.set_progress_bar_config(disable=True)
    return made


def ours(base: StableDiffusion, sampler: Sampler, batch: Batch, scale: float = 1.0) -> Tensor:
    condition = Caption("") if batch.caption[0] else Empty()
    return DiffusionInpainter(base, condition, sampler, Plain(), STEPS, 0, scale)(batch)


def assert_same(result: Tensor, images: Tensor) -> None:
    assert result.std() > 0.01 and torch.isfinite(result).all()
    assert (result - (images * 2 - 1)).abs().max() < 1e-4


@by_kind
@pytest.mark.parametrize("scale", [1.0, 3.0])
def test_nine_channels_are_the_inpainting_pipeline_of_diffusers(kind: str, scale: float, tmp_path: Path) -> None:
    base, batch = load(tmp_path, 9, kind), photo("a red ball")
    theirs = pipeline(StableDiffusionInpaintPipeline, tmp_path)(
        prompt="a red ball",
        image=(batch.image + 1) / 2,
        mask_image=batch.mask,
        masked_image_latents=base.encode(batch.image),
        latents=noise(),
        guidance_scale=scale,
        num_inference_steps=STEPS,
        output_type="pt",
    ).images
    assert_same(ours(base, Concat(), batch, scale), theirs)


class StartsKnown(StableDiffusionInpaintPipeline):
    """Diffusers' pipeline begins with pure noise everywhere and puts what is known back after each step but none
    before the first; ours puts it there too. Everything after that is the same."""

    cells: Tensor

    def prepare_latents(self, *given: object, **named: object) -> tuple[Tensor, ...]:
        latents, drawn, known = super().prepare_latents(*given, **named)
        first = self.scheduler.add_noise(known, drawn, self.scheduler.timesteps[:1])
        return torch.where(self.cells > 0, latents, first), drawn, known


@by_kind
def test_four_channels_blended_are_the_inpainting_pipeline_of_diffusers(kind: str, tmp_path: Path) -> None:
    base, batch = load(tmp_path, 4, kind), photo()
    known, made = Known(base, batch), pipeline(StartsKnown, tmp_path)
    made.cells = known.cells
    theirs = made(
        prompt="",
        image=known.latents,  # its own would be those of a picture with a grey hole
        mask_image=batch.mask,
        masked_image_latents=known.latents,
        latents=noise(),
        guidance_scale=1.0,
        num_inference_steps=STEPS,
        output_type="pt",
    ).images
    assert_same(ours(base, Blended(), batch), theirs)


@by_kind
def test_where_all_is_hole_four_channels_are_the_text_pipeline_of_diffusers(kind: str, tmp_path: Path) -> None:
    base, batch = load(tmp_path, 4, kind), photo("snow")
    batch = replace(batch, mask=torch.ones_like(batch.mask)).blind()
    theirs = pipeline(StableDiffusionPipeline, tmp_path)(
        "snow", latents=noise(), guidance_scale=3.0, num_inference_steps=STEPS, output_type="pt"
    ).images
    assert_same(ours(base, Blended(), batch, 3.0), theirs)


@by_kind
def test_four_channels_from_a_picture_are_the_img2img_pipeline_of_diffusers(
    kind: str, toy: Path, tmp_path: Path
) -> None:
    base, batch, mae = load(tmp_path, 4, kind), photo(), frozen_mae(str(toy / "mae"))
    start = paste(batch.image, batch.mask, unscale(thought(mae, batch), SIDE))
    drawn = torch.randn(1, 4, SIDE // 8, SIDE // 8, generator=torch.Generator().manual_seed(5))
    theirs = pipeline(StableDiffusionImg2ImgPipeline, tmp_path)(
        "",
        image=base.encode(start),
        strength=0.5,
        generator=torch.Generator().manual_seed(5),
        guidance_scale=1.0,
        num_inference_steps=8,
        output_type="pt",
    ).images
    latents = Img2Img(mae, 0.5)(base, batch, base.null_context(1), lambda purpose: drawn, 8)
    assert_same(base.decode(latents).clamp(-1, 1), theirs)


class Turned(nn.Module):
    """A U-Net that says of noisy latents the velocity, where another says the noise."""

    def __init__(self, unet: UNet2DConditionModel, scheduler: DDIMScheduler):
        super().__init__()
        self.unet, self.config, self.dtype, self.kept = unet, unet.config, unet.dtype, scheduler.alphas_cumprod

    def forward(self, shown: Tensor, step: Tensor, context: Tensor) -> SimpleNamespace:
        said, kept = self.unet(shown, step, context).sample, self.kept[step][:, None, None, None]
        clean = (shown[:, :4] - (1 - kept).sqrt() * said) / kept.sqrt()
        return SimpleNamespace(sample=kept.sqrt() * said - (1 - kept).sqrt() * clean)


def both(channels: int) -> tuple[StableDiffusion, StableDiffusion]:
    """Two bases that know the same, one in words of noise and one of velocity."""
    base = toy_stable(channels)
    scheduler = DDIMScheduler.from_config(base.scheduler.config, prediction_type="v_prediction")
    turned = Turned(base.unet, scheduler)
    return base, StableDiffusion(base.vae, turned, base.text_encoder, base.tokenizer, scheduler)


SAMPLERS = {
    "concat": Concat(),
    "blended": Blended(),
    "repaint": RePaint(2, 2, 0.0, 1.0, 1.0),
    "repaint, DDIM": RePaint(1, 3, 0.0, 1.0, 0.0),
}


@pytest.mark.parametrize(
    ("name", "channels"), [(name, 9) for name in SAMPLERS] + [(name, 4) for name in SAMPLERS if name != "concat"]
)
def test_a_sampler_draws_the_same_whether_noise_or_velocity_is_said(name: str, channels: int) -> None:
    noisy, turned = (ours(base, SAMPLERS[name], photo()) for base in both(channels))
    assert noisy.std() > 0.01 and (noisy - turned).abs().max() < 1e-4


def test_one_step_is_estimated_the_same_whether_noise_or_velocity_is_said() -> None:
    bases, batch = both(9), replace(photo(), visit=(0,))
    latents = bases[0].latents(batch)
    noisy = noised(bases[0], latents.truth, 0, batch.visit)
    one, other = (estimate(base, noisy, latents, base.null_context(1)) for base in bases)
    assert torch.allclose(one, other, atol=1e-4) and not torch.allclose(one, latents.truth, atol=1e-2)


@by_kind
def test_the_goal_is_what_diffusers_trains_and_leads_back_to_the_truth(kind: str) -> None:
    base = toy_stable(9, kind)
    truth, drawn = torch.randn(2, 3, 4, 8, 8, generator=torch.Generator().manual_seed(0)).unbind()
    noisy, step = base.noised(truth, drawn, torch.tensor([0.0, 0.3, 0.999]))
    goal = base.goal(truth, drawn, step)
    wanted = drawn if kind == "epsilon" else base.scheduler.get_velocity(truth, drawn, step)
    assert torch.allclose(goal, wanted, atol=1e-6)
    assert torch.allclose(base.estimate(noisy, step, goal), truth, atol=1e-4)


def test_what_predicts_clean_latents_is_refused(tmp_path: Path) -> None:
    write_toy_stable(tmp_path, 9)
    DDIMScheduler(prediction_type="sample").save_pretrained(tmp_path / "scheduler")
    with pytest.raises(InputError, match="predicts 'sample', and only epsilon and v_prediction are known here"):
        sd15_inpaint(str(tmp_path), None, "fp32")


def test_four_channels_ignore_hole_and_masked_picture() -> None:
    base, batch = toy_stable(4), photo()
    latents, step = base.latents(batch), torch.tensor([500])
    shown = base.predict(noise(), step, latents.cells, latents.masked, base.null_context(1))
    other = base.predict(noise(), step, 1 - latents.cells, 2 * latents.masked, base.null_context(1))
    assert torch.equal(shown, other)
    with pytest.raises(InputError, match="concat .* 9 channels, and this base's reads 4"):
        ours(base, Concat(), batch)


# Largest difference to float32 of a pixel (in [-1, 1]) after all steps; measured: .049 and .009.
BOUNDS = {"bf16": 0.08, "fp16": 0.015}


@pytest.mark.parametrize("dtype", BOUNDS)
@by_kind
def test_half_precision_is_near_and_stays_inside(dtype: str, kind: str, tmp_path: Path) -> None:
    exact = load(tmp_path, 9, kind)
    base = sd15_inpaint(str(tmp_path / "base"), None, dtype)
    kinds = {network.dtype for network in (base.unet, base.vae, base.text_encoder)}
    assert len(kinds) == 1 and kinds != {torch.float32} and base.fingerprint == exact.fingerprint
    assert base.null_context(1).sequence.dtype == base.encode(photo().image).dtype == torch.float32
    results = [ours(one, Concat(), photo("snow"), 2.0) for one in (exact, base)]
    assert results[1].dtype == torch.float32
    assert 0 < (results[0] - results[1]).abs().max() < BOUNDS[dtype]
