"""FLUX Fill behind our verbs computes what the official release computes (see fixtures/README.md).

`pytest tests/test_parity_flux.py -s` prints the largest absolute differences. With ASUKA_PARITY=FOLDER, where the whole
fixtures are, `-m slow` adds the alignment at its released width.
"""

import json
import math
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel
from parity_weights import FIXTURES, released, tensor
from safetensors.torch import load_file
from torch import Tensor
from toy_flux import toy_scheduler

from asuka.alignment import Alignment
from asuka.convert import convert_alignment
from asuka.diffusion.base import Context
from asuka.diffusion.flux import FluxFill
from asuka.diffusion.flux_convert import convert_transformer, convert_vae
from asuka.diffusion.flux_packing import image_ids, pack, shift_of, shifted, unpack

WHOLE = os.environ.get("ASUKA_PARITY")


class Table:
    """What was compared, and the largest absolute difference of each."""

    def __init__(self) -> None:
        self.rows: dict[str, float] = {}

    def close(self, name: str, ours: Tensor, theirs: Tensor, bound: float = 1e-4) -> None:
        self.rows[name] = float((ours.float() - theirs.float()).abs().max())
        assert ours.shape == theirs.shape
        assert self.rows[name] < bound


@pytest.fixture(scope="module")
def table() -> Iterator[Table]:
    table = Table()
    yield table
    print("\n" + "\n".join(f"{name:<42} {value:.1e}" for name, value in table.rows.items()))


@pytest.fixture(scope="module")
def base() -> FluxFill:
    """The release's tiny transformer, and FLUX's autoencoder at its true size."""
    config, state = convert_transformer(released("flux_tiny"))
    transformer = FluxTransformer2DModel(**config)
    transformer.load_state_dict(state)
    config, state = convert_vae(released("flux_ae"))
    vae = AutoencoderKL(**config)
    vae.load_state_dict(state)
    empty = Context(torch.zeros(1, 10, 96), torch.zeros(1, 48))
    return FluxFill(vae, transformer, toy_scheduler(), empty, 64, 30.0).eval().requires_grad_(False)


def test_packing_and_places(table: Table) -> None:
    theirs = load_file(FIXTURES / "fill_input.safetensors")
    noise = theirs["noise_bf16"]
    table.close("packed noise", pack(noise), theirs["packed_noise"], 1e-9)
    table.close("unpacked noise", unpack(theirs["packed_noise"], 8, 12), noise, 1e-9)
    table.close("image ids", image_ids(8, 12)[None], theirs["img_ids"], 1e-9)


def test_the_shifted_schedule(table: Table, base: FluxFill) -> None:
    schedules = json.loads((FIXTURES / "schedules.json").read_text())["schedules"]
    differences = []
    for patches in (256, 1024, 2304, 4096, 6144):
        for steps, times in schedules[str(patches)].items():
            scheduler = base.schedule(int(steps), torch.zeros(1, 16, 4, patches))
            differences.append((scheduler.sigmas - torch.tensor(times)).abs().max())
            even = torch.linspace(1, 0, int(steps) + 1)
            differences.append((shifted(even, shift_of(patches)) - torch.tensor(times)).abs().max())
    table.close(
        "shifted schedules (5 lengths, 4 and 50)", torch.stack(differences), torch.zeros(len(differences)), 1e-6
    )


def test_what_the_transformer_is_shown(table: Table, base: FluxFill) -> None:
    theirs = load_file(FIXTURES / "fill_input.safetensors")
    image = (theirs["image_u8"].permute(2, 0, 1)[None].float() / 127.5) - 1
    mask = theirs["mask_u8"][None, None].float() / 255
    shown = pack(base.shrink(mask))
    table.close("packed mask", shown, theirs["mask_packed_fp32"], 1e-7)
    masked = pack(base.encode(image * (1 - mask)))
    ours = torch.cat([masked, shown], dim=2)
    # Stored in bf16, whose numbers between 2 and 4 lie 1/64 apart: rounding alone moves them by half of that.
    assert theirs["img_cond"].abs().max() < 4
    table.close("fill input (bf16)", ours, theirs["img_cond"], 1 / 64)
    assert (ours.bfloat16() != theirs["img_cond"]).float().mean() < 0.01


def test_the_autoencoder(table: Table, base: FluxFill) -> None:
    theirs = load_file(FIXTURES / "flux_ae.safetensors")
    posterior = base.vae.encode(theirs["image"]).latent_dist
    table.close("autoencoder, moments", posterior.parameters, theirs["encoder_moments"])
    table.close("autoencoder, encoded and scaled", base.encode(theirs["image"]), theirs["encode_mode_scaled"])
    table.close("autoencoder, decoded", base.decode(theirs["z"]), theirs["decode"])


def shown(theirs: dict[str, Tensor]) -> tuple[Tensor, Tensor, Tensor]:
    """Noisy latents, hole and masked latents of the tiny transformer's input."""
    masked, cells = theirs["img_cond"].split([64, 256], dim=2)
    return unpack(theirs["img"], 8, 12), unpack(cells, 8, 12), unpack(masked, 8, 12)


def sines(times: Tensor) -> Tensor:
    """What times (B,) and the guidance are shown as, (B, 256), at the frequencies that made the fixtures.

    They are the exact ones in float32, but for two that its `exp` rounded up. Other machines round others up or down,
    and at up to 30,000 radians one such unit moves the velocity, which reaches 2.6, by 2e-4 to 1e-3.
    """
    frequency = (-math.log(10_000) * torch.arange(128, dtype=torch.float32) / 128).double().exp().float()
    frequency[[12, 106]] = frequency[[12, 106]].nextafter(torch.ones(2))
    angle = times[:, None].float() * frequency
    return torch.cat([angle.cos(), angle.sin()], dim=1)


def test_sines_are_those_of_the_transformer_but_for_a_last_bit(base: FluxFill) -> None:
    times = torch.tensor([0.0, 210.0, 830.0, 30_000.0])
    theirs = base.transformer.time_text_embed.time_proj(times)
    assert ((sines(times) - theirs).abs() <= 1e-6 + times[:, None] * torch.finfo(torch.float32).eps).all()


def test_velocity_and_four_steps(table: Table, base: FluxFill) -> None:
    theirs = load_file(FIXTURES / "flux_tiny.safetensors")
    noisy, cells, masked = shown(theirs)
    context = Context(theirs["txt"], theirs["vec"])
    scheduler, latents = base.schedule(4, noisy), noisy
    embed = base.transformer.time_text_embed.time_proj
    with embed.register_forward_hook(lambda module, given, result: sines(*given)):
        velocity = base.predict(noisy, theirs["t"] * 1000, cells, masked, context)
        for step in scheduler.timesteps:
            result = base.predict(latents, step.expand(2), cells, masked, context)
            latents = scheduler.step(result, step, latents).prev_sample
    table.close("tiny transformer, velocity", pack(velocity), theirs["velocity"])
    table.close("tiny transformer, 4 steps", latents, theirs["denoise4_unpacked"])


def test_times_are_rounded_as_released_in_half_precision(table: Table, base: FluxFill) -> None:
    theirs = load_file(FIXTURES / "fill_input.safetensors")
    embed = base.transformer.time_text_embed.time_proj
    guidance = torch.full((1,), 30.0).bfloat16() * 1000
    table.close("guidance embedding (bf16)", embed(guidance), theirs["timestep_embedding.guidance30_bf16"], 1 / 128)


def test_prior_scale_is_the_released_mix(table: Table, base: FluxFill) -> None:
    theirs = load_file(FIXTURES / "mix.safetensors")
    empty = Context(torch.zeros(2, 1, 96), theirs["none_bf16"].expand(2, -1))
    own = Context(torch.zeros(2, 1, 96), theirs["cond_bf16"], null=empty, scale=0.5)
    table.close("mix with the empty text (bf16)", base.mixed(own)[1], theirs["out_w0.5_bf16"], 1e-9)


def test_a_transformers_keys_are_all_named() -> None:
    weights = released("flux_tiny")
    del weights["double_blocks.1.img_attn.qkv.bias"], weights["final_layer.linear.weight"]
    weights |= {"double_blocks.0.img_attn.lora": torch.zeros(1), "head.weight": torch.zeros(1)}
    with pytest.raises(ValueError) as error:
        convert_transformer(weights)
    for name in (
        "transformer_blocks.1.attn.to_k.bias",
        "proj_out.weight",
        "double_blocks.0.img_attn.lora",
        "head.weight",
    ):
        assert name in str(error.value)


def test_an_autoencoders_keys_are_all_named() -> None:
    shapes = json.loads((FIXTURES / "keys_flux_ae.json").read_text())
    weights = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    del weights["encoder.down.0.block.1.conv2.bias"], weights["decoder.up.3.block.0.norm1.weight"]
    weights["quant_conv.weight"] = torch.empty(1)
    with pytest.raises(ValueError) as error:
        convert_vae(weights)
    wanted = ("encoder.down_blocks.0.resnets.1.conv2.bias", "decoder.up_blocks.0.resnets.0.norm1.weight", "quant_conv")
    for name in wanted:
        assert name in str(error.value)


@pytest.mark.slow
@pytest.mark.skipif(WHOLE is None, reason="ASUKA_PARITY names no folder")
@torch.no_grad()
def test_the_alignment_at_its_released_width(table: Table) -> None:
    """Layer by layer, so that one of 200 million numbers is in memory at a time."""
    theirs = load_file(Path(str(WHOLE)) / "align_t5.safetensors")
    shapes = json.loads((FIXTURES / "keys_align_t5.json").read_text())
    foreign = {key: torch.empty(shape, device="meta") for key, shape in shapes.items()}
    names = {id(value): key for key, value in foreign.items()}
    config, state = convert_alignment(foreign)
    assert config == {"token_dim": 512, "context_dim": 4096, "variant": "self4"}
    with torch.device("meta"):
        model = Alignment(**config)

    def filled(part: str) -> torch.nn.Module:
        module = model.get_submodule(part).to_empty(device="cpu")
        own = {key.removeprefix(f"{part}."): names[id(v)] for key, v in state.items() if key.startswith(f"{part}.")}
        module.load_state_dict({key: tensor(name, shapes[name]) for key, name in own.items()})
        return module

    sequence = filled("project")(theirs["x"])
    for number in range(4):
        sequence = filled(f"layers.{number}")(sequence, sequence)
        model.get_submodule(f"layers.{number}").to("meta")
    table.close("alignment at 4096", filled("norm")(sequence), theirs["tokens"])
