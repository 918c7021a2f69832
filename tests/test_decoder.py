"""Promises of the conditional decoder: nothing of the hole is seen, nothing of the VAE is lost."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from diffusers import AutoencoderKL
from torch import Tensor

from asuka.data.synthetic import Synthetic
from asuka.image import to_tensor
from decoder import ConditionalDecoder
from decoder.presets import PRESETS, build

TINY = Path(__file__).parents[1] / "asuka/assets/tiny/base/vae"
# Toy widths of what there is: ours (four channels, no attention), Stable Diffusion's and FLUX's; and other depths.
VAES: dict[str, dict[str, object]] = {
    "tiny": dict(block_out_channels=(8, 8, 16, 16), mid_block_add_attention=False),
    "sd": dict(block_out_channels=(8, 16, 24, 24), layers_per_block=2, scaling_factor=0.18215),
    "flux": dict(
        block_out_channels=(8, 16, 24, 24),
        layers_per_block=2,
        latent_channels=16,
        use_quant_conv=False,
        use_post_quant_conv=False,
        scaling_factor=0.3611,
        shift_factor=0.1159,
    ),
    "two levels": dict(block_out_channels=(8, 16)),
    "one level": dict(block_out_channels=(8,)),
}


def make(name: str) -> AutoencoderKL:
    """An untrained VAE whose biases are not all zero."""
    torch.manual_seed(0)
    sizes = {"latent_channels": 4, **VAES[name]}
    levels = len(sizes["block_out_channels"])
    vae = AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * levels,
        up_block_types=("UpDecoderBlock2D",) * levels,
        norm_num_groups=8,
        **sizes,
    )
    with torch.no_grad():
        for parameter in vae.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    return vae.eval()


def inputs(model: ConditionalDecoder, rows: int = 2) -> tuple[Tensor, Tensor, Tensor]:
    """Latents, pictures of 4 x 6 latents, and masks with a box that lies on no grid, a different one in each row."""
    source = torch.Generator().manual_seed(1)
    height, width = 4 * model.factor, 6 * model.factor
    latents = 3 * torch.randn(rows, model.config.latent_channels, 4, 6, generator=source)
    mask = torch.zeros(rows, 1, height, width)
    for row in range(rows):
        mask[row, :, 1 + row : 1 + row + height // 2, 1 : 2 + width // 2] = 1
    return latents, torch.rand(rows, 3, height, width, generator=source) * 2 - 1, mask


@pytest.fixture(scope="module", params=VAES)
def pair(request: pytest.FixtureRequest) -> tuple[AutoencoderKL, ConditionalDecoder]:
    vae = make(request.param)
    return vae, ConditionalDecoder.like(vae).eval()


@torch.no_grad()
def test_all_hole_is_the_vae(pair: tuple[AutoencoderKL, ConditionalDecoder]) -> None:
    vae, model = pair
    latents, image, mask = inputs(model)
    expected = vae.decode(latents).sample
    assert expected.std() > 0.01
    assert (model(latents, image, torch.ones_like(mask)) - expected).abs().max() < 1e-5


@torch.no_grad()
def test_nothing_in_the_hole_is_seen(pair: tuple[AutoencoderKL, ConditionalDecoder]) -> None:
    _, model = pair
    latents, image, mask = inputs(model)
    result = model(latents, image, mask)
    for paint in (0.0, -1.0, 1e9, float("inf"), float("nan")):
        assert torch.equal(model(latents, torch.where(mask == 1, torch.tensor(paint), image), mask), result)
    assert not torch.equal(model(latents, torch.where(mask == 0, -image, image), mask), result)


@torch.no_grad()
def test_nothing_is_decoded_where_all_is_known(pair: tuple[AutoencoderKL, ConditionalDecoder]) -> None:
    _, model = pair
    latents, image, mask = inputs(model)
    known = torch.zeros_like(mask)
    assert torch.equal(model(latents, image, known), model(-latents, image, known))
    assert not torch.equal(model(latents, image, mask), model(-latents, image, mask))


@torch.no_grad()
def test_rows_do_not_meet(pair: tuple[AutoencoderKL, ConditionalDecoder]) -> None:
    _, model = pair
    rows = inputs(model, 3)
    together = model(*rows)
    for row in range(3):
        alone = model(*(values[row : row + 1] for values in rows))
        assert (alone[0] - together[row]).abs().max() < 1e-5


@torch.no_grad()
def test_known_features_enter_as_released(pair: tuple[AutoencoderKL, ConditionalDecoder]) -> None:
    """The released rule word for word: area-resized mask > 0 at each level, the mask itself at the end."""
    _, model = pair
    latents, image, mask = inputs(model)
    mask = F.avg_pool2d(mask, 5, stride=1, padding=2)
    mask[0, 0, -1, -1] = 1e-3  # one pixel opens its cell at every level
    assert ((mask > 0) & (mask < 1)).any()
    known = model.known_encoder(torch.cat([image * (1 - mask), mask], dim=1))
    stream = latents if model.post_quant_conv is None else model.post_quant_conv(latents)
    stream = model.decoder.mid_block(model.decoder.conv_in(stream))
    for features, block in zip(known[:0:-1], model.decoder.up_blocks, strict=True):
        hole = (F.interpolate(mask, size=stream.shape[-2:], mode="area") > 0).float()
        stream = block(hole * stream + (1 - hole) * features)
    stream = mask * stream + (1 - mask) * known[0]
    expected = model.decoder.conv_out(F.silu(model.decoder.conv_norm_out(stream)))
    assert (model(latents, image, mask) - expected).abs().max() < 1e-5


def test_widths_of_the_known_features() -> None:
    def widths(model: ConditionalDecoder) -> tuple[int, ...]:
        return tuple(layer.out_channels for layer in model.known_encoder.layers)

    with torch.device("meta"):
        assert widths(build("asuka")) == (128, 256, 512, 512, 512)
        tiny = ConditionalDecoder(**PRESETS["asuka"] | {"block_out_channels": (24, 32, 48, 64), "norm_num_groups": 8})
        assert widths(tiny) == (24, 32, 48, 64, 64)
        assert sum(p.numel() for p in build("asuka").parameters()) == 60_332_675
    with pytest.raises(ValueError, match="4 up_block_types for 2 block_out_channels"):
        ConditionalDecoder(block_out_channels=(8, 8))
    with pytest.raises(ValueError, match="no size 'tini'.*choose one of asuka"):
        build("tini")


def test_training_moves_all_but_the_vae(pair: tuple[AutoencoderKL, ConditionalDecoder]) -> None:
    vae, model = pair
    own = {value.untyped_storage().data_ptr() for value in model.state_dict().values()}
    assert own.isdisjoint(value.untyped_storage().data_ptr() for value in vae.state_dict().values())
    latents, image, mask = inputs(model)
    (model(latents, image, mask) - image).square().mean().backward()
    assert all(torch.isfinite(p.grad).all() and p.grad.abs().max() > 0 for p in model.parameters())
    # The mask's own weights start at zero; they too must be able to move.
    assert model.known_encoder.layers[0].weight.grad[:, 3].abs().max() > 0
    model.zero_grad()


@torch.no_grad()
def test_it_starts_near_the_picture() -> None:
    model = ConditionalDecoder.like(AutoencoderKL.from_pretrained(TINY)).eval()
    scenes = Synthetic(size=64, count=8, val_count=8).val
    image = torch.stack([to_tensor(scenes.centre(number).image) for number in range(8)])
    latents, mask = torch.zeros(8, 4, 64 // model.factor, 64 // model.factor), torch.zeros(8, 1, 64, 64)
    # Nothing is hole, so that all comes from the new part, which no picture has trained.
    errors = [(model(latents, image, mask) - image).square().mean()]
    torch.manual_seed(0)
    for layer in model.known_encoder.layers:
        layer.reset_parameters()
    errors.append((model(latents, image, mask) - image).square().mean())
    assert errors[0] < 0.3 * image.var() < 0.6 * errors[1]


@torch.no_grad()
def test_the_same_vae_gives_the_same_start() -> None:
    vae = make("two levels")
    first = ConditionalDecoder.like(vae).state_dict()
    torch.manual_seed(7)
    model = ConditionalDecoder.like(vae, {"base": "abc"})
    assert model.config.trained_with == {"base": "abc"}
    again = model.state_dict()
    assert all(torch.equal(first[key], again[key]) for key in first)


def test_it_follows_the_precision_of_the_vae() -> None:
    vae = make("tiny").bfloat16()
    model = ConditionalDecoder.like(vae)
    latents, image, mask = inputs(model)
    assert {value.dtype for value in model.state_dict().values()} == {torch.bfloat16}
    # The picture need not be told.
    result = model(latents.bfloat16(), image, mask)
    assert result.dtype == torch.bfloat16 and torch.isfinite(result).all()


def test_it_trains_under_autocast(pair: tuple[AutoencoderKL, ConditionalDecoder]) -> None:
    vae, model = pair
    latents, image, mask = inputs(model)
    exact = model(latents, image, mask)
    with torch.autocast("cpu", torch.bfloat16):
        result = model(latents, image, mask)
    assert (result.float() - exact).square().mean() < 2e-3 * exact.var()
    result.float().square().mean().backward()
    assert all(torch.isfinite(p.grad).all() for p in model.parameters())
    model.zero_grad()


@torch.no_grad()
def test_it_saves_and_loads(pair: tuple[AutoencoderKL, ConditionalDecoder], tmp_path: Path) -> None:
    vae, model = pair
    model.register_to_config(trained_with={"base": "abc", "mae": "def"})
    model.save_pretrained(tmp_path)
    again = ConditionalDecoder.from_pretrained(tmp_path)
    assert again.config.trained_with == {"base": "abc", "mae": "def"}
    assert torch.equal(again(*inputs(model)), model(*inputs(model)))
    vae.save_pretrained(tmp_path)
    with pytest.raises(ValueError, match="is a AutoencoderKL, not a ConditionalDecoder"):
        ConditionalDecoder.from_pretrained(tmp_path)


@pytest.mark.parametrize(
    ("part", "shape", "message"),
    [
        (0, (2, 3, 4, 6), "The latents have shape .2, 3, 4, 6.*reads .batch, 4, height, width"),
        (0, (2, 4, 6), "The latents have shape"),
        (1, (2, 3, 4, 6), r"The image has shape \(2, 3, 4, 6\).*want \(2, 3, 32, 48\)"),
        (1, (1, 3, 32, 48), r"The image has shape"),
        (2, (2, 1, 32, 40), r"The mask has shape \(2, 1, 32, 40\).*want \(2, 1, 32, 48\)"),
        (2, (2, 3, 32, 48), r"The mask has shape"),
    ],
)
def test_sizes_that_do_not_fit(part: int, shape: tuple[int, ...], message: str) -> None:
    model = ConditionalDecoder(4, (8, 8, 8, 8), norm_num_groups=8)
    given = list(inputs(model))
    given[part] = torch.zeros(shape)
    with pytest.raises(ValueError, match=message):
        model(*given)
