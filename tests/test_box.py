"""The hole's box: square where there is room, never outside the picture, and the same whoever is in the batch."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
import untrained
from torch import Tensor

from asuka.errors import InputError
from asuka.metrics.box import boxes, of_boxes
from asuka.metrics.inception import inception_box, inception_whole

CPU = torch.device("cpu")


def mask_of(height: int, width: int, *spans: tuple[int, int, int, int]) -> Tensor:
    """(1, 1, H, W) with holes (top, bottom, left, right), ends not included."""
    mask = torch.zeros(1, 1, height, width)
    for top, bottom, left, right in spans:
        mask[..., top:bottom, left:right] = 1
    return mask


@pytest.mark.parametrize(
    ("mask", "expected"),
    [
        (mask_of(40, 60, (10, 20, 20, 30)), (10, 20, 20, 30)),
        (mask_of(40, 60, (10, 14, 20, 30)), (7, 17, 20, 30)),  # grows on both sides
        (mask_of(40, 60, (0, 4, 20, 30)), (0, 10, 20, 30)),  # moved back from the edge
        (mask_of(40, 60, (10, 20, 56, 60)), (10, 20, 50, 60)),
        (mask_of(40, 60, (10, 20, 5, 55)), (0, 40, 5, 55)),  # longer than the picture is high
        (mask_of(40, 60, (5, 6, 5, 6), (24, 25, 34, 35)), (0, 30, 5, 35)),  # every island is inside
        (mask_of(40, 60, (0, 40, 0, 60)), (0, 40, 0, 60)),
        (mask_of(40, 60, (39, 40, 59, 60)), (39, 40, 59, 60)),
    ],
)
def test_boxes_known_beforehand(mask: Tensor, expected: tuple[int, ...]) -> None:
    ((rows, columns),) = boxes(mask)
    assert (rows.start, rows.stop, columns.start, columns.stop) == expected


def test_any_box_holds_its_hole_and_is_as_square_as_the_picture_lets_it_be() -> None:
    rng = torch.Generator().manual_seed(0)
    masks = torch.zeros(200, 1, 23, 31)
    for mask in masks:
        points = torch.randint(0, 23 * 31, (2,), generator=rng)
        mask.view(-1)[points] = 1
    for mask, (rows, columns) in zip(masks, boxes(masks), strict=True):
        assert mask[0, rows, columns].sum() == mask.sum()
        height, width = mask[0, rows, columns].shape
        assert (height, width) == (rows.stop - rows.start, columns.stop - columns.start)
        assert height == width or (height == 23 and width > 23)


def test_a_mask_without_a_hole_is_refused() -> None:
    with pytest.raises(InputError, match="mask 0 of a batch of 1 has no hole"):
        boxes(torch.zeros(1, 1, 9, 9))


def test_boxes_of_different_sizes_come_back_in_order() -> None:
    masks = torch.cat([mask_of(40, 60, (0, side, 0, side)) for side in (3, 8, 3, 40, 8)])
    image = torch.rand(5, 3, 40, 60, generator=torch.Generator().manual_seed(0))
    found = of_boxes(image, masks, lambda crops: crops.mean((2, 3)))
    sides = (3, 8, 3, 40, 8)
    expected = torch.stack([one[:, :side, :side].mean((1, 2)) for one, side in zip(image, sides, strict=True)])
    torch.testing.assert_close(found, expected)


@pytest.fixture(scope="module")
def untrained_inception(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        untrained.inception(Path(tmp_path_factory.mktemp("inception")), patch)
        yield


def test_inception_sees_the_whole_or_the_box(untrained_inception: None) -> None:
    image = torch.rand(2, 3, 40, 60, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mask = torch.cat([mask_of(40, 60, (5, 25, 10, 30)), mask_of(40, 60, (0, 30, 30, 60))])
    whole, box = inception_whole(CPU), inception_box(CPU)
    everything, parts = whole(image, mask), box(image, mask)
    assert everything.shape == parts.shape == (2, 2048)
    for place, (rows, columns) in enumerate(boxes(mask)):
        alone = whole(image[place : place + 1, :, rows, columns], mask)[0]
        torch.testing.assert_close(parts[place], alone, rtol=1e-4, atol=1e-4)
    outside = torch.where(mask > 0.5, image, -image)
    torch.testing.assert_close(box(outside, mask), parts, rtol=1e-4, atol=1e-4)
    assert not torch.allclose(whole(outside, mask), everything, rtol=1e-2, atol=1e-2)
    quarter = 0.24 / 127.5  # of a level: gone when rounded to 8 bits
    levels = (127.5 * (image + 1)).round() / 127.5 - 1
    torch.testing.assert_close(whole(levels + quarter, mask), everything, rtol=1e-4, atol=1e-4)
