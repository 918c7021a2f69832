"""SSIM, absolute error and gradients at the border against scikit-image, SciPy and answers known beforehand."""

import math

import numpy as np
import pytest
import torch
from scipy.ndimage import sobel
from skimage.metrics import structural_similarity
from torch import Tensor

from asuka.data.synthetic import draw
from asuka.errors import InputError
from asuka.image import paste, to_tensor
from asuka.metrics.gradient import edge_gradient
from asuka.metrics.pixel import hole_l1, l1
from asuka.metrics.structure import hole_ssim, ssim


@pytest.fixture(scope="module")
def seen() -> tuple[Tensor, Tensor, Tensor]:
    """Truth, mask and result: four drawn scenes, holes that reach the edge, and noise all over."""
    rng = torch.Generator().manual_seed(0)
    truth = torch.stack([to_tensor(draw(index, 64).image) for index in range(4)])[..., :50]
    mask = torch.zeros(4, 1, 64, 50)
    mask[:, :, :30, 20:] = 1
    return truth, mask, (truth + 0.2 * torch.randn(truth.shape, generator=rng)).clamp(-1, 1)


def by_skimage(first: Tensor, second: Tensor) -> tuple[float, np.ndarray]:
    """Mean and whole map (H, W, 3) of one picture."""
    pictures = ((image.permute(1, 2, 0).double().numpy() + 1) / 2 for image in (first, second))
    knobs = dict(gaussian_weights=True, sigma=1.5, use_sample_covariance=False)
    return structural_similarity(*pictures, channel_axis=2, data_range=1, full=True, **knobs)


def test_ssim_is_that_of_scikit_image(seen: tuple[Tensor, Tensor, Tensor]) -> None:
    truth, mask, result = seen
    composite = paste(truth, mask, result)
    found = zip(ssim(*seen), hole_ssim(*seen), strict=True)
    for place, (whole, hole) in enumerate(found):
        mean, _ = by_skimage(truth[place], result[place])
        assert whole.item() == pytest.approx(mean, abs=1e-6)
        _, values = by_skimage(truth[place], composite[place])
        assert hole.item() == pytest.approx(values[mask[place, 0].numpy() > 0].mean(), abs=1e-6)


def test_ssim_of_flat_pictures_is_the_brightness_term() -> None:
    first, second = torch.full((1, 3, 12, 12), 0.0), torch.full((1, 3, 12, 12), 0.2)
    expected = (2 * 0.5 * 0.6 + 1e-4) / (0.5**2 + 0.6**2 + 1e-4)
    assert ssim(first, torch.ones(1, 1, 12, 12), second).item() == pytest.approx(expected, abs=1e-6)


@pytest.mark.parametrize("row", [ssim, hole_ssim])
def test_a_picture_that_has_no_room_for_the_window_is_refused(row) -> None:
    images = torch.zeros(1, 3, 10, 40)
    with pytest.raises(InputError, match="has 40 x 10 pixels, and SSIM looks through windows of 11 x 11; leave it out"):
        row(images, torch.ones(1, 1, 10, 40), images)


def test_l1_is_a_share_of_the_range_from_black_to_white() -> None:
    truth, mask = torch.full((1, 3, 4, 4), -1.0), torch.zeros(1, 1, 4, 4)
    mask[:, :, :2, :2] = 1
    result = truth.clone()
    result[:, :, :2, :2] = 0
    result[:, 0, 3, 3] = 7  # as white as can be shown
    assert hole_l1(truth, mask, result).item() == 0.5
    assert l1(truth, mask, result).item() == pytest.approx(0.5 / 4 + 1 / 48)


def test_the_gradient_along_the_outline_is_its_definition(seen: tuple[Tensor, Tensor, Tensor]) -> None:
    truth, mask, result = seen
    found = edge_gradient(truth, mask, paste(truth, mask, result))
    for place in range(4):
        hole = mask[place, 0].numpy() > 0
        beside = np.pad(~hole, 1, constant_values=False)
        outline = hole & (beside[:-2, 1:-1] | beside[2:, 1:-1] | beside[1:-1, :-2] | beside[1:-1, 2:])
        pictures = (127.5 * (image[place].double().numpy() + 1) for image in (truth, paste(truth, mask, result)))
        # SciPy's mode `nearest` repeats the edge pixel.
        gradients = [
            [[sobel(channel, axis, mode="nearest") for channel in picture] for axis in (0, 1)] for picture in pictures
        ]
        expected = np.hypot(*np.subtract(*gradients))[:, outline].mean()
        assert found[place].item() == pytest.approx(expected, rel=1e-5)


def test_a_step_at_the_border_has_the_gradient_it_says() -> None:
    truth, mask = torch.zeros(1, 3, 20, 20), torch.zeros(1, 1, 20, 20)
    mask[:, :, :, :10] = 1
    result = torch.where(mask > 0, torch.full_like(truth, 10 / 127.5), truth)
    assert edge_gradient(truth, mask, result).item() == pytest.approx(40, rel=1e-5)  # 10 levels times 1 + 2 + 1
    assert edge_gradient(truth, mask, truth).item() == 0


@pytest.mark.parametrize("row", [ssim, hole_ssim, l1, hole_l1, edge_gradient])
def test_what_has_no_value_is_refused(row, seen: tuple[Tensor, Tensor, Tensor]) -> None:
    truth, mask, result = (part.clone() for part in seen)
    if row not in (ssim, l1):
        empty = mask.clone()
        empty[2] = 0
        with pytest.raises(InputError, match="mask 2 of a batch of 4 has no hole"):
            row(truth, empty, result)
    result[3, 0, 0, 0] = math.nan
    with pytest.raises(InputError, match="picture 3 of a batch of 4 holds values that are not finite"):
        row(truth, mask, result)
