"""In strips a large picture comes out as it does whole, through every way into and out of the latents."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from diffusers import AutoencoderKL
from torch import Tensor
from toy_flux import shake

from asuka.batch import Batch
from asuka.decode import Conditional, Decode, Plain
from asuka.diffusion.pretrained import pretrained
from asuka.image import paste
from decoder import ConditionalDecoder, strips

ROOT = Path(__file__).parents[1]
SIDES = (104, 88)  # of the smaller pictures: no multiple of a strip
LARGE = (520, 512)  # just too large to be whole
KINDS = {
    "plain": dict(block_out_channels=(8, 8, 8, 8), layers_per_block=1, mid_block_add_attention=False),
    "as Stable Diffusion's": dict(block_out_channels=(8, 16, 16), layers_per_block=2),
    "as FLUX's": dict(block_out_channels=(8, 16), layers_per_block=2, use_quant_conv=False, use_post_quant_conv=False),
}


@pytest.fixture(scope="module", params=KINDS)
def vae(request: pytest.FixtureRequest) -> AutoencoderKL:
    """An untrained autoencoder with noise on every weight."""
    torch.manual_seed(0)
    count = len(KINDS[request.param]["block_out_channels"])
    blocks = {"down_block_types": ("DownEncoderBlock2D",) * count, "up_block_types": ("UpDecoderBlock2D",) * count}
    vae = AutoencoderKL(latent_channels=4, norm_num_groups=8, **blocks, **KINDS[request.param])
    shake(vae)
    return vae.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def ways(vae: AutoencoderKL) -> dict[str, Callable[[tuple[int, int]], Tensor]]:
    """Encoding, decoding, and decoding with the known pixels in sight, of a picture of some size with two holes."""
    decoder = ConditionalDecoder.like(vae)
    shake(decoder)
    decoder.eval().requires_grad_(False)

    def case(sides: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        image = torch.rand(2, 3, *sides, generator=torch.Generator().manual_seed(1)) * 2 - 1
        mask = torch.zeros(2, 1, *sides)
        mask[0, :, 20:71, 30:49], mask[1, :, 31:33], mask[1, :, 50:99, 9:20] = 1, 1, 0.5
        cells = [side // decoder.factor for side in sides]
        return image, mask, torch.randn(2, 4, *cells, generator=torch.Generator().manual_seed(2))

    def conditional(sides: tuple[int, int]) -> Tensor:
        image, mask, latents = case(sides)
        return decoder(latents, image, mask)

    return {
        "encode": lambda sides: strips.encode(vae, case(sides)[0]),
        "decode": lambda sides: strips.decode(vae, case(sides)[2]),
        "conditional": conditional,
    }


@pytest.mark.parametrize("way", ["encode", "decode", "conditional"])
def test_strips_change_the_last_bits_at_most(
    ways: dict[str, Callable], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("decoder.strips.WHOLE", SIDES[0] * SIDES[1] - 1)
    with torch.enable_grad():  # with gradients to keep, all is computed whole
        whole = ways[way](SIDES)
    with torch.no_grad():
        found = ways[way](SIDES)
    assert not torch.equal(found, whole)  # or no strips were made
    torch.testing.assert_close(found, whole, rtol=0, atol=2e-5 * float(whole.abs().max()))


@pytest.mark.parametrize("way", ["encode", "decode", "conditional"])
def test_a_picture_that_is_not_larger_is_whole(
    ways: dict[str, Callable], way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("decoder.strips.WHOLE", SIDES[0] * SIDES[1])
    with torch.enable_grad():
        whole = ways[way](SIDES)
    with torch.no_grad():
        assert torch.equal(ways[way](SIDES), whole)


def test_the_librarys_own_tiles_stay_if_they_are_asked_for(vae: AutoencoderKL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decoder.strips.WHOLE", 0)
    latents = torch.randn(1, 4, *(side // 2 ** (len(vae.config.block_out_channels) - 1) for side in SIDES))
    vae.enable_tiling()
    with torch.no_grad():
        assert torch.equal(strips.decode(vae, latents), vae.decode(latents).sample)
    vae.disable_tiling()


@pytest.mark.parametrize("kind", ["plain", "conditional"])
def test_both_ways_to_decode_make_the_same_picture_in_strips(toy: Path, kind: str) -> None:
    base = pretrained(str(toy / "base"))
    own = ConditionalDecoder.from_pretrained(toy / "decoder").requires_grad_(False)
    decode: Decode = Plain() if kind == "plain" else Conditional(own)
    image = torch.rand(1, 3, *LARGE, generator=torch.Generator().manual_seed(1)) * 2 - 1
    mask = torch.zeros(1, 1, *LARGE)
    mask[:, :, 10:200, 30:500] = 1
    blind = Batch(image, mask, ("one",), ("",)).blind()
    with torch.enable_grad():
        whole = decode(base, base.encode(image), blind)
    with torch.no_grad():
        found = decode(base, base.encode(image), blind)
        lost = decode(base, base.encode(image), Batch(image.masked_fill(mask > 0, torch.nan), mask, ("one",), ("",)))
    # Everywhere, so at every strip's border too: there is nothing that could show a seam.
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-4)
    assert torch.equal(lost, found)
    assert torch.equal(paste(image, mask, found)[mask.expand_as(image) == 0], image[mask.expand_as(image) == 0])


def test_gradients_reach_a_large_picture(vae: AutoencoderKL, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("decoder.strips.WHOLE", 0)
    latents = torch.zeros(1, 4, *(side // 2 ** (len(vae.config.block_out_channels) - 1) for side in SIDES))
    strips.decode(vae, latents.requires_grad_()).mean().backward()
    assert latents.grad.abs().max() > 0


MEASURE = """
import resource, sys, torch
from diffusers import AutoencoderKL
from decoder import ConditionalDecoder, strips

torch.set_num_threads(1)
kinds = dict(down_block_types=("DownEncoderBlock2D",) * 4, up_block_types=("UpDecoderBlock2D",) * 4)
vae = AutoencoderKL(**kinds, block_out_channels=(16, 32, 64, 64), layers_per_block=2, norm_num_groups=8).eval()
decoder = ConditionalDecoder(4, (16, 32, 64, 64), 2, norm_num_groups=8).eval()

def run(way, side):
    image, mask = torch.zeros(1, 3, side, side), torch.ones(1, 1, side, side)
    latents = torch.zeros(1, 4, side // 8, side // 8)
    if way == "encode":
        return strips.encode(vae, image)
    return strips.decode(vae, latents) if way == "decode" else decoder(latents, image, mask)

vae.requires_grad_(False), decoder.requires_grad_(False)
run(sys.argv[1], 64)
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
with torch.set_grad_enabled(sys.argv[2] == "whole"):
    run(sys.argv[1], 1024)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
"""


@pytest.mark.slow
@pytest.mark.parametrize(("way", "share"), [("encode", 0.6), ("decode", 0.55), ("conditional", 0.4)])
def test_strips_need_a_part_of_the_memory(way: str, share: float) -> None:
    peaks = {}
    for how in ("whole", "strips"):
        command = [sys.executable, "-c", MEASURE, way, how]
        peaks[how] = int(subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout)
    assert peaks["strips"] < share * peaks["whole"]
