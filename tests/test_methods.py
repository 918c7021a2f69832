"""Promises of every method, and of `sd`: it is diffusers' own inpainting pipeline."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import composed
from diffusers import StableDiffusionInpaintPipeline
from torch import nn

from asuka.batch import Batch
from asuka.condition import Caption, Empty
from asuka.config import CONF, build
from asuka.diffusion.pretrained import pretrained
from asuka.diffusion.samplers import concat
from asuka.errors import InputError
from asuka.seeding import randn
from asuka.stages.base import export_base

DECODES = sorted(path.stem for path in Path(CONF, "method", "decode").glob("*.yaml"))
METHODS = [
    f"method={path.stem} method/decode={decode}"
    for path in sorted(Path(CONF, "method").glob("*.yaml"))
    if path.stem != "folder"  # draws nothing: tests/test_method_folder.py
    for decode in DECODES
]
# What an option must be told to run on the toy parts.
GIVEN = {
    "method=asuka": ["method.condition.weights={toy}/align", "method.condition.mae={toy}/mae"],
    "method/decode=conditional": ["method.decode.weights={toy}/decoder"],
}


def method(words: str, toy: Path) -> nn.Module:
    """A method at toy size, by the words of a command line."""
    given = [argument.format(toy=toy) for word in words.split() for argument in GIVEN.get(word, [])]
    return build(composed("inpaint", *words.split(), f"base.weights={toy}/base", "method.steps=3", *given).method)


@pytest.fixture
def batch() -> Batch:
    """Three pictures with strokes of hole, one of them all hole."""
    image = torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mask = torch.zeros(3, 1, 128, 128)
    mask[0, :, 30:71, 20:90] = 1
    mask[1, :, 5:9] = 1
    mask[2] = 1
    return Batch(image, mask, ("one", "two", "three"), ("a red ball", "", "snow"))


@pytest.mark.parametrize("name", METHODS)
def test_results_are_whole_pictures(name: str, toy: Path, batch: Batch) -> None:
    result = method(name, toy)(batch.blind())
    assert result.shape == batch.image.shape
    assert torch.isfinite(result).all() and result.abs().max() <= 1


@pytest.mark.parametrize("name", METHODS)
def test_a_method_is_blind_to_the_hole(name: str, toy: Path, batch: Batch) -> None:
    fill = method(name, toy)
    other = replace(batch, image=torch.where(batch.mask > 0, -batch.image, batch.image))
    assert torch.equal(fill(batch.blind()), fill(other.blind()))


@pytest.mark.parametrize("name", METHODS)
def test_a_result_depends_on_its_own_picture_alone(name: str, toy: Path, batch: Batch) -> None:
    fill = method(name, toy)
    together = fill(batch.blind())
    for i in range(3):
        one = Batch(batch.image[i : i + 1], batch.mask[i : i + 1], batch.name[i : i + 1], batch.caption[i : i + 1])
        assert torch.allclose(fill(one.blind())[0], together[i], atol=2e-4)


@pytest.mark.parametrize("name", METHODS)
def test_seed_and_name_decide(name: str, toy: Path, batch: Batch) -> None:
    fill = method(name, toy)
    first = fill(batch.blind())
    assert torch.equal(first, fill(batch.blind()))
    renamed = fill(replace(batch.blind(), name=("other", "two", "three")))
    assert not torch.equal(first[0], renamed[0]) and torch.equal(first[1:], renamed[1:])


def test_sd_equals_the_pipeline_of_diffusers(toy: Path) -> None:
    pipeline = StableDiffusionInpaintPipeline.from_pretrained(toy / "base")
    pipeline.set_progress_bar_config(disable=True)
    base = pretrained(str(toy / "base"))
    image = torch.rand(1, 3, 128, 128, generator=torch.Generator().manual_seed(2)) * 2 - 1
    mask = torch.zeros(1, 1, 128, 128)
    mask[:, :, 32:96, 16:72] = 1  # on cells of 8 pixels: elsewhere the pipeline reads one pixel of a cell, we read all
    batch = Batch(image, mask, ("photo",), ("",)).blind()
    noise = randn(0, "sample", ("photo",), (4, 16, 16))
    ours = base.decode(concat(base, batch, Empty()(base, batch), noise, 50))
    theirs = pipeline(
        prompt="",
        image=(image + 1) / 2,
        mask_image=mask,
        masked_image_latents=base.encode(batch.image),
        latents=noise,
        guidance_scale=1.0,
        num_inference_steps=50,
        height=128,
        width=128,
        output_type="pt",
    ).images
    expected = theirs * 2 - 1
    assert torch.isfinite(ours).all() and ours.std() > 0.01
    assert (ours.clamp(-1, 1) - expected).abs().max() < 1e-4


def test_a_base_keeps_thin_holes(toy: Path) -> None:
    base = pretrained(str(toy / "base"))
    mask = torch.zeros(1, 1, 128, 128)
    mask[0, 0, 67, 3] = 1
    assert base.shrink(mask)[0, 0].nonzero().tolist() == [[8, 0]]


def test_text_reaches_the_picture(toy: Path, batch: Batch) -> None:
    base = pretrained(str(toy / "base"))
    contexts = [condition(base, batch).sequence for condition in (Empty(), Caption())]
    assert not torch.equal(contexts[0][0], contexts[1][0])
    assert torch.allclose(contexts[0][1], contexts[1][1], atol=1e-6)  # its caption is empty


def test_a_decoder_of_another_autoencoder_is_refused(toy: Path, tmp_path: Path) -> None:
    other = tmp_path / "base"
    base = pretrained(str(toy / "base"))
    with torch.no_grad():
        next(base.vae.encoder.parameters()).add_(1)
    export_base(base, other)
    words = [f"base.weights={other}", "method/decode=conditional", f"method.decode.weights={toy}/decoder"]
    with pytest.raises(InputError, match="decoder was trained with vae weights .* train decoder again"):
        build(composed("inpaint", "method=sd", *words).method)


def test_parts_that_do_not_belong_together_are_refused(toy: Path, tmp_path: Path) -> None:
    other = tmp_path / "base"
    base = pretrained(str(toy / "base"))
    first = next(base.unet.parameters())
    with torch.no_grad():
        first.add_(1)
    export_base(base, other)
    config = composed(
        "inpaint",
        "method=asuka",
        f"base.weights={other}",
        f"method.condition.weights={toy}/align",
        f"method.condition.mae={toy}/mae",
        "method/decode=plain",
    )
    with pytest.raises(InputError, match="align was trained with base weights .* train align again"):
        build(config.method)
