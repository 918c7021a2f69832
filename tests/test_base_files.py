"""Where a Stable Diffusion comes from: a folder, the hub, a name of the table; what is refused; and what uses it."""

import json
import shutil
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from conftest import arguments, composed
from PIL import Image
from safetensors.torch import save_file
from toy_stable import states, toy_tokenizer, write_toy_stable

from asuka.batch import Batch
from asuka.config import build
from asuka.diffusion import sd15
from asuka.diffusion.pretrained import pretrained, read_tokenizer
from asuka.diffusion.stable import sd15_inpaint, sd15_text
from asuka.errors import InputError
from asuka.inpaint import inpaint
from asuka.train import train


def test_half_precision_files_of_a_hub_are_read_and_are_the_same_model(tmp_path: Path) -> None:
    folder = write_toy_stable(tmp_path / "plain", 9)
    shutil.copytree(folder, tmp_path / "hub")
    for file in (tmp_path / "hub").rglob("*.safetensors"):
        file.rename(file.with_suffix(".fp16.safetensors"))
        file.with_suffix(".bin").write_bytes(b"never read")
    (tmp_path / "hub/safety_checker").mkdir()
    save_file({"a": torch.ones(1)}, tmp_path / "hub/safety_checker/model.safetensors")
    one, other = (sd15_inpaint(str(tmp_path / name), None, "fp32") for name in ("plain", "hub"))
    assert one.fingerprint == other.fingerprint and one.vae_fingerprint == other.vae_fingerprint
    assert all(torch.equal(a, b) for a, b in zip(states(one).values(), states(other).values(), strict=True))
    assert one.fingerprint == pretrained(str(folder)).fingerprint


def test_schedulers_of_other_kinds_never_clip_latents(tmp_path: Path) -> None:
    folder = write_toy_stable(tmp_path, 9)
    written = dict(_class_name="PNDMScheduler", beta_start=0.00085, beta_end=0.012, beta_schedule="scaled_linear")
    written |= dict(num_train_timesteps=1000, set_alpha_to_one=False, skip_prk_steps=True, steps_offset=1)
    (folder / "scheduler/scheduler_config.json").write_text(json.dumps(written))
    base = sd15_inpaint(str(folder), None, "fp32")
    assert not base.schedule(3, torch.zeros(1)).config.clip_sample
    assert torch.equal(base.scheduler.alphas_cumprod, sd15.scheduler().alphas_cumprod)


def broken(folder: Path, word: str) -> None:
    """A folder with one thing wrong."""
    index = folder / "model_index.json"
    if word == "another pipeline":
        index.write_text(json.dumps({"_class_name": "StableDiffusionXLInpaintPipeline"}))
    elif word == "no index":
        index.unlink()
    elif word == "half an index":
        index.write_text(index.read_text()[:20])
    elif word.startswith("no "):
        shutil.rmtree(folder / word.removeprefix("no "))
    elif word == "other sizes":
        config = json.loads((folder / "unet/config.json").read_text())
        (folder / "unet/config.json").write_text(json.dumps(config | {"cross_attention_dim": 64}))


WRONG = {
    "another pipeline": "holds StableDiffusionXLInpaintPipeline where one of StableDiffusionInpaintPipeline",
    "no index": "holds no model_index.json where",
    "half an index": "model_index.json cannot be read; fetch it again",
    "no unet": "unet: no UNet2DConditionModel can be read there .*; give a folder with its config.json",
    "no tokenizer": "tokenizer: there is no tokenizer .* or give base.tokenizer=FOLDER",
    "no scheduler": "scheduler cannot be read: .*; fetch it again or give another folder",
    "other sizes": "unet: .*another shape|unet: no UNet2DConditionModel can be read there",
}


@pytest.mark.parametrize("word", WRONG)
def test_a_folder_with_something_wrong_is_a_sentence(word: str, toy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(toy / "base", folder)
    broken(folder, word)
    with pytest.raises(InputError, match=WRONG[word]):
        sd15_inpaint(str(folder), None, "fp32")


@pytest.mark.parametrize(
    ("weights", "dtype", "said"),
    [
        ("nowhere", "fp32", "base.weights=nowhere: there is no such folder or file; give one, user/name on the hub"),
        ("nobody/nothing-of-this", "fp32", "ASUKA_OFFLINE forbids to fetch it"),
        ("sd15-inpainting", "fp32", "sd15-inpainting: .* is not in .*, and ASUKA_OFFLINE forbids"),
        ("{toy}/text", "fp32", "its U-Net reads 4 channels, 9 are wanted; .*base=sd15"),
        ("{toy}/base", "fp8", "base.dtype=fp8: there is no such precision; choose one of bf16, fp16, fp32"),
    ],
)
def test_weights_that_are_nowhere_are_a_sentence(
    weights: str, dtype: str, said: str, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ASUKA_OFFLINE", "1")
    monkeypatch.setenv("ASUKA_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match=said):
        sd15_inpaint(weights.format(toy=toy), None, dtype)


def test_what_the_hub_gave_before_is_read_without_a_network(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    repository = tmp_path / "models--somebody--painter"
    shutil.copytree(toy / "text", repository / "snapshots/abc")
    (repository / "refs").mkdir()
    (repository / "refs/main").write_text("abc")
    monkeypatch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    assert sd15_text("somebody/painter", None, "fp32").inputs == 4


def test_a_name_of_the_table_may_stand_for_a_folder_of_ones_own(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "mine"
    shutil.copytree(toy / "text", folder)
    state = json.loads(toy_tokenizer().backend_tokenizer.to_str())["model"]
    # As older libraries wrote a tokenizer.
    (folder / "tokenizer/tokenizer.json").unlink()
    (folder / "tokenizer/vocab.json").write_text(json.dumps(state["vocab"]))
    (folder / "tokenizer/merges.txt").write_text("\n".join(["#version: 0.2", *map(" ".join, state["merges"])]))
    (folder / "tokenizer/special_tokens_map.json").write_text("{}")
    monkeypatch.setenv("ASUKA_WEIGHTS_SD15_TEXT", str(folder))
    own = sd15_text("sd15-text", None, "fp32")
    assert own.tokenizer("a red ball").input_ids == read_tokenizer(toy / "text/tokenizer")("a red ball").input_ids


@pytest.fixture
def command(toy: Path, tmp_path: Path):
    """`python -m asuka.inpaint … base=… method=…` on toy parts, two steps."""
    pixels = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "photo.png")
    hole = np.zeros((60, 80), np.uint8)
    hole[10:25, 10:30] = 255
    Image.fromarray(hole).save(tmp_path / "mask.png")

    def call(*words: str) -> np.ndarray:
        paths = [
            f"{word}={tmp_path}/{file}.png" for word, file in (("image", "photo"), ("mask", "mask"), ("out", "out"))
        ]
        inpaint(composed("inpaint", *paths, "method.steps=2", "device=cpu", *(word.format(toy=toy) for word in words)))
        return np.array(Image.open(tmp_path / "out.png"))

    return call


PRIOR = [
    *("method=asuka", "method.condition.weights={toy}/align", "method.condition.mae={toy}/mae"),
    "method.decode.weights={toy}/decoder",
]
COMMANDS = [
    ["base=sd15_inpaint", "base.weights={toy}/base", "method=sd"],
    ["base=sd15_inpaint", "base.weights={toy}/base", *PRIOR],
    ["base=sd2_inpaint", "base.weights={toy}/base", "base.dtype=bf16", *PRIOR, "method.prior_scale=2"],
    ["base=sd15", "base.weights={toy}/text", "base.dtype=fp16", "method=blended"],
    ["base=sd15", "base.weights={toy}/text", "method=img2img", "method.sampler.mae={toy}/mae"],
]


@pytest.mark.parametrize("words", COMMANDS, ids=lambda words: f"{words[0]} {words[2]}")
def test_the_command_fills_a_photo(words: list[str], command, capsys: pytest.CaptureFixture) -> None:
    filled = command(*words)
    assert filled.shape == (60, 80, 3) and filled[10:25, 10:30].std() > 0
    assert "0 known bytes changed" in capsys.readouterr().out


def test_concat_wants_an_inpainting_model(command, toy: Path) -> None:
    with pytest.raises(InputError, match="concat .* 9 channels, and this base's reads 4"):
        command("base=sd15", "base.weights={toy}/text", "method=sd")


def test_stages_train_through_a_base_of_velocity_in_half_precision(toy: Path, tmp_path: Path) -> None:
    folder = write_toy_stable(tmp_path / "base", 9, "v_prediction")
    base = ["base=sd15_inpaint", f"base.weights={folder}", "base.dtype=bf16", "stage.crop=32"]
    image = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mask = torch.zeros(2, 1, 64, 64)
    mask[:, :, 10:40, 20:50] = 1
    batch = Batch(image, mask, ("a", "b"), ("", ""), (0, 1))
    for name in ("align", "decoder"):
        told = [word for word in arguments(name, toy, tmp_path) if not word.startswith(("base.weights", "stage.align"))]
        more = [f"stage.align={tmp_path}/align", "stage.latent=1", "stage.prior=1"] if name == "decoder" else []
        stage = build(composed("train", *told, *base[: 4 if name == "decoder" else 3], *more).stage)
        stage(batch, 0.0)["loss"].sum().backward()
        gradients = [value.grad for value in stage.trained.parameters() if value.requires_grad]
        assert all(one is not None and one.isfinite().all() for one in gradients)
        assert sum(float(one.abs().sum()) for one in gradients) > 0
        assert {value.dtype for value in stage.trained.parameters()} == {torch.float32}
        assert all(value.grad is None for value in stage.base.parameters())
        stage.export(tmp_path / name, [batch])


@pytest.mark.parametrize("stage", ["align", "decoder", "prompt"])
def test_stages_refuse_a_model_for_texts_when_built(stage: str, toy: Path, tmp_path: Path) -> None:
    told = [word for word in arguments(stage, toy, tmp_path) if not word.startswith("base.weights")]
    with pytest.raises(InputError, match="concat .* 9 channels, and this base's reads 4"):
        train(composed("train", *told, "base=sd15", f"base.weights={toy}/text"))
