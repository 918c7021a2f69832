"""Where a Stable Diffusion comes from: a folder, one file, the hub, a name of the table; and what is refused."""

import json
import pickle
import shutil
from pathlib import Path

import huggingface_hub.constants
import numpy as np
import pytest
import torch
from conftest import arguments, composed
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from PIL import Image
from safetensors.torch import load_file, save_file
from toy_stable import SIZES, SIZES2, original, toy_stable, toy_tokenizer, write_toy_stable
from transformers import CLIPTextModel

from asuka.batch import Batch
from asuka.config import build
from asuka.diffusion import sd2, sd15
from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.pretrained import pretrained, read_tokenizer
from asuka.diffusion.single_file import OPEN_CLIP, Sizes, read_file
from asuka.diffusion.stable import SD2, SD15, loaded, sd2_inpaint, sd15_inpaint, sd15_text
from asuka.errors import InputError
from asuka.inpaint import inpaint
from asuka.train import train


def write_original(file: Path, base: StableDiffusion) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.clone() for name, value in original(base).items()}, file)
    return file


def states(base: StableDiffusion) -> dict[str, torch.Tensor]:
    """Every weight of the three networks."""
    parts = {"unet": base.unet, "vae": base.vae, "text": base.text_encoder}
    return {f"{part}.{name}": value for part, one in parts.items() for name, value in one.state_dict().items()}


@pytest.mark.parametrize("channels", [9, 4])
@pytest.mark.parametrize("sizes", [SIZES, SIZES2], ids=["1.5", "2"])
def test_one_file_is_the_folder_it_was_made_of(sizes: Sizes, channels: int, tmp_path: Path) -> None:
    made = toy_stable(channels, sizes=sizes)
    file = write_original(tmp_path / "model.safetensors", made)
    made.tokenizer.save_pretrained(tmp_path / "tokenizer")
    base = loaded(str(file), None, "fp32", sizes, channels)
    mine, theirs = states(base), states(made)
    assert mine.keys() == theirs.keys() and all(torch.equal(mine[name], theirs[name]) for name in mine)
    caption = ("a red ball",)
    assert torch.equal(base.text_context(caption).sequence, made.text_context(caption).sequence)
    assert base.scheduler.config.steps_offset == 1 and not base.scheduler.config.clip_sample
    assert len(base.fingerprint) == 16 and not any(value.requires_grad for value in base.parameters())
    half = loaded(str(file), str(tmp_path / "tokenizer"), "bf16", sizes, channels)
    assert {value.dtype for value in states(half).values()} == {torch.bfloat16}


def test_averaged_weights_of_the_u_net_are_preferred(tmp_path: Path) -> None:
    made = toy_stable(9)
    state = original(made)
    averaged = {
        "model_ema." + name.removeprefix("model.").replace(".", ""): value + 1
        for name, value in state.items()
        if name.startswith("model.diffusion_model.")
    }
    save_file({name: value.clone() for name, value in (state | averaged).items()}, tmp_path / "a.safetensors")
    made.tokenizer.save_pretrained(tmp_path / "words")
    base = read_file(tmp_path / "a.safetensors", SIZES, tmp_path / "words", torch.float32)
    assert torch.equal(base.unet.conv_in.weight, made.unet.conv_in.weight + 1)
    assert torch.equal(base.vae.encoder.conv_in.weight, made.vae.encoder.conv_in.weight)


# Some of the names in the published files, and how many there are of the U-Net and the autoencoder.
NAMES = (
    *("input_blocks.0.0.weight", "input_blocks.3.0.op.bias", "input_blocks.4.0.skip_connection.weight"),
    *("input_blocks.8.1.transformer_blocks.0.attn2.to_k.weight", "middle_block.2.out_layers.3.weight"),
    *(
        "output_blocks.2.1.conv.weight",
        "output_blocks.8.2.conv.bias",
        "output_blocks.11.1.proj_out.weight",
        "out.2.bias",
    ),
)
VAE_NAMES = (
    "encoder.down.1.block.0.nin_shortcut.weight",
    "decoder.up.3.upsample.conv.weight",
    "decoder.mid.attn_1.q.bias",
)


@pytest.mark.parametrize("sizes", [SD15, SD2], ids=["1.5", "2"])
def test_every_name_of_the_true_networks_is_found(sizes: Sizes) -> None:
    with torch.device("meta"):
        unet, vae, text = sizes.unet(9), sizes.vae(), CLIPTextModel(sizes.text())
        base = StableDiffusion(vae, unet, text, toy_tokenizer(), sizes.scheduler())
        state = original(base)
    parts = {part: {name for name in state if name.startswith(part)} for part in ("model.diff", "first", "cond")}
    assert {f"model.diffusion_model.{name}" for name in NAMES} <= parts["model.diff"] and len(
        parts["model.diff"]
    ) == 686
    assert {f"first_stage_model.{name}" for name in VAE_NAMES} <= parts["first"] and len(parts["first"]) == 248
    for network, found in (
        (unet, convert_ldm_unet_checkpoint(state, unet.config)),
        (vae, convert_ldm_vae_checkpoint(state, vae.config)),
    ):
        shapes = {name: value.shape for name, value in found.items()}
        assert shapes == {name: value.shape for name, value in network.state_dict().items()}
    two = any(name.startswith(OPEN_CLIP) for name in state)
    found = convert_open_clip_checkpoint(text, state, OPEN_CLIP) if two else convert_ldm_clip_checkpoint(state)
    names = {name.removeprefix("text_model.") for name in found} - {"embeddings.position_ids"}
    assert names == text.state_dict().keys()


def test_the_true_networks_have_the_published_numbers_of_weights() -> None:
    with torch.device("meta"):
        text = [CLIPTextModel(config()) for config in (sd15.text, sd2.text)]
        counts = [sum(value.numel() for value in part.parameters()) for part in (sd2.unet(9), sd2.unet(4), *text)]
    assert counts == [865_910_724 + 5 * 320 * 9, 865_910_724, 123_060_480, 340_387_840]


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
    elif word == "pickles only":
        file = folder / "unet/diffusion_pytorch_model.safetensors"
        file.rename(file.with_suffix(".bin"))
    elif word == "truncated":
        file = folder / "unet/diffusion_pytorch_model.safetensors"
        file.write_bytes(file.read_bytes()[:-1000])
    elif word.startswith("lacking "):
        file = folder / f"{word.removeprefix('lacking ')}.safetensors"
        save_file(dict(list(load_file(file).items())[1:]), file, {"format": "pt"})
    elif word == "other sizes":
        config = json.loads((folder / "unet/config.json").read_text())
        (folder / "unet/config.json").write_text(json.dumps(config | {"cross_attention_dim": 64}))


WRONG = {
    "another pipeline": "holds StableDiffusionXLInpaintPipeline where one of StableDiffusionInpaintPipeline",
    "no index": "holds no model_index.json where",
    "half an index": "model_index.json cannot be read; fetch it again",
    "no unet": "unet: there is no config.json with .safetensors beside it",
    "no vae": "vae: there is no config.json",
    "no text_encoder": "text_encoder: there is no config.json",
    "no tokenizer": "tokenizer: there is no tokenizer .* or give base.tokenizer=FOLDER",
    "no scheduler": "scheduler cannot be read: .*; fetch it again or give another folder",
    "pickles only": "unet: there is no config.json with .safetensors beside it .a .bin may hold programs",
    "truncated": "unet cannot be read: .*; fetch it again or give another folder",
    "lacking text_encoder/model": "text_encoder: 1 weights are missing or of another size, such as .*; fetch it again",
    "lacking unet/diffusion_pytorch_model": "unet: 1 weights are missing or of another size",
    "lacking vae/diffusion_pytorch_model": "vae: 1 weights are missing or of another size",
    "other sizes": "unet cannot be read: |unet: .* weights are missing or of another size",
}


@pytest.mark.parametrize("word", WRONG)
def test_a_folder_with_something_wrong_is_a_sentence(word: str, toy: Path, tmp_path: Path) -> None:
    folder = tmp_path / "base"
    shutil.copytree(toy / "base", folder)
    broken(folder, word)
    with pytest.raises(InputError, match=WRONG[word]):
        sd15_inpaint(str(folder), None, "fp32")


class Bomb:
    """A pickle that writes a file as soon as anything loads it."""

    def __init__(self, file: Path):
        self.file = file

    def __reduce__(self) -> tuple:
        return (Path.write_text, (self.file, "run"))


def test_a_pickle_is_refused_and_nothing_of_it_is_run(toy: Path, tmp_path: Path) -> None:
    trace = tmp_path / "trace"
    for name, said in (("a.ckpt", "only .safetensors files are read"), ("a.safetensors", "cannot be read: .*fetch it")):
        (tmp_path / name).write_bytes(pickle.dumps({"state_dict": Bomb(trace)}))
        with pytest.raises(InputError, match=said):
            sd15_inpaint(str(tmp_path / name), str(toy / "base/tokenizer"), "fp32")
    assert not trace.exists()
    pickle.loads((tmp_path / "a.ckpt").read_bytes())  # it would have
    assert trace.exists()


def test_one_file_with_something_wrong_is_a_sentence(tmp_path: Path) -> None:
    file = write_original(tmp_path / "a.safetensors", toy_stable(9))
    with pytest.raises(InputError, match="tokenizer: there is no tokenizer .*copy it there"):
        loaded(str(file), None, "fp32", SIZES, 9)
    words = tmp_path / "words"
    toy_tokenizer().save_pretrained(words)
    larger = toy_tokenizer()
    larger.add_tokens([f"word{number}" for number in range(600)])
    larger.save_pretrained(tmp_path / "larger")
    with pytest.raises(InputError, match="base.tokenizer=.*larger: has .* words, and the text encoder of .* knows 512"):
        loaded(str(file), str(tmp_path / "larger"), "fp32", SIZES, 9)
    with pytest.raises(InputError, match="its U-Net reads 9 channels, 4 are wanted; .*base=sd15_inpaint"):
        loaded(str(file), str(words), "fp32", SIZES, 4)
    with pytest.raises(InputError, match="its U-Net is not of the sizes that this base has .*give another base"):
        sd2_inpaint(str(file), str(words), "fp32")
    save_file({"a": torch.ones(1)}, tmp_path / "other.safetensors")
    with pytest.raises(InputError, match="other.safetensors: holds no Stable Diffusion in its makers' layout"):
        loaded(str(tmp_path / "other.safetensors"), str(words), "fp32", SIZES, 9)
    (tmp_path / "cut.safetensors").write_bytes(file.read_bytes()[:-1000])
    with pytest.raises(InputError, match="cut.safetensors cannot be read: .*; fetch it again"):
        loaded(str(tmp_path / "cut.safetensors"), str(words), "fp32", SIZES, 9)


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
