"""What of a mask is hole: every kind of mask by one threshold, and sentences for those that cannot be meant."""

import io
import warnings

import numpy as np
import pytest
from PIL import Image, ImageDraw

from asuka.errors import InputError, InputWarning
from asuka.hole import MaskReader
from asuka.photo import photo

BOX = (slice(10, 30), slice(15, 45))


def drawn(height: int = 60, width: int = 80) -> np.ndarray:
    hole = np.zeros((height, width), bool)
    hole[BOX] = True
    return hole


def read(mask: object, size: tuple[int, int] = (80, 60), **knobs: object) -> np.ndarray:
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        return MaskReader(**knobs)(photo(mask), size, "a")


def picture(hole: np.ndarray, mode: str) -> Image.Image:
    return Image.fromarray(hole.astype(np.uint8) * 255).convert(mode)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "I;16"])
def test_every_mode_of_a_mask_says_the_same(mode: str) -> None:
    mask = Image.fromarray(drawn().astype(np.uint16) * 65535) if mode == "I;16" else picture(drawn(), mode)
    assert np.array_equal(read(mask), drawn())
    inverse = Image.fromarray((~drawn()).astype(np.uint16) * 65535) if mode == "I;16" else picture(~drawn(), mode)
    assert np.array_equal(read(inverse, hole="black"), drawn())


@pytest.mark.parametrize("kind", [bool, np.uint8, np.float32, np.float64])
def test_arrays_are_masks_too(kind: type) -> None:
    mask = drawn() * (255 if kind is np.uint8 else 1)
    assert np.array_equal(read(mask.astype(kind)), drawn())


def test_a_jpeg_mask_is_read_without_a_warning() -> None:
    file = io.BytesIO()
    picture(drawn(), "L").save(file, "JPEG", quality=75)
    assert (read(Image.open(file)) != drawn()).sum() <= 4


def test_what_is_transparent_is_hole_or_is_not_painted() -> None:
    alpha = np.where(drawn(), 0, 255).astype(np.uint8)
    assert np.array_equal(read(np.dstack([np.zeros((60, 80, 3), np.uint8), alpha]), hole="alpha"), drawn())
    painted = np.dstack([np.full((60, 80, 3), 255, np.uint8), 255 - alpha])  # a white stroke on an empty layer
    assert np.array_equal(read(painted), drawn())
    painted[..., :3] = 0
    assert np.array_equal(read(painted, hole="black"), drawn())
    with pytest.raises(InputError, match="hole=alpha, but the mask has no alpha channel; give one that has"):
        read(drawn(), hole="alpha")


def test_the_threshold_is_one() -> None:
    levels = np.zeros((60, 80), np.uint8)
    levels[0, 0], levels[0, 1] = 127, 128
    assert read(levels).sum() == 1 and read(levels)[0, 1]
    assert read(255 - levels, hole="black").sum() == 1


def test_dilate_grows_by_a_disc() -> None:
    hole = np.zeros((60, 80), bool)
    hole[30, 40] = True
    rows, columns = np.mgrid[:60, :80]
    for reach in (1, 2, 7):
        assert np.array_equal(read(hole, dilate=reach), (rows - 30) ** 2 + (columns - 40) ** 2 <= reach**2)


def test_fill_holes_fills_what_is_enclosed_alone() -> None:
    mask = Image.new("L", (80, 60), 0)
    pen = ImageDraw.Draw(mask)
    pen.rectangle((10, 10, 30, 30), outline=255, width=3)
    pen.line((0, 40, 20, 59), fill=255, width=2)  # cuts off a corner, which lies at the border
    filled = read(mask, fill_holes=True)
    assert filled[10:31, 10:31].all()
    assert np.array_equal(np.delete(filled, np.s_[10:31], 0), np.delete(read(mask), np.s_[10:31], 0))


def test_a_mask_of_another_size_is_refused_or_brought_to_size() -> None:
    with pytest.raises(InputError, match="a: the mask has 80 x 60 pixels and the image 40 x 30; .* resize_mask=true"):
        read(drawn(), (40, 30))
    with pytest.raises(InputError, match="80 x 60 pixels and the image 60 x 80"):
        read(drawn(), (60, 80))
    half = read(drawn(), (40, 30), resize_mask=True)
    assert np.array_equal(half, drawn().reshape(30, 2, 40, 2).any((1, 3)))  # no thin hole gets lost
    double = read(drawn(), (160, 120), resize_mask=True)
    assert np.array_equal(double, drawn().repeat(2, 0).repeat(2, 1))


def test_a_mask_without_a_hole_is_refused() -> None:
    for hole, word in (("white", "white"), ("black", "black")):
        mask = np.full((60, 80), 0 if hole == "white" else 255, np.uint8)
        with pytest.raises(InputError, match=f"a: the mask holds no {word} pixel, .* level 128 of 255"):
            read(mask, hole=hole)
    with pytest.raises(InputError, match="no white pixel"):
        read(drawn().astype(np.uint8))  # 0 and 1 of 255


@pytest.mark.parametrize(("knobs", "said"), [({"hole": "wite"}, "hole=wite: .* white, black"), ({"dilate": -1}, "-1")])
def test_knobs_that_mean_nothing_are_refused(knobs: dict[str, object], said: str) -> None:
    with pytest.raises(InputError, match=said):
        MaskReader(**knobs)


def test_what_is_odd_is_said() -> None:
    grey = drawn() * np.uint8(255)
    grey[40:50] = 100
    with pytest.warns(InputWarning, match="a: 17% of the mask is grey; from level 128 of 255 on it counts as hole"):
        assert np.array_equal(MaskReader()(photo(grey), (80, 60), "a"), drawn())
    large = np.ones((60, 80), bool)
    large[:6] = False
    with pytest.warns(InputWarning, match="a: the hole is 90% of the picture"):
        MaskReader()(photo(large), (80, 60), "a")
