"""The converted networks compute what the official release computes (see fixtures/README.md)."""

import json

import pytest
import torch
from parity_weights import FIXTURES, positions, released
from safetensors.torch import load_file
from torch import Tensor

from asuka.alignment import Alignment
from asuka.convert import convert_alignment
from decoder import ConditionalDecoder
from decoder.convert import convert as convert_decoder
from decoder.presets import build
from mae import PlainAutoencoder
from mae.convert import CLASSES, convert
from mae.loss import IMAGENET_MEAN, IMAGENET_STD, drop_pixels, random_drop, reconstruction_loss
from mae.model import position_table

MEAN = torch.tensor(IMAGENET_MEAN).view(1, 3, 1, 1)
STD = torch.tensor(IMAGENET_STD).view(1, 3, 1, 1)


def close(ours: Tensor, theirs: Tensor) -> None:
    assert (ours - theirs).abs().max() < 1e-4


def cut(values: Tensor) -> Tensor:
    return values[..., ::7, ::5]


def normalised(image: Tensor) -> Tensor:
    return ((image + 1) / 2 - MEAN) / STD


def inputs(count: int) -> tuple[Tensor, Tensor]:
    """Images (count, 3, 256, 256) in [-1, 1] and masks (count, 1, 256, 256)."""
    stored = [load_file(FIXTURES / f"mae_input_{i}.safetensors") for i in range(count)]
    images = torch.stack([one["image"] for one in stored])
    masks = torch.stack([one["mask"] for one in stored])
    return (images * STD + MEAN) * 2 - 1, masks / 255


@pytest.fixture(scope="module", params=["mae_ft", "mae_base"])
def case(request: pytest.FixtureRequest) -> tuple[PlainAutoencoder, dict[str, Tensor], Tensor, Tensor]:
    """Network with the stand-in weights, what the release computes, images, masks."""
    config, state = convert(released(request.param))
    model = CLASSES[str(config["_class_name"])](**config)
    model.load_state_dict(state)
    theirs = load_file(FIXTURES / f"{request.param}.safetensors")
    return model.eval(), theirs, *inputs(len(theirs["feature_l6"]))


@torch.no_grad()
def test_mae_tokens(case: tuple[PlainAutoencoder, dict[str, Tensor], Tensor, Tensor]) -> None:
    model, theirs, images, masks = case
    assert torch.equal(model.hole_patches(masks), theirs["patch_mask"].bool())
    close(cut(model.tokens(images, masks)), theirs["feature_l6"])
    if "feature_l3_first1" in theirs:
        close(cut(model.tokens(images[:1], masks[:1], 3)), theirs["feature_l3_first1"])


@torch.no_grad()
def test_mae_image(case: tuple[PlainAutoencoder, dict[str, Tensor], Tensor, Tensor]) -> None:
    model, theirs, images, masks = case
    close(cut(normalised(model(images, masks))), theirs["image"])


@torch.no_grad()
def test_mae_training(case: tuple[PlainAutoencoder, dict[str, Tensor], Tensor, Tensor]) -> None:
    model, theirs, images, masks = case
    dropped = random_drop(model.hole_patches(masks), theirs["train.noise"], 0.75)
    assert torch.equal(dropped, theirs["train.token_mask"].bool())
    result = model(images, masks, dropped)
    patches = normalised(result[:1]).reshape(1, 3, 16, 16, 16, 16).permute(0, 2, 4, 3, 5, 1)
    close(cut(patches.reshape(1, 256, 768)), theirs["train.pred_first1"])
    # The plain form counts whole dropped patches, the other one hole pixels.
    plain = type(model) is PlainAutoencoder
    weight = drop_pixels(torch.zeros_like(masks) if plain else masks, dropped)
    loss, count = reconstruction_loss(images, result, weight), weight.sum(dim=(1, 2, 3))
    # The release divides once for the whole batch, we do for each image.
    close((loss * count).sum() / count.sum(), theirs["train.loss"])


@torch.no_grad()
def test_alignment_128() -> None:
    theirs = load_file(FIXTURES / "align_128.safetensors")
    config, state = convert_alignment(released("align_128"))
    model = Alignment(**config)
    model.load_state_dict(state)
    sequence = source = model.project(theirs["x"])
    close(cut(sequence), theirs["after_0"])
    for number, layer in enumerate(model.layers, start=1):
        sequence = layer(sequence, source)
        close(cut(sequence), theirs[f"after_{number}"])
    close(cut(model.norm(sequence)), theirs["after_5"])
    close(cut(model(theirs["x"])), theirs["tokens"])


@torch.no_grad()
def test_alignment_clip() -> None:
    theirs = load_file(FIXTURES / "align_clip.safetensors")
    config, state = convert_alignment(released("align_clip"))
    model = Alignment(**config)
    model.load_state_dict(state)
    context = model(theirs["x"])
    close(cut(context), theirs["tokens"])
    close(context.mean(dim=1), theirs["pooled"])


@torch.no_grad()
def test_decoder() -> None:
    theirs = load_file(FIXTURES / "cond_decoder.safetensors")
    config, state = convert_decoder(released("cond_decoder"))
    model = ConditionalDecoder(**config)
    model.load_state_dict(state)
    latents, image, mask = theirs["z"], theirs["image"], theirs["mask"]
    assert mask[0].unique().numel() == 2 and mask[1].unique().numel() > 100
    # A soft mask, the same one hard, and latents scaled as the diffusion model has them.
    result = model(
        torch.stack([latents[1], latents[1], latents[0] / 0.3611 + 0.1159]),
        torch.stack([image[1], image[1], image[0]]),
        torch.stack([mask[1], (mask[1] >= 0.5).float(), mask[0]]),
    )
    close(cut(result[0]), theirs["decoder_out"][1])
    close(cut(result[1]), theirs["decoder_out_binmask"][1])
    close(cut(result[2]), theirs["my_decode_out"][0])


def test_positions() -> None:
    for table in positions().values():
        assert (position_table(16, table.shape[-1]) - table).abs().max() < 1e-6


def test_mae_keys_are_all_named() -> None:
    weights = released("mae_ft")
    del weights["alpha"], weights["blocks.3.mlp.fc1.bias"], weights["pos_embed"]
    weights["cls_token"], weights["head.weight"] = torch.zeros(1), torch.zeros(1)
    with pytest.raises(ValueError) as error:
        convert(weights)
    for name in ("alpha", "blocks.3.mlp.fc1.bias", "pos_embed", "cls_token", "head.weight"):
        assert name in str(error.value)


def test_mae_without_its_last_block() -> None:
    weights = {key: value for key, value in released("mae_base").items() if not key.startswith("blocks.11.")}
    with pytest.raises(ValueError, match="11 blocks of width 768"):
        convert(weights)


def test_mae_with_other_positions() -> None:
    weights = released("mae_base")
    weights["pos_embed"] = weights["pos_embed"].flip(1)
    with pytest.raises(ValueError, match="'pos_embed'"):
        convert(weights)


def test_alignment_keys_are_all_named() -> None:
    weights = released("align_128")
    assert any("modulation" in key for key in weights)
    del weights["2.linear1.weight"], weights["5.bias"]
    weights["6.weight"] = torch.zeros(1)
    with pytest.raises(ValueError) as error:
        convert_alignment(weights)
    for name in ("layers.1.linear1.weight", "norm.bias", "6.weight"):
        assert name in str(error.value)


def decoder_checkpoint() -> dict[str, Tensor]:
    """The released file without its numbers: the decoder under its prefix, and what else the file holds."""
    shapes = json.loads((FIXTURES / "keys_cond_decoder.json").read_text())
    weights = {f"decoder.{key}": torch.empty(shape, device="meta") for key, shape in shapes.items()}
    others = ("encoder.conv_in.weight", "loss.logvar", "discriminator.main.0.weight")
    return weights | dict.fromkeys(others, torch.empty(1, device="meta"))


def test_decoder_of_a_whole_checkpoint() -> None:
    weights = decoder_checkpoint()
    config, state = convert_decoder(weights)
    alone = {key.removeprefix("decoder."): value for key, value in weights.items() if key.startswith("decoder.")}
    again = convert_decoder(alone)
    assert again[0] == config and list(again[1]) == list(state)
    with torch.device("meta"):
        model = build("asuka")
    assert {key: value.shape for key, value in model.state_dict().items()} == {k: v.shape for k, v in state.items()}
    assert {key: value for key, value in model.config.items() if key in config} == config


def test_decoder_keys_are_all_named() -> None:
    weights = decoder_checkpoint()
    del (
        weights["decoder.conv_in.bias"],
        weights["decoder.encoder.layers.2.bias"],
        weights["decoder.up.3.block.1.conv2.bias"],
    )
    strange = ("decoder.up.4.block.0.conv1.bias", "quant_conv.weight", "up.0.block.0.conv1.bias")
    with pytest.raises(ValueError) as error:
        convert_decoder(weights | dict.fromkeys(strange, torch.empty(1)))
    missing = ("decoder.conv_in.bias", "known_encoder.layers.2.bias", "decoder.up_blocks.0.resnets.1.conv2.bias")
    for name in (*strange, *missing):
        assert name in str(error.value)
    assert "deconv" not in str(error.value) and "loss" not in str(error.value)
