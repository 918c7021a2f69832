"""A Stable Diffusion from one file: every name is found, every weight lands in its place, and no program is run."""

import pickle
from pathlib import Path

import pytest
import torch
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors.torch import save_file
from toy_stable import SIZES, SIZES2, original, states, toy_stable, toy_tokenizer
from transformers import CLIPTextModel

from asuka.diffusion import sd2, sd15
from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.single_file import OPEN_CLIP, Sizes, read_file
from asuka.diffusion.stable import SD2, SD15, loaded, sd2_inpaint, sd15_inpaint
from asuka.errors import InputError


def write_original(file: Path, base: StableDiffusion) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    save_file({name: value.clone() for name, value in original(base).items()}, file)
    return file


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
