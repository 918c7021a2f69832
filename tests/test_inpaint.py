"""The way of a photo: window, fill, paste; known pixels come out as they went in."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asuka import AsukaPipeline
from asuka.errors import InputError
from asuka.inpaint import changed
from asuka.window import Window, scale, unscale, window


@pytest.fixture
def pipeline(toy: Path) -> AsukaPipeline:
    return AsukaPipeline.from_pretrained(str(toy), steps=2)


def photo(width: int, height: int, seed: int = 0) -> Image.Image:
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def hole(width: int, height: int, box: tuple[int, int, int, int]) -> Image.Image:
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, box)
    return mask


@pytest.mark.parametrize(
    ("size", "box"),
    [
        ((600, 400), (200, 100, 330, 180)),
        ((64, 64), (10, 10, 20, 20)),
        ((300, 90), (0, 0, 250, 90)),  # wider than the picture is high: the window is mirrored beyond its borders
        ((128, 128), (0, 0, 128, 128)),
        ((131, 257), (130, 256, 131, 257)),
    ],
)
def test_known_pixels_stay_to_the_byte(
    pipeline: AsukaPipeline, size: tuple[int, int], box: tuple[int, int, int, int]
) -> None:
    image, mask = photo(*size), hole(*size, box)
    filled = pipeline(image, mask).images[0]
    assert filled.size == size and filled.mode == "RGB"
    assert changed(image, mask, filled) == 0
    inside = np.array(mask) > 127
    assert (np.array(filled)[inside] != np.array(image)[inside]).mean() > 0.5


def test_same_seed_same_picture(pipeline: AsukaPipeline) -> None:
    image, mask = photo(90, 70), hole(90, 70, (20, 20, 50, 40))
    assert np.array_equal(pipeline(image, mask).images[0], pipeline(image, mask).images[0])
    assert not np.array_equal(pipeline(image, mask, "a").images[0], pipeline(image, mask, "b").images[0])


def test_what_lies_in_the_hole_does_not_matter(pipeline: AsukaPipeline) -> None:
    image, mask = photo(200, 160), hole(200, 160, (33, 41, 150, 97))
    other = image.copy()
    other.paste(photo(117, 56, 5), (33, 41))
    assert np.array_equal(pipeline(image, mask).images[0], pipeline(other, mask).images[0])


def test_mistakes_are_sentences(pipeline: AsukaPipeline) -> None:
    with pytest.raises(InputError, match="no white pixel"):
        pipeline(photo(20, 20), hole(20, 20, (0, 0, 0, 0)))
    with pytest.raises(InputError, match="30 x 20 pixels and the image 20 x 20"):
        pipeline(photo(20, 20), hole(30, 20, (0, 0, 5, 5)))


def test_a_window_holds_the_hole_and_stays_inside_where_it_can() -> None:
    rng = np.random.default_rng(0)
    for _ in range(300):
        height, width = rng.integers(20, 300, 2)
        top, left = rng.integers(0, height), rng.integers(0, width)
        bottom, right = rng.integers(top + 1, height + 1), rng.integers(left + 1, width + 1)
        mask = torch.zeros(1, height, width)
        mask[:, top:bottom, left:right] = 1
        view = window(mask, 64)
        box = max(bottom - top, right - left)
        assert view.top <= top and view.left <= left
        assert view.top + view.side >= bottom and view.left + view.side >= right
        assert view.side == max(box, min(max(2 * box, 64), height, width))
        if view.side <= min(height, width):
            assert view.top >= 0 and view.left >= 0
            assert view.top + view.side <= height and view.left + view.side <= width


@pytest.mark.parametrize("view", [Window(3, 5, 20), Window(-7, -4, 50), Window(0, 0, 32)])
def test_cut_and_put_are_inverse(view: Window) -> None:
    image = torch.rand(3, 32, 40)
    assert torch.equal(view.put(torch.zeros_like(image), view.cut(image))[:, 8:20, 8:20], image[:, 8:20, 8:20])
    assert torch.equal(view.put(image, view.cut(image)), image)
    assert view.cut(image).shape == (3, view.side, view.side)


def test_scaling_leaves_out_what_lies_in_the_hole() -> None:
    image = torch.full((1, 3, 64, 64), 0.25)
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, 13:40, 21:50] = 1
    image = torch.where(mask > 0, torch.full_like(image, -1), image)
    small, hole_small = scale(image, mask, 16)
    assert torch.allclose(small[hole_small.expand_as(small) == 0], torch.tensor(0.25))
    partly = (hole_small > 0) & (torch.nn.functional.avg_pool2d(mask, 4) < 1)
    assert torch.allclose(small[partly.expand_as(small)], torch.tensor(0.25))
    assert hole_small[0, 0, 13 // 4, 21 // 4] == 1 and hole_small.sum() == 7 * 8


def test_unscale_is_faithful_to_flat_colours() -> None:
    assert torch.allclose(unscale(torch.full((1, 3, 8, 8), 0.5), 31), torch.tensor(0.5), atol=1e-5)
