"""base=flux_fill at toy size: the promises of every method, diffusers' own pipeline, and one step of training."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import arguments, composed, weights
from diffusers import FluxFillPipeline
from PIL import Image
from toy_flux import POOLED, SEQUENCE, SIZE, WITHOUT, WORDS, toy_encoders, toy_scheduler

from asuka.alignment import Alignment
from asuka.batch import Batch
from asuka.commands.cache_empty_text import cache
from asuka.condition import Empty
from asuka.config import build
from asuka.decode import Plain
from asuka.diffusion.base import Context
from asuka.diffusion.flux import FluxFill
from asuka.diffusion.flux_folder import EMPTY, flux_fill, write_empty
from asuka.diffusion.samplers import Concat
from asuka.errors import InputError
from asuka.inpaint import inpaint
from asuka.methods.diffusion import DiffusionInpainter
from asuka.seeding import randn

METHODS = ("method=sd", "method=sd method/decode=conditional", "method=asuka", "method=asuka method.prior_scale=0.5")
MAE = ["method.condition.weights={toy}/flux_align", "method.condition.mae={toy}/mae"]
DECODER = ["method.decode.weights={toy}/flux_decoder"]


def method(words: str, toy: Path) -> DiffusionInpainter:
    """A method on the toy FLUX, by the words of a command line."""
    prior = words.startswith("method=asuka")
    given = MAE * prior + DECODER * ("conditional" in words or prior and "plain" not in words)
    told = [word.format(toy=toy) for word in ["base.weights={toy}/flux", "method.steps=3", *given]]
    return build(composed("inpaint", "base=flux_fill", *WORDS, *told, *words.split()).method)


@pytest.fixture
def base(toy: Path) -> FluxFill:
    return flux_fill(str(toy / "flux"), SIZE, 30.0, "fp32")


@pytest.fixture
def batch() -> Batch:
    """Three pictures, the last one all hole."""
    image = torch.rand(3, 3, SIZE, SIZE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mask = torch.zeros(3, 1, SIZE, SIZE)
    mask[0, :, 15:41, 10:50] = 1
    mask[1, :, 5:7] = 1
    mask[2] = 1
    return Batch(image, mask, ("one", "two", "three"), ("", "", ""))


@pytest.mark.parametrize("words", METHODS)
def test_the_promises_of_every_method(words: str, toy: Path, batch: Batch) -> None:
    fill = method(words, toy)
    together = fill(batch.blind())
    assert together.shape == batch.image.shape
    assert torch.isfinite(together).all() and together.abs().max() <= 1
    other = replace(batch, image=torch.where(batch.mask > 0, -batch.image, batch.image))
    assert torch.equal(fill(other.blind()), together)  # blind to the hole, and the same seed gives the same picture
    for row in range(3):
        assert torch.allclose(fill(batch.take([row]).blind())[0], together[row], atol=2e-4)
    renamed = fill(replace(batch.blind(), name=("other", "two", "three")))
    assert not torch.equal(renamed[0], together[0]) and torch.equal(renamed[1:], together[1:])


@torch.no_grad()
def test_sd_equals_the_fill_pipeline_of_diffusers(base: FluxFill) -> None:
    # The pipeline draws from the posterior; here it has next to no width, so that drawing gives the mean.
    base.vae.encoder.conv_out.weight[16:], base.vae.encoder.conv_out.bias[16:] = 0, -30
    parts = dict(vae=base.vae, transformer=base.transformer, scheduler=base.scheduler)
    pipeline = FluxFillPipeline(**parts, **WITHOUT)
    pipeline.set_progress_bar_config(disable=True)
    image = torch.rand(1, 3, SIZE, 2 * SIZE, generator=torch.Generator().manual_seed(2)) * 2 - 1
    mask = torch.zeros(1, 1, SIZE, 2 * SIZE)
    mask[:, :, 9:50, 23:71] = 1
    batch = Batch(image, mask, ("photo",), ("",)).blind()
    ours = DiffusionInpainter(base, Empty(), Concat(), Plain(), 4, 0, 1.0)(batch)
    noise = randn(0, "sample", ("photo",), (16, SIZE // 8, SIZE // 4))
    theirs = pipeline(
        prompt_embeds=base.empty_sequence,
        pooled_prompt_embeds=base.empty_pooled,
        image=(image + 1) / 2,
        mask_image=mask,
        latents=pipeline._pack_latents(noise, 1, 16, 8, 16),
        num_inference_steps=4,
        guidance_scale=30.0,
        height=SIZE,
        width=2 * SIZE,
        output_type="pt",
    ).images
    assert ours.std() > 0.01
    assert (ours - (theirs * 2 - 1)).abs().max() < 1e-4


@torch.no_grad()
def test_prior_scale_mixes_embeddings_in_one_pass(base: FluxFill) -> None:
    empty = base.null_context(2)
    own = Context(torch.randn(2, 256, SEQUENCE), torch.randn(2, POOLED))
    half = Context(*((a + b) / 2 for a, b in ((empty.sequence, own.sequence), (empty.pooled, own.pooled))))
    shown = (torch.randn(2, 16, 8, 8), torch.tensor([700.0, 30.0]), torch.ones(2, 64, 8, 8), torch.randn(2, 16, 8, 8))
    weighed = base.predict(*shown, replace(own, null=empty, scale=0.5))
    assert torch.allclose(weighed, base.predict(*shown, half), atol=1e-5)
    assert torch.allclose(
        base.predict(*shown, replace(own, null=empty, scale=0.0)), base.predict(*shown, empty), atol=1e-5
    )
    # Without a pooled vector of its own, a context has the empty text's.
    alone = base.predict(*shown, Context(own.sequence))
    assert torch.equal(alone, base.predict(*shown, Context(own.sequence, empty.pooled)))
    assert not torch.allclose(alone, base.predict(*shown, own), atol=1e-3)


@torch.no_grad()
def test_the_way_to_noise_and_back(base: FluxFill) -> None:
    truth, noise = torch.randn(2, 3, 16, 8, 8).unbind()
    place = torch.tensor([0.0, 0.3, 0.999])
    noisy, step = base.noised(truth, noise, place)
    assert torch.allclose(base.estimate(noisy, step, base.goal(truth, noise, step)), truth, atol=1e-4)
    assert step[0] == 0 and 300 < step[1] < step[2] < 1000  # shifted towards noise
    # Training is where sampling will be: the same places give the times of the schedule.
    times = base.schedule(4, truth).timesteps
    places = torch.tensor([1.0, 0.75, 0.5, 0.25])
    assert torch.allclose(base.noised(truth[:1].expand(4, -1, -1, -1), noise[:1], places)[1], times, atol=1e-2)


def test_one_step_of_training_is_saved_and_read_again(toy: Path, tmp_path: Path, batch: Batch) -> None:
    words = [word for word in arguments("align", toy, tmp_path) if not word.startswith("base.weights")]
    config = composed("train", "base=flux_fill", f"base.weights={toy}/flux", *WORDS, *words)
    torch.manual_seed(0)
    stage = build(config.stage)
    batch = replace(batch, visit=(0, 1, 2))
    optimizer = torch.optim.AdamW(stage.trained.parameters(), 1e-3)
    before = {key: value.clone() for key, value in stage.trained.state_dict().items()}
    frozen = {key: value.clone() for key, value in stage.base.state_dict().items()}
    losses = []
    for _ in range(8):
        loss = stage(batch, 0.5)["loss"]
        assert loss.shape == (3,)
        loss.mean().backward()
        optimizer.step()
        optimizer.zero_grad()
        losses.append(float(loss.detach().mean()))
    assert losses[-1] < losses[0]  # the same visits, so the same steps and noise
    assert all(not torch.equal(value, before[key]) for key, value in stage.trained.state_dict().items())
    assert all(torch.equal(value, frozen[key]) for key, value in stage.base.state_dict().items())
    assert set(stage.validate([batch])) == {"prior/own", "prior/null", "prior/other", "prior/mean"}
    stage.export(tmp_path / "weights", [])
    again = Alignment.from_pretrained(tmp_path / "weights")
    assert again.config.trained_with == stage.reads
    assert all(torch.equal(value, again.state_dict()[key]) for key, value in stage.trained.state_dict().items())
    assert weights(tmp_path)
    fill = method(f"method=asuka method.condition.weights={tmp_path}/weights method/decode=plain", toy)
    assert torch.isfinite(fill(batch.blind())).all()


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ("method=sd_repaint", "sampler=repaint puts noise in .* this base is a flow; give sampler=concat"),
        ("method=blended", "sampler=blended puts noise in .* this base is a flow"),
        ("method=sd_text", "condition=caption wants a base with a text encoder"),
        ("method=sd base.dtype=half", "base.dtype=half: there is no such precision; choose one of bf16, fp16, fp32"),
        ("method=sd base.weights=nowhere", "base.weights=nowhere: holds no model_index.json where a FluxFillPipeline"),
    ],
)
def test_an_illegal_pairing_is_a_sentence_when_built(words: str, sentence: str, toy: Path) -> None:
    with pytest.raises(InputError, match=sentence):
        method(words, toy)


def test_parts_of_another_base_are_refused(toy: Path) -> None:
    with pytest.raises(InputError, match="align was trained with base weights .* train align again"):
        method(f"method=asuka method.condition.weights={toy}/align", toy)
    with pytest.raises(InputError, match="decoder was trained with vae weights .* train decoder again"):
        method(f"method=sd method/decode=conditional method.decode.weights={toy}/decoder", toy)


def test_a_picture_of_half_patches_is_refused(base: FluxFill) -> None:
    with pytest.raises(InputError, match="cells have 16 pixels"):
        base.encode(torch.zeros(1, 3, 64, 72))


def test_the_empty_text_is_encoded_once_and_kept(toy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "flux"
    shutil.copytree(toy / "flux", folder)
    (folder / EMPTY).unlink()
    with pytest.raises(InputError, match=f"no {EMPTY}.* scripts/cache_empty_text.py"):
        flux_fill(str(folder), SIZE, 30.0, "fp32")
    with pytest.raises(InputError, match="there is no text_encoder, text_encoder_2, tokenizer, tokenizer_2"):
        cache(folder)
    clip, t5, tokenizer = toy_encoders()
    for name, part in (
        ("text_encoder", clip),
        ("text_encoder_2", t5),
        ("tokenizer", tokenizer),
        ("tokenizer_2", tokenizer),
    ):
        part.save_pretrained(folder / name)
    cache(folder)
    base = flux_fill(str(folder), SIZE, 30.0, "fp32")
    pipeline = FluxFillPipeline(toy_scheduler(), base.vae, clip, tokenizer, t5, tokenizer, base.transformer)
    with torch.no_grad():
        sequence, pooled, _ = pipeline.encode_prompt("", None, max_sequence_length=256)
    assert torch.allclose(base.empty_sequence, sequence) and torch.allclose(base.empty_pooled, pooled)
    with pytest.raises(InputError, match="give txt_256.pt and vec.pt, not txt.pt"):
        write_empty(folder, torch.zeros(1, 512, 8), torch.zeros(1, 8))


@pytest.mark.parametrize("dtype", ["bf16", "fp16"])
def test_half_precision_stays_near(dtype: str, toy: Path, batch: Batch) -> None:
    exact, half = method("method=asuka", toy), method(f"method=asuka base.dtype={dtype}", toy)
    wanted, result = exact(batch.blind()), half(batch.blind())
    assert result.dtype == torch.float32
    assert (result - wanted).norm() / wanted.norm() < 0.05


def test_the_command_fills_a_photo(toy: Path, tmp_path: Path) -> None:
    pixels, hole = np.full((70, 90, 3), (200, 40, 90), np.uint8), np.zeros((70, 90), np.uint8)
    hole[20:41, 30:50] = 255
    for name, levels in (("photo", pixels), ("mask", hole)):
        Image.fromarray(levels).save(tmp_path / f"{name}.png")
    words = [f"{word}={tmp_path}/{file}.png" for word, file in (("image", "photo"), ("mask", "mask"), ("out", "out"))]
    given = [word.format(toy=toy) for word in ["base.weights={toy}/flux", "method.steps=2", *MAE, *DECODER]]
    inpaint(composed("inpaint", "base=flux_fill", "device=cpu", *WORDS, *given, *words))
    filled = np.array(Image.open(tmp_path / "out.png"))
    assert (filled[hole == 0] == (200, 40, 90)).all() and (filled[hole > 0] != (200, 40, 90)).any()
