"""From photos to filled photos, with methods whose results are known beforehand."""

import numpy as np
import pytest
import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.errors import InputError, InputWarning
from asuka.fill import fill
from asuka.jobs import Job
from asuka.paste import exact
from asuka.photo import Photo


def job(height: int, width: int, *boxes: tuple[int, int, int, int], name: str = "a") -> Job:
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    hole = np.zeros((height, width), bool)
    for top, left, bottom, right in boxes:
        hole[top:bottom, left:right] = True
    return Job(Photo(pixels), hole, name, name)


def plain(batch: Batch) -> Tensor:
    """Grey everywhere: what a blind batch shows in its holes."""
    return torch.zeros_like(batch.image)


def test_every_hole_pixel_is_replaced_and_no_other() -> None:
    jobs = [job(90, 200, (3, 5, 30, 40), (60, 150, 61, 151)), job(300, 70, (0, 0, 300, 70)), job(1, 1, (0, 0, 1, 1))]
    for one, made in zip(jobs, fill(plain, jobs, 64, exact, 0, 1), strict=True):
        assert (made.pixels[one.hole] == 128).all()
        assert np.array_equal(made.pixels[~one.hole], one.photo.pixels[~one.hole])
        assert made.record.hole_ratio == one.hole.mean()
        assert (made.record.seam_de is None) == one.hole.all()
        known = one.photo.pixels[~one.hole].astype(int)
        assert one.hole.all() or 100 < made.record.known_change <= np.abs(known - 128).max()


def test_a_method_sees_what_is_known_at_its_own_scale_to_the_byte() -> None:
    seen = []

    def same(batch: Batch) -> Tensor:
        seen.append(batch)
        return batch.image

    one = job(64, 64, (10, 20, 30, 40))
    made = fill(same, [one], 64, exact, 0, 1)[0]
    assert made.record.known_change == 0 and made.record.scale == 1
    assert (seen[0].image[seen[0].mask.expand(-1, 3, -1, -1) > 0] == 0).all()  # blind
    assert np.array_equal(seen[0].mask[0, 0].numpy() > 0, one.hole)


def test_windows_of_several_photos_share_batches_and_have_keys_of_their_own() -> None:
    keys = []

    def note(batch: Batch) -> Tensor:
        keys.append(batch.name)
        return plain(batch)

    apart = ((3, 5, 13, 15), (3, 180, 13, 190), (80, 80, 90, 90))
    fill(note, [job(100, 200, *apart, name="a"), job(40, 40, (3, 5, 9, 9), name="b")], 32, exact, 0, 3)
    assert keys == [("a", "a#2", "a#3"), ("b",)]


def test_another_island_in_view_is_hole_and_is_filled_by_its_own_window() -> None:
    def by_window(batch: Batch) -> Tensor:
        return torch.stack([torch.full((3, 64, 64), 1.0 if "#" in name else -1.0) for name in batch.name])

    one = job(200, 200, (10, 10, 70, 70), (10, 80, 40, 110))
    made = fill(by_window, [one], 64, exact, 0, 2)[0]
    assert len(made.record.windows) == 2
    assert (made.pixels[10:70, 10:70] == 0).all() and (made.pixels[10:40, 80:110] == 255).all()


def test_a_hole_of_many_specks_is_said() -> None:
    specks = [(top, left, top + 1, left + 1) for top in range(4, 600, 66) for left in range(4, 600, 66)]
    with pytest.warns(InputWarning, match="a: its hole takes 100 windows, one after the other; dilate joins"):
        fill(plain, [job(600, 600, *specks)], 64, exact, 0, 50)


def test_a_method_without_a_size_sees_whole_pictures_and_only_equal_ones_share_a_batch() -> None:
    seen = []

    def by_place(batch: Batch) -> Tensor:
        seen.append(batch)
        ramp = torch.linspace(-1, 1, batch.image.shape[-1]).expand_as(batch.image)
        return torch.where(batch.mask > 0, ramp, batch.image)

    apart = ((3, 5, 13, 15), (3, 180, 13, 190))
    jobs = [job(97, 231, *apart, name="a"), job(97, 231, (0, 0, 97, 231), name="b"), job(1, 7, (0, 0, 1, 1), name="c")]
    filled = fill(by_place, jobs, None, exact, 0, 8)
    assert [batch.name for batch in seen] == [("a", "b"), ("c",)]
    assert [tuple(batch.image.shape[-2:]) for batch in seen] == [(97, 231), (1, 7)]
    for one, made in zip(jobs, filled, strict=True):
        height, width = one.hole.shape
        ramp = np.rint((torch.linspace(-1, 1, width).numpy() + 1) * 127.5).astype(np.uint8)
        expected = np.where(
            one.hole[..., None], np.broadcast_to(ramp[None, :, None], (height, width, 3)), one.photo.pixels
        )
        assert np.array_equal(made.pixels, expected)
        assert made.record.known_change == 0 and made.record.scale == 1 and len(made.record.windows) == 1


@pytest.mark.parametrize("size", [64, None])
@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_values_that_are_not_finite_are_refused_by_the_picture_they_are_in(size: int | None, value: float) -> None:
    def bad(batch: Batch) -> Tensor:
        result = plain(batch)
        result[batch.name.index("b"), 0, 3, 4] = value
        return result

    with pytest.raises(InputError, match="^b: the method returned values that are not finite; look at its weights"):
        fill(bad, [job(64, 64, (3, 5, 9, 9), name="a"), job(64, 64, (3, 5, 9, 9), name="b")], size, exact, 0, 2)


@pytest.mark.parametrize("size", [64, None])
def test_a_result_of_another_size_is_refused(size: int | None) -> None:
    with pytest.raises(InputError, match=r"^a: the method returned \(1, 3, 32, 32\) for pictures \(1, 3, 64, 64\)"):
        fill(lambda batch: plain(batch)[..., ::2, ::2], [job(64, 64, (3, 5, 9, 9))], size, exact, 0, 1)
