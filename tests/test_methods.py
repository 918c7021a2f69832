"""Promises of every method, and of `sd`: it is diffusers' own inpainting pipeline."""

from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest
import torch
from conftest import composed
from diffusers import StableDiffusionInpaintPipeline
from standins import STANDINS, axes, stand_in

from asuka.batch import Batch
from asuka.condition import Caption, Empty
from asuka.config import CONF, build, check
from asuka.data.folder import Folder
from asuka.data.masks import Boxes
from asuka.diffusion.pretrained import pretrained
from asuka.diffusion.samplers import concat
from asuka.errors import InputError
from asuka.methods.inpainter import Inpainter
from asuka.seeding import randn
from asuka.stages.base import export_base

METHODS = sorted(path.stem for path in Path(CONF, "method").glob("*.yaml"))
AXES = sorted(path for path in Path(CONF, "method").iterdir() if path.is_dir())
# Every method as its option has it, and every option of every axis in the place of sd's.
POINTS = [f"method={name}" for name in METHODS] + [
    f"method=sd method/{axis.name}={file.stem}"
    for axis in AXES
    for file in sorted(axis.glob("*.yaml"))
    if axes("sd")[axis.name] != file.stem
]


class Case(NamedTuple):
    """A method at toy size, a batch that shows the truth, at an odd size where the method takes any, and its result."""

    fill: Inpainter
    batch: Batch
    result: torch.Tensor
    words: list[str]
    draws: bool  # a knob `seed` says so


def pictures(height: int, width: int) -> Batch:
    """Three pictures with strokes of hole, one of them all hole."""
    image = torch.rand(3, 3, height, width, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mask = torch.zeros(3, 1, height, width)
    mask[0, :, 30:71, 20:90] = 1
    mask[1, :, 5:9] = 1
    mask[2] = 1
    return Batch(image, mask, ("one", "two", "three"), ("a red ball", "", "snow"))


def built(words: list[str], toy: Path) -> Inpainter:
    """A method that was told of a set in which the pictures' names are."""
    method = build(composed("inpaint", *words).method).eval()
    method.among(Folder(str(toy / "results")).pairs(Boxes(), 1, 0))
    return method


@pytest.fixture(scope="module", params=POINTS)
def case(request: pytest.FixtureRequest, toy: Path) -> Case:
    words = stand_in(request.param, toy)
    config = composed("inpaint", *words).method
    check(config)
    fill = built(words, toy)
    batch = pictures(*((97, 131) if fill.side is None else (fill.side, fill.side)))
    return Case(fill, batch, fill(batch.blind()), words, "seed" in config)


def test_results_are_whole_pictures(case: Case) -> None:
    assert case.result.shape == case.batch.image.shape
    assert torch.isfinite(case.result).all() and case.result.abs().max() <= 1


def test_a_method_is_blind_to_the_hole(case: Case) -> None:
    batch = case.batch
    other = replace(batch, image=torch.where(batch.mask > 0, -batch.image, batch.image))
    assert torch.equal(case.result, case.fill(other.blind()))


def test_a_result_depends_on_its_own_picture_alone(case: Case) -> None:
    for i in range(3):
        assert torch.allclose(case.fill(case.batch.take([i]).blind())[0], case.result[i], atol=2e-4)


def test_seed_and_name_decide(case: Case, toy: Path) -> None:
    renamed = case.fill(replace(case.batch.blind(), name=("other", "two", "three")))
    assert torch.equal(case.result[1:], renamed[1:])
    assert torch.equal(case.result[0], renamed[0]) != case.draws
    again = built([*case.words, "seed=1"], toy)(case.batch.blind())
    assert torch.equal(case.result, again) != case.draws
    assert not case.draws or not any(map(torch.equal, case.result, again))


def test_nothing_is_drawn_from_the_state_of_the_process(case: Case) -> None:
    torch.manual_seed(7)
    before = torch.get_rng_state()
    assert torch.equal(case.result, case.fill(case.batch.blind()))
    assert torch.equal(before, torch.get_rng_state())


def test_an_option_without_a_stand_in_fails(toy: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(STANDINS, "method/decode/plain")
    with pytest.raises(AssertionError, match="give method/decode/plain a row in tests/standins.py"):
        stand_in("method=sd", toy)


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


def test_text_reaches_the_picture(toy: Path) -> None:
    batch = pictures(128, 128)
    base = pretrained(str(toy / "base"))
    contexts = [condition(base, batch).sequence for condition in (Empty(), Caption(""))]
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
