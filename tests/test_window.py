"""Windows: every hole pixel has one that answers for it, with room around it, wherever it lies."""

import subprocess
import sys

import numpy as np
import pytest
import torch
from conftest import ROOT
from torch.nn import functional

from asuka.image import to_tensor, to_uint8
from asuka.window import Window, scale, unscale, windows


def holes(count: int) -> list[np.ndarray]:
    """Pictures of 20 to 300 pixels a side with one to six boxes of hole, from specks to all of it."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(count):
        height, width = rng.integers(20, 300, 2)
        hole = np.zeros((height, width), bool)
        for _ in range(rng.integers(1, 7)):
            top, left = rng.integers(0, height), rng.integers(0, width)
            reach = rng.choice([1, 8, 60, 300])
            hole[top : top + rng.integers(1, reach + 1), left : left + rng.integers(1, reach + 1)] = True
        found.append(hole)
    return found


def test_every_hole_pixel_has_one_window_that_sees_all_of_its_island() -> None:
    for hole in holes(300):
        views, owner = windows(hole, 64)
        assert np.array_equal(owner > 0, hole)
        assert set(np.unique(owner[hole])) == set(range(1, len(views) + 1))
        for number, view in enumerate(views, start=1):
            own, (there, _) = owner == number, view.overlap(*hole.shape)
            assert own[there].sum() == own.sum()


def test_a_window_has_twice_its_box_or_shows_the_whole_picture() -> None:
    for hole in holes(300):
        long, short = max(hole.shape), min(hole.shape)
        views, owner = windows(hole, 64)
        for number, view in enumerate(views, start=1):
            box = max(np.ptp(places) + 1 for places in np.nonzero(owner == number))
            assert view.side == max(min(2 * box, long), min(64, short))
            for corner, length in zip((view.top, view.left), hole.shape, strict=True):
                if view.side <= length:
                    assert 0 <= corner <= length - view.side  # nothing is mirrored where there is room
                else:
                    assert corner == (length - view.side) // 2


def test_touching_pixels_are_one_island_and_near_islands_share_a_window() -> None:
    hole = np.zeros((400, 600), bool)
    hole[10:14, 10:14] = hole[14:18, 14:18] = True  # corner to corner
    hole[10:20, 30:40] = True  # together 30 wide: twice that fits 64
    hole[300:310, 500:510] = True
    views, owner = windows(hole, 64)
    assert len(views) == 2
    assert owner[10, 10] == owner[17, 17] == owner[15, 35] != owner[305, 505]


def test_an_island_surrounded_by_another_shares_its_window() -> None:
    hole = np.zeros((400, 400), bool)
    hole[100:300, 100:300] = True
    hole[120:280, 120:280] = False
    hole[195:205, 195:205] = True
    views, owner = windows(hole, 64)
    assert len(views) == 1 and owner[200, 200] == owner[100, 100]


def test_a_picture_of_the_trained_size_is_one_window() -> None:
    for hole in holes(50):
        square = np.zeros((300, 300), bool)
        square[: hole.shape[0], : hole.shape[1]] = hole
        assert windows(square, 300)[0] == [Window(0, 0, 300)]


def test_windows_do_not_depend_on_how_islands_are_counted() -> None:
    for hole in holes(50):
        there, back = windows(hole, 64)[0], windows(hole[::-1, ::-1], 64)[0]
        assert sorted(view.side for view in there) == sorted(view.side for view in back)


@pytest.mark.parametrize("view", [Window(3, 5, 20), Window(-7, -4, 50), Window(0, 0, 32), Window(-40, -36, 112)])
def test_what_is_cut_lies_where_the_overlap_says(view: Window) -> None:
    image = np.random.default_rng(0).integers(0, 256, (32, 40, 3), dtype=np.uint8)
    there, here = view.overlap(32, 40)
    square = view.cut(image)
    assert square.shape == (view.side, view.side, 3)
    assert np.array_equal(square[here], image[there])
    mirrored = np.pad(image, ((60, 60), (60, 60), (0, 0)), mode="reflect")
    top, left = view.top + 60, view.left + 60
    assert np.array_equal(square, mirrored[top : top + view.side, left : left + view.side])


VIEWS = [(40, 300), (-7, 11), (-300, 1000), (0, 64), (3, 65), (50, 48), (100, 20)]  # corner, side


@pytest.mark.parametrize(("corner", "side"), VIEWS)
def test_what_a_model_sees_is_what_is_cut_and_scaled(corner: int, side: int) -> None:
    rng = np.random.default_rng(0)
    image, hole = rng.integers(0, 256, (400, 350, 3), dtype=np.uint8), np.zeros((400, 350), bool)
    hole[60:200, 30:160] = hole[390:, 300:] = True
    view = Window(corner, corner - 3, side)
    cut = to_tensor(view.cut(image))[None], torch.from_numpy(view.cut(hole))[None, None].float()
    for one, other in zip(view.seen(image, hole, 64), scale(*cut, 64), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize(("corner", "side"), VIEWS)
def test_what_is_shown_is_what_lies_in_the_picture_of_the_enlarged_result(corner: int, side: int) -> None:
    view, result = Window(corner, corner - 3, side), torch.rand(3, 64, 64, generator=torch.manual_seed(0)) * 2 - 1
    shown = view.shown(result, 400, 350)
    expected = to_uint8(unscale(result[None], side)[0])[view.overlap(400, 350)[1]]
    assert shown.shape == expected.shape
    assert np.abs(shown.astype(int) - expected).max() <= (0 if side == 64 else 1)


def test_a_long_hole_takes_memory_of_its_photo_and_not_of_its_window() -> None:
    code = """if True:
        import resource
        import numpy as np, torch
        from asuka.window import Window
        torch.set_num_threads(1)
        image, hole = np.zeros((60, 5000, 3), np.uint8), np.ones((60, 5000), bool)
        for side in (200, 5000):
            before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
            view = Window(0, 0, side)
            assert view.seen(image, hole, 128)[0].shape == (1, 3, 128, 128)
            assert view.shown(torch.zeros(3, 128, 128), 60, 5000).shape == (60, side, 3)
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)
    """
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert int(done.stdout) < 60_000  # KiB; as bytes the window takes 75 MB, as floats 300


def test_scaling_leaves_out_what_lies_in_the_hole() -> None:
    image = torch.full((1, 3, 64, 64), 0.25)
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, 13:40, 21:50] = 1
    image = torch.where(mask > 0, torch.full_like(image, -1), image)
    small, hole_small = scale(image, mask, 16)
    assert torch.allclose(small[hole_small.expand_as(small) == 0], torch.tensor(0.25))
    partly = (hole_small > 0) & (functional.avg_pool2d(mask, 4) < 1)
    assert torch.allclose(small[partly.expand_as(small)], torch.tensor(0.25))
    assert hole_small[0, 0, 13 // 4, 21 // 4] == 1 and hole_small.sum() == 7 * 8


@pytest.mark.parametrize("size", [65, 100, 128])
def test_enlarging_leaves_out_what_lies_in_the_hole_and_is_smooth(size: int) -> None:
    ramp = torch.linspace(-1, 1, 64).expand(1, 3, 64, 64)
    mask = torch.zeros(1, 1, 64, 64)
    assert (scale(ramp, mask, size)[0].diff(dim=-1).abs() < 1.1 * 2 / 63).all()  # no steps of two pixels' height
    mask[:, :, 13:40, 21:50] = 1
    flat = torch.where(mask > 0, -1.0, 0.25).expand(1, 3, 64, 64)
    large, hole_large = scale(flat, mask, size)
    assert torch.allclose(large[hole_large.expand_as(large) == 0], torch.tensor(0.25))


def test_unscale_is_faithful_to_flat_colours_and_to_its_own_size() -> None:
    assert torch.allclose(unscale(torch.full((1, 3, 8, 8), 0.5), 31), torch.tensor(0.5), atol=1e-5)
    square = torch.rand(1, 3, 8, 8)
    assert torch.equal(unscale(square, 8), square)
