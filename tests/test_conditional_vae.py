"""The conditional decoder in an unmodified StableDiffusionInpaintPipeline, called as its users call it."""

from pathlib import Path

import numpy as np
import pytest
import torch
from diffusers import AutoencoderKL, StableDiffusionInpaintPipeline
from PIL import Image
from torch import Tensor

from decoder import ConditionalDecoder, ConditionalVae


def load(toy: Path) -> StableDiffusionInpaintPipeline:
    """The toy base with our decoder, which no longer is the VAE's."""
    pipe = StableDiffusionInpaintPipeline.from_pretrained(toy / "base")
    pipe.set_progress_bar_config(disable=True)
    torch.manual_seed(0)
    decoder = ConditionalDecoder.like(pipe.vae)
    with torch.no_grad():
        for parameter in decoder.parameters():
            parameter.add_(0.02 * torch.randn_like(parameter))
    pipe.vae = ConditionalVae(pipe.vae, decoder.eval())
    return pipe


@pytest.fixture(scope="module")
def pipe(toy: Path) -> StableDiffusionInpaintPipeline:
    return load(toy)


def photo(seed: int, width: int = 128, height: int = 128) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def box(left: int, width: int = 128, height: int = 128) -> Image.Image:
    """White, that is hole, on a box off the grid of latents."""
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[21:75, left : left + 50] = 255
    return Image.fromarray(mask)


def pixels(picture: Image.Image) -> Tensor:
    """(1, channels, H, W) in [0, 1]."""
    values = np.atleast_3d(np.asarray(picture)).astype(np.float32) / 255
    return torch.from_numpy(values).permute(2, 0, 1)[None]


def fill(pipe: StableDiffusionInpaintPipeline, **given: object) -> Tensor:
    """What the pipeline returns, the same noise each time."""
    options = {"num_inference_steps": 2, "generator": torch.Generator().manual_seed(0), "output_type": "pt"}
    return pipe(**options | given).images


CALLS: dict[str, tuple[dict[str, object], list[int], list[int]]] = {
    # What is asked for, and then, for each row of the result, the seed of its picture and the left of its hole.
    "guidance 1": ({"guidance_scale": 1.0}, [1], [10]),
    "guidance 7.5": ({"guidance_scale": 7.5, "negative_prompt": "sun"}, [1], [10]),
    "two prompts, one picture": ({"prompt": ["a", "b"]}, [1, 1], [10, 10]),
    "two pictures": ({"prompt": ["a", "b"], "image": [photo(1), photo(2)]}, [1, 2], [10, 10]),
    "two pictures and holes": (
        {"prompt": ["a", "b"], "image": [photo(1), photo(2)], "mask_image": [box(10), box(60)]},
        *([1, 2], [10, 60]),
    ),
    "two results each": ({"num_images_per_prompt": 2}, [1, 1], [10, 10]),
    # The pipeline repeats pictures as 1, 2, 1, 2 beside its prompts a, a, b, b: so must we.
    "two pictures, two results each": (
        {"prompt": ["a", "b"], "image": [photo(1), photo(2)], "mask_image": [box(10), box(60)]}
        | {"num_images_per_prompt": 2},
        *([1, 2, 1, 2], [10, 60, 10, 60]),
    ),
}


@pytest.mark.parametrize("call", CALLS)
def test_it_equals_decoding_by_hand(call: str, pipe: StableDiffusionInpaintPipeline) -> None:
    given, seeds, lefts = CALLS[call]
    given = {"prompt": "a", "image": photo(1), "mask_image": box(10)} | given
    latents = fill(pipe, **given, output_type="latent")
    image = torch.cat([pixels(photo(seed)) for seed in seeds]) * 2 - 1
    mask = torch.cat([pixels(box(left)) for left in lefts])
    with torch.no_grad():
        expected = pipe.vae.decoder(latents / pipe.vae.config.scaling_factor, image, mask)
        plain = pipe.vae.vae.decode(latents / pipe.vae.config.scaling_factor).sample
    result = fill(pipe, **given) * 2 - 1
    assert result.shape == (len(seeds), 3, 128, 128)
    assert (result - expected.clamp(-1, 1)).abs().max() < 1e-4
    assert (result - plain.clamp(-1, 1)).abs().max() > 1e-2


@torch.no_grad()
def test_slices_change_nothing(pipe: StableDiffusionInpaintPipeline) -> None:
    image = torch.cat([pixels(photo(1)), pixels(photo(2))]) * 2 - 1
    mask = torch.cat([pixels(box(10)), pixels(box(60))])
    given = {"z": torch.randn(2, 4, 16, 16), "image": image, "mask": mask}
    seen: list[int] = []
    handles = [
        part.register_forward_pre_hook(lambda _, rows: seen.append(len(rows[0])))
        for part in (pipe.vae.decoder, pipe.vae.vae.encoder)
    ]
    results = []
    for set_slicing in (pipe.vae.enable_slicing, pipe.vae.disable_slicing):
        set_slicing()
        results.append((pipe.vae.decode(**given).sample, pipe.vae.encode(image).latent_dist.mean))
    for handle in handles:
        handle.remove()
    assert seen == [1, 1, 1, 1, 2, 2]
    for sliced, whole in zip(*results, strict=True):
        assert (sliced - whole).abs().max() < 1e-5


def test_white_is_hole(pipe: StableDiffusionInpaintPipeline) -> None:
    """What lies under white cannot show in the result; what lies under black must."""
    given = {"prompt": "a", "mask_image": box(10)}
    hole, image = np.asarray(box(10))[..., None] == 255, np.asarray(photo(1))
    inside, outside = np.where(hole, 255 - image, image), np.where(hole, image, 255 - image)
    first = fill(pipe, **given, image=Image.fromarray(image))
    assert torch.equal(fill(pipe, **given, image=Image.fromarray(inside)), first)
    assert not torch.equal(fill(pipe, **given, image=Image.fromarray(outside)), first)


def test_other_sizes_and_a_crop(pipe: StableDiffusionInpaintPipeline) -> None:
    wide = fill(pipe, prompt="a", image=photo(1, 96, 64), mask_image=box(10, 96, 64), height=64, width=96)
    assert wide.shape == (1, 3, 64, 96) and torch.isfinite(wide).all()
    given = {"image": photo(1, 200, 160), "mask_image": box(90, 200, 160), "output_type": "pil"}
    cropped = fill(pipe, prompt="a", **given, padding_mask_crop=16)
    assert cropped[0].size == (200, 160)


def test_it_moves_with_its_pipeline(toy: Path) -> None:
    pipe = load(toy)
    given = {"prompt": "a", "image": photo(1), "mask_image": box(10)}
    exact = fill(pipe, **given)
    # As one who loads it in one go, or makes a second pipeline of its parts.
    again = StableDiffusionInpaintPipeline.from_pretrained(toy / "base", vae=pipe.vae)
    again = StableDiffusionInpaintPipeline.from_pipe(again, vae=again.vae)
    again.set_progress_bar_config(disable=True)
    assert again.vae is pipe.vae and again.vae_scale_factor == 8
    assert torch.equal(fill(again, **given), exact)
    pipe.to(torch.bfloat16)
    assert {value.dtype for value in pipe.vae.state_dict().values()} == {torch.bfloat16}
    assert (fill(pipe, **given).float() - exact).square().mean() < 0.02 * exact.var()


def test_encoding_and_config_are_the_vaes(toy: Path, pipe: StableDiffusionInpaintPipeline) -> None:
    vae = AutoencoderKL.from_pretrained(toy / "base" / "vae")
    image = pixels(photo(1)) * 2 - 1
    with torch.no_grad():
        assert torch.equal(pipe.vae.encode(image).latent_dist.mean, vae.encode(image).latent_dist.mean)
        assert torch.equal(pipe.vae.encode(image, return_dict=False)[0].mean, vae.encode(image).latent_dist.mean)
    assert {key: pipe.vae.config[key] for key in vae.config if not key.startswith("_")} == {
        key: value for key, value in vae.config.items() if not key.startswith("_")
    }


def test_the_precision_is_the_vaes(toy: Path) -> None:
    vae = AutoencoderKL.from_pretrained(toy / "base" / "vae")
    decoder = ConditionalDecoder.like(vae)
    assert ConditionalVae(vae.bfloat16(), decoder).decoder.dtype == torch.bfloat16


def test_what_cannot_be_is_said(toy: Path, pipe: StableDiffusionInpaintPipeline, tmp_path: Path) -> None:
    latents, image, mask = torch.zeros(3, 4, 8, 8), torch.zeros(2, 3, 64, 64), torch.zeros(1, 1, 64, 64)
    with pytest.raises(ValueError, match="got no image or no mask.*call .vae.decode"):
        pipe.vae.decode(latents)
    with pytest.raises(ValueError, match="2 in image for 3 latents.*a number that divides it"):
        pipe.vae.decode(latents, image=image, mask=mask)
    with pytest.raises(ValueError, match="decodes no tiles.*enable_vae_slicing"):
        pipe.vae.enable_tiling()
    with pytest.raises(ValueError, match="cannot be saved.*pipe.vae = pipe.vae.vae"):
        pipe.save_pretrained(tmp_path)
    vae = AutoencoderKL.from_pretrained(toy / "base" / "vae")
    other = ConditionalDecoder(16, (8, 8, 8, 8), norm_num_groups=8)
    with pytest.raises(ValueError, match=r"\(16, 8, 8, 8, 8\), the VAE \(4, 8, 8, 8, 8\).*trained with this VAE"):
        ConditionalVae(vae, other)
    vae.enable_tiling()
    with pytest.raises(ValueError, match="decodes no tiles"):
        ConditionalVae(vae, ConditionalDecoder.like(vae))
