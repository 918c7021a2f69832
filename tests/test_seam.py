"""Colour metrics: known answers, the definition written out by hand, scikit-image, and what must not matter."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from kornia.color import lab_to_rgb
from skimage.color import rgb2lab
from skimage.metrics import peak_signal_noise_ratio
from torch import Tensor

from asuka.data.synthetic import draw
from asuka.errors import InputError
from asuka.image import paste, to_tensor
from asuka.metrics.pixel import hole_psnr, psnr
from asuka.metrics.seam import colour_shift, excess_seam_de, hole_de, known_shift, preservation, seam_de

Rows = Callable[[Tensor, Tensor, Tensor], Tensor]
SHIFTS = (seam_de, excess_seam_de, colour_shift, known_shift, hole_de)
ROWS = (*SHIFTS, preservation, psnr, hole_psnr)


def flat(*lab: float, size: int = 40) -> Tensor:
    """One picture of a single colour given in CIE-Lab."""
    return lab_to_rgb(torch.tensor(lab).view(1, 3, 1, 1).expand(1, 3, size, size)) * 2 - 1


@pytest.fixture(scope="module")
def seen() -> tuple[Tensor, Tensor, Tensor]:
    """Truth, mask and result: four drawn scenes with ragged holes, and what a noisy, tinted decoder made of them."""
    rng = torch.Generator().manual_seed(0)
    truth = torch.stack([to_tensor(draw(index, 64).image) for index in range(4)])
    mask = torch.zeros(4, 1, 64, 64)
    mask[:, :, 20:50, 10:40] = 1
    mask[:, :, :, 30:36] = 1
    mask *= torch.rand(mask.shape, generator=rng) < 0.9
    noise = 0.2 * torch.randn(truth.shape, generator=rng)
    return truth, mask, (truth + noise + torch.tensor([0.1, 0.0, -0.1]).view(3, 1, 1)).clamp(-1, 1)


def by_hand(mask: Tensor, result: Tensor) -> float:
    """The seam's definition, pixel by pixel, for one picture."""
    lab, hole = rgb2lab((result[0].permute(1, 2, 0).double().numpy() + 1) / 2), mask[0, 0].numpy() > 0
    height, width = hole.shape
    rows, columns = np.mgrid[:height, :width]
    found = []
    for row, column in zip(*np.nonzero(hole), strict=True):
        beside = [(row - 1, column), (row + 1, column), (row, column - 1), (row, column + 1)]
        if all(hole[y, x] for y, x in beside if 0 <= y < height and 0 <= x < width):
            continue
        disc = (rows - row) ** 2 + (columns - column) ** 2 <= max(3, min(height, width) / 64) ** 2
        found.append(np.linalg.norm(lab[disc & hole].mean(0) - lab[disc & ~hole].mean(0)))
    return float(np.mean(found))


@pytest.mark.parametrize(("height", "width"), [(24, 31), (300, 310)])
def test_the_seam_is_its_definition(height: int, width: int) -> None:
    rng = torch.Generator().manual_seed(height)
    result = torch.rand(1, 3, height, width, generator=rng) * 2 - 1
    mask = torch.zeros(1, 1, height, width)
    mask[:, :, 3:17, 5:14] = 1
    mask[:, :, 8:12, 10:] = 1  # to the picture's edge
    mask[:, :, 10, 7] = 0
    assert seam_de(result, mask, result).item() == pytest.approx(by_hand(mask, result), abs=1e-3)


def test_a_hole_shifted_by_a_known_offset_has_exactly_this_difference() -> None:
    truth, other = flat(60, 10, -10), flat(63, 14, -22)
    mask = torch.zeros(1, 1, 40, 40)
    mask[:, :, 10:25, 5:30] = 1
    result = paste(truth, mask, other)
    assert seam_de(truth, mask, truth).item() == pytest.approx(0, abs=1e-3)
    for row in (seam_de, excess_seam_de, colour_shift, hole_de):
        assert row(truth, mask, result).item() == pytest.approx(13, abs=1e-3)  # 3, 4, 12
    assert known_shift(truth, mask, result).item() == pytest.approx(0, abs=1e-3)
    assert known_shift(truth, mask, paste(other, mask, truth)).item() == pytest.approx(13, abs=1e-3)


def test_grey_levels_have_the_difference_their_lightness_says() -> None:
    """L* = 116 (((v + 0.055) / 1.055)^2.4)^(1/3) - 16 of grey v, by the standards' own formulas."""
    truth, result = torch.full((1, 3, 20, 20), 0.0), torch.full((1, 3, 20, 20), 0.2)
    mask = torch.zeros(1, 1, 20, 20)
    mask[:, :, 5:15, 5:15] = 1
    dark, light = (116 * (((v + 0.055) / 1.055) ** 2.4) ** (1 / 3) - 16 for v in (0.5, 0.6))
    assert colour_shift(truth, mask, result).item() == pytest.approx(light - dark, abs=0.01)


def test_mean_colours_are_those_of_scikit_image(seen: tuple[Tensor, Tensor, Tensor]) -> None:
    truth, mask, result = seen
    for place in range(4):
        labs = [rgb2lab((image[place].permute(1, 2, 0).double().numpy() + 1) / 2) for image in (truth, result)]
        for row, part in ((colour_shift, mask[place, 0] > 0), (known_shift, mask[place, 0] == 0)):
            means = [lab[part.numpy()].mean(0) for lab in labs]
            expected = np.linalg.norm(means[1] - means[0])
            assert row(truth, mask, result)[place].item() == pytest.approx(expected, abs=1e-3)


def test_the_truth_is_the_best_result(seen: tuple[Tensor, Tensor, Tensor]) -> None:
    truth, mask, _ = seen
    for row in (excess_seam_de, colour_shift, known_shift, hole_de, preservation):
        assert torch.equal(row(truth, mask, truth), torch.zeros_like(row(truth, mask, truth)))
    for row in (psnr, hole_psnr):
        assert (row(truth, mask, truth) == math.inf).all()


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_turned_and_mirrored_pictures_and_split_batches_are_measured_alike(
    row: Rows, seen: tuple[Tensor, Tensor, Tensor]
) -> None:
    whole = row(*seen)
    assert whole.isfinite().all() and len(whole) == 4
    for turn in (lambda image: image.rot90(1, (2, 3)), lambda image: image.flip(3)):
        assert torch.allclose(row(*map(turn, seen)), whole, atol=1e-4, rtol=1e-5)
    split = torch.cat([row(*(part[at : at + 1] for part in seen)) for at in range(4)])
    assert torch.allclose(split, whole, atol=1e-4, rtol=1e-5)


@pytest.mark.parametrize("row", [seam_de, excess_seam_de, colour_shift, known_shift, hole_de, preservation])
def test_more_shift_is_never_less(row: Rows) -> None:
    truth = flat(50, 5, 5)
    mask = torch.zeros(1, 1, 40, 40)
    mask[:, :, 12:30, 12:30] = 1
    raw = row in (known_shift, preservation)
    results = [flat(50 + step, 5 + 2 * step, 5 - step) for step in range(12)]
    rows = [row(truth, mask, result if raw else paste(truth, mask, result)).flatten()[-1].item() for result in results]
    assert all(after > before + 0.1 for before, after in zip(rows, rows[1:], strict=False))


def test_each_row_looks_where_it_says(seen: tuple[Tensor, Tensor, Tensor]) -> None:
    truth, mask, result = seen
    other = 0.9 * truth.flip(0)
    in_hole, around = (lambda image: paste(image, mask, other)), (lambda image: paste(other, mask, image))
    for row in (known_shift, preservation):
        assert torch.equal(row(in_hole(truth), mask, in_hole(result)), row(truth, mask, result))
        assert not torch.allclose(row(around(truth), mask, result), row(truth, mask, result))
    for row in (colour_shift, hole_de, hole_psnr):
        assert torch.equal(row(around(truth), mask, around(result)), row(truth, mask, result))
        assert not torch.allclose(row(in_hole(truth), mask, result), row(truth, mask, result))
    assert torch.equal(seam_de(other, mask, result), seam_de(truth, mask, result))


def test_a_change_far_from_the_border_is_no_seam() -> None:
    truth = flat(50, 0, 0)
    mask = torch.zeros(1, 1, 40, 40)
    mask[:, :, 5:35, 5:35] = 1
    result = truth.clone()
    result[:, :, 9:31, 9:31] = -1  # the discs of border pixels reach 3 pixels into the hole
    assert excess_seam_de(truth, mask, result).item() == pytest.approx(0, abs=1e-3)
    assert colour_shift(truth, mask, result) > 10


def test_preservation_counts_levels_of_the_known_pixels() -> None:
    truth, mask = torch.zeros(2, 3, 10, 10), torch.zeros(2, 1, 10, 10)
    mask[:, :, :5] = 1
    result = truth.clone()
    result[0, 1, 7, 7], result[0, 0, 8, 8] = 20 / 127.5, -10 / 127.5
    result[1, :, :5] = 1
    result[1, 0, 9, 9] = 5  # beyond what can be shown: counts as 1
    expected = torch.tensor([[20, 30 / 150], [127.5, 127.5 / 150]])
    assert torch.allclose(preservation(truth, mask, result), expected, atol=1e-4)


def test_psnr_is_that_of_scikit_image(seen: tuple[Tensor, Tensor, Tensor]) -> None:
    truth, mask, result = seen
    for place in range(4):
        images = [image[place].double().numpy() for image in (truth, result)]
        assert psnr(*seen)[place].item() == pytest.approx(peak_signal_noise_ratio(*images, data_range=2), abs=1e-4)
        holes = [image[:, mask[place, 0].numpy() > 0] for image in images]
        assert hole_psnr(*seen)[place].item() == pytest.approx(peak_signal_noise_ratio(*holes, data_range=2), abs=1e-4)


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.__name__)
def test_what_has_no_value_is_refused_by_its_place(row: Rows, seen: tuple[Tensor, Tensor, Tensor]) -> None:
    truth, mask, result = (part.clone() for part in seen)
    empty, full = mask.clone(), mask.clone()
    empty[2], full[1] = 0, 1
    faults = {
        seam_de: (True, True),
        excess_seam_de: (True, True),
        colour_shift: (True, False),
        hole_de: (True, False),
        hole_psnr: (True, False),
        known_shift: (False, True),
        preservation: (False, True),
        psnr: (False, False),
    }
    cases = ((empty, "mask 2 of a batch of 4 has no hole"), (full, "mask 1 of a batch of 4 leaves no pixel known"))
    for refused, (holes, message) in zip(faults[row], cases, strict=True):
        if refused:
            with pytest.raises(InputError, match=message):
                row(truth, holes, result)
        else:
            assert row(truth, holes, result).isfinite().all()
    result[3, 0, 0, 0] = math.nan
    with pytest.raises(InputError, match="picture 3 of a batch of 4 holds values that are not finite"):
        row(truth, mask, result)
