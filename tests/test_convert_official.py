"""Weights of others become parts that belong together and hold every number; what is no such file is told."""

import argparse
import json
import pickle
from pathlib import Path

import pytest
import torch
from diffusers import AsymmetricAutoencoderKL
from parity_weights import FIXTURES, released, tensor
from safetensors.torch import load_file, save_file
from torch import Tensor

from asuka.alignment import Alignment
from asuka.commands.convert_official import convert
from asuka.condition import aligned, frozen_mae
from asuka.convert import convert_alignments
from asuka.decode import conditional
from asuka.diffusion.flux_folder import flux_fill
from asuka.errors import InputError
from decoder import ConditionalDecoder
from mae import MaskedAutoencoder, PlainAutoencoder
from mae.convert import convert as convert_mae
from mae.convert import convert_facebook, with_partial_patches
from mae.model import position_table


def narrow(name: str, part: int) -> dict[str, Tensor]:
    """A released state dict, its channels cut to one of `part`; what has few stays."""
    shapes = json.loads((FIXTURES / f"keys_{name}.json").read_text())
    return {
        key: tensor(key, [side // part if side >= 128 else side for side in shape]) for key, shape in shapes.items()
    }


def alignments(folder: Path) -> None:
    """Both released files at widths of 128."""
    for name in ("t5", "clip"):
        torch.save(released("align_128"), folder / f"asuka_alignment_{name}.pt")


@pytest.fixture
def official(tmp_path: Path, toy: Path) -> Path:
    """An ASUKA folder with a converted FLUX, its empty text and an MAE."""
    source, target = tmp_path / "source", tmp_path / "asuka"
    source.mkdir()
    save_file(released("flux_tiny"), source / "flux1-fill-dev.safetensors")
    save_file(narrow("flux_ae", 4), source / "ae.safetensors")
    convert(source, target, None)
    prompt = tmp_path / "prompt"
    prompt.mkdir()
    torch.save(torch.full((1, 256, 96), 2.0), prompt / "txt_256.pt")
    torch.save(torch.full((1, 48), 3.0), prompt / "vec.pt")
    convert(prompt / "vec.pt", target, None)
    mae = MaskedAutoencoder.from_pretrained(toy / "mae")
    mae.save_pretrained(target / "mae")
    return target


def test_flux_and_its_empty_text(official: Path) -> None:
    base = flux_fill(str(official / "base"), 64, 30.0, "fp32")
    empty = base.null_context(2)
    assert empty.sequence.shape == (2, 256, 96) and (empty.sequence == 2).all() and (empty.pooled == 3).all()
    assert base.vae.config.scaling_factor == 0.3611 and base.vae.config.shift_factor == 0.1159
    assert torch.equal(base.transformer.x_embedder.weight, tensor("img_in.weight", [128, 384]))
    assert sorted(path.name for path in official.iterdir()) == ["base", "mae"]


def test_both_alignments_become_one_part(official: Path, tmp_path: Path) -> None:
    alignments(tmp_path)
    convert(tmp_path / "asuka_alignment_t5.pt", official, None)
    prior = aligned(str(official / "align"), str(official / "mae"))
    assert prior.alignment.config.pooled_dim == prior.alignment.config.context_dim == 128
    config, state = convert_alignments(released("align_128"), released("align_128"))
    model = Alignment(**config)
    model.load_state_dict(state)
    tokens = load_file(FIXTURES / "align_128.safetensors")["x"]
    assert torch.equal(prior.alignment(tokens), model(tokens))
    assert torch.equal(prior.alignment.pool(tokens), model(tokens).mean(1))
    prior.fits(flux_fill(str(official / "base"), 64, 30.0, "fp32"))
    with pytest.raises(InputError, match="is there already; delete it first"):
        convert(tmp_path / "asuka_alignment_t5.pt", official, None)


def test_the_released_decoder(official: Path, tmp_path: Path) -> None:
    state = {f"decoder.{key}": value for key, value in narrow("cond_decoder", 4).items()}
    others = {"encoder.conv_in.weight": torch.zeros(1), "loss.logvar": torch.zeros(1)}
    torch.save({"state_dict": state | others, "global_step": 7}, tmp_path / "asuka_decoder.ckpt")
    convert(tmp_path / "asuka_decoder.ckpt", official, None)
    decode = conditional(str(official / "decoder"))
    decode.fits(flux_fill(str(official / "base"), 64, 30.0, "fp32"))
    assert torch.equal(decode.decoder.decoder.conv_in.weight, state["decoder.conv_in.weight"])


@torch.no_grad()
def test_the_decoder_of_an_asymmetric_autoencoder(official: Path, tmp_path: Path) -> None:
    torch.manual_seed(0)
    blocks = ("UpDecoderBlock2D",) * 4
    theirs = AsymmetricAutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        down_block_out_channels=(32, 32, 32, 32),
        up_block_types=blocks,
        up_block_out_channels=(32, 64, 128, 128),
        layers_per_up_block=3,
        latent_channels=4,
    ).eval()
    theirs.save_pretrained(tmp_path / "asymmetric")
    convert(tmp_path / "asymmetric", official, None)
    ours = ConditionalDecoder.from_pretrained(official / "decoder").eval()
    latents, image = torch.randn(2, 4, 8, 8), torch.rand(2, 3, 64, 64) * 2 - 1
    mask = torch.zeros(2, 1, 64, 64)
    mask[:, :, 16:40, 8:48] = 1
    wanted = theirs.decode(latents, image=image, mask=mask).sample
    assert (ours(latents, image, mask) - wanted).abs().max() < 1e-4


def facebook() -> dict[str, Tensor]:
    """The released plain network as facebook's file has it: a class token, and tables for 14 x 14 patches."""
    weights = released("mae_base") | {"cls_token": torch.zeros(1, 1, 768)}
    for name, width in (("pos_embed", 768), ("decoder_pos_embed", 512)):
        weights[name] = torch.cat([torch.zeros(1, 1, width), position_table(14, width)], dim=1)
    return weights


@pytest.mark.slow
@torch.no_grad()
def test_a_plain_autoencoder_learns_to_read_partial_patches(tmp_path: Path) -> None:
    """facebook's, MAE-FAR's: the same numbers as before, in the class that the prior and stage=mae read."""
    weights = facebook()
    torch.save({"model": weights, "args": argparse.Namespace(mask_ratio=0.75)}, tmp_path / "mae_visualize_vit_base.pth")
    config, state = convert_mae(released("mae_base"))
    again, same = convert_facebook(weights)
    assert again == config and all(torch.equal(value, same[key]) for key, value in state.items())
    convert(tmp_path / "mae_visualize_vit_base.pth", tmp_path / "asuka", None)
    ours = frozen_mae(str(tmp_path / "asuka/mae"))
    plain = PlainAutoencoder(**{key: value for key, value in config.items() if key != "_class_name"}).eval()
    plain.load_state_dict(state)
    image, mask = torch.rand(1, 3, 256, 256) * 2 - 1, torch.zeros(1, 1, 256, 256)
    mask[:, :, 40:101, 33:190] = 1
    assert torch.equal(ours.tokens(image, mask), plain.tokens(image, mask))
    assert with_partial_patches(*convert_mae(released("mae_ft")))[1].keys() == ours.state_dict().keys()


def test_an_encoder_alone_is_refused_by_name() -> None:
    weights = {key: value for key, value in facebook().items() if not key.startswith(("decoder", "mask_token"))}
    with pytest.raises(ValueError, match="encoder .* alone.*mae_visualize_vit_base.pth, not mae_pretrain_vit_base.pth"):
        convert_facebook(weights)


class Malicious:
    """A pickle that would leave a file behind."""

    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self) -> tuple[object, ...]:
        return Path.touch, (self.path,)


def test_what_is_no_such_file_is_told(official: Path, tmp_path: Path) -> None:
    before = sorted(path for path in official.rglob("*"))

    def refused(name: str, sentence: str, stored: object = None) -> None:
        if stored is not None:
            torch.save(stored, tmp_path / name)
        with pytest.raises(InputError, match=sentence):
            convert(tmp_path / name, official, None)

    refused("nothing.pth", "nothing.pth: no such file or folder|does not exist")
    refused("other.pth", "none of its 1 keys .fc.weight, ….* is of weights known", {"fc.weight": torch.zeros(1)})
    refused("words.pth", "steps is no tensor", {"patch_embed.proj.weight": torch.zeros(1), "steps": 7})
    refused(
        "asuka_alignment_clip.pt", "asuka_alignment_t5.pt is not there, and .* belong together", {"a": torch.zeros(1)}
    )
    refused("align.pt", "alignment is made of 2 files", released("align_128"))
    strange = {f"decoder.{key}": value for key, value in narrow("cond_decoder", 4).items()} | {
        "decoder.x": torch.zeros(1)
    }
    del strange["decoder.conv_in.bias"]
    refused("strange.ckpt", "unknown keys: decoder.x; missing .*decoder.conv_in.bias", {"state_dict": strange})
    cut = {f"decoder.{key}": value for key, value in narrow("cond_decoder", 4).items()}
    cut["decoder.conv_out.weight"] = torch.zeros(3, 7, 3, 3)
    refused("cut.ckpt", r"decoder.conv_out.weight is \(3, 7, 3, 3\), not \(3, 32, 3, 3\)", {"state_dict": cut})
    (tmp_path / "truncated.pth").write_bytes((tmp_path / "strange.ckpt").read_bytes()[:5000])
    refused("truncated.pth", "truncated.pth cannot be read")
    with (tmp_path / "malicious.pth").open("wb") as file:
        pickle.dump({"model": Malicious(tmp_path / "harm")}, file)
    refused("malicious.pth", "malicious.pth cannot be read: it asks for")
    refused("hidden.pth", "hidden.pth cannot be read: it asks for", {"model": Malicious(tmp_path / "harm")})
    assert not (tmp_path / "harm").exists()
    assert sorted(path for path in official.rglob("*")) == before


def test_a_decoder_without_its_base_is_refused(tmp_path: Path) -> None:
    torch.save({"decoder.encoder.layers.0.weight": torch.zeros(1)}, tmp_path / "asuka_decoder.ckpt")
    with pytest.raises(InputError, match="no vae/, and the decoder belongs to that of its base"):
        convert(tmp_path / "asuka_decoder.ckpt", tmp_path / "asuka", None)
