"""A picture from wherever it comes: what is kept of it, what cannot be, and that this is said."""

import io
import struct
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image, ImageCms

from asuka.errors import InputError
from asuka.photo import listed, photo

ORIENTATION, MAKER = 0x0112, 0x010F
SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def noise(*shape: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8)


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr", "HSV"])
def test_every_mode_becomes_the_rgb_that_pillow_makes_of_it(mode: str) -> None:
    image = Image.fromarray(noise(20, 30, 3)).convert(mode)
    one = photo(image)
    assert np.array_equal(one.pixels, np.array(image.convert("RGB")))
    assert (one.alpha is None) == (mode not in ("LA", "PA", "RGBA"))
    assert one.grey == (mode in ("1", "L", "LA")) and one.notes == ()


def test_alpha_is_kept_and_filled_pixels_come_under_it() -> None:
    pixels = noise(20, 30, 4)
    one = photo(Image.fromarray(pixels))
    assert np.array_equal(np.array(one.image(one.pixels)), pixels)
    indexed = Image.fromarray(noise(20, 30, 3)).convert("P")
    indexed.info["transparency"] = 7
    assert np.array_equal(photo(indexed).alpha == 0, np.array(indexed) == 7)


def test_grey_pictures_stay_grey() -> None:
    one = photo(Image.fromarray(noise(20, 30)))
    filled = np.array(one.image(noise(20, 30, 3)))
    assert (filled == filled[..., :1]).all()
    assert np.array_equal(np.array(one.image(one.pixels)), one.pixels)


def test_the_profile_goes_along() -> None:
    image = Image.fromarray(noise(20, 30, 3))
    image.info["icc_profile"] = SRGB
    one = photo(image)
    assert np.array_equal(one.pixels, np.array(image))
    assert one.image(one.pixels).info["icc_profile"] == SRGB


def test_a_profile_that_does_not_fit_rgb_is_left_out_with_a_word() -> None:
    grey = Image.fromarray(noise(20, 30))
    grey.info["icc_profile"] = b"some grey profile"
    one = photo(grey)
    assert one.icc is None and one.notes == ("its grey colour profile is left out",)
    assert np.array_equal(one.pixels[..., 0], np.array(grey))
    inks = Image.fromarray(noise(20, 30, 3)).convert("CMYK")
    inks.info["icc_profile"] = b"no profile at all"
    one = photo(inks)
    assert one.icc is None and "cannot be used" in one.notes[0]
    assert np.array_equal(one.pixels, np.array(inks.convert("RGB")))


def test_other_colours_are_converted_by_their_profile() -> None:
    lab = ImageCms.profileToProfile(
        Image.new("RGB", (8, 8), (200, 60, 30)),
        ImageCms.createProfile("sRGB"),
        ImageCms.createProfile("LAB"),
        outputMode="LAB",
    )
    lab.info["icc_profile"] = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    one = photo(lab)
    assert one.icc is None and one.notes == ("its colours are converted to sRGB by its profile",)
    assert np.abs(one.pixels[0, 0].astype(int) - (200, 60, 30)).max() <= 3


def exif_with_thumbnail() -> bytes:
    """Orientation 6, a maker, and a second directory with a small copy of the picture, as cameras write it."""
    maker, thumbnail = b"Maker\0", b"THUMBNAIL"
    second = 8 + 2 + 2 * 12 + 4
    texts = second + 2 + 2 * 12 + 4
    entries = [(MAKER, 2, len(maker), texts), (ORIENTATION, 3, 1, 6)]
    first = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *entry) for entry in entries)
    places = [(0x0201, 4, 1, texts + len(maker)), (0x0202, 4, 1, len(thumbnail))]
    other = struct.pack("<H", 2) + b"".join(struct.pack("<HHII", *entry) for entry in places)
    return (
        b"Exif\0\0II*\0"
        + struct.pack("<I", 8)
        + first
        + struct.pack("<I", second)
        + other
        + bytes(4)
        + maker
        + thumbnail
    )


def test_exif_goes_along_upright_and_without_the_thumbnail_of_what_was_filled() -> None:
    file = io.BytesIO()
    Image.fromarray(noise(20, 30, 3)).save(file, "JPEG", exif=exif_with_thumbnail())
    assert b"THUMBNAIL" in file.getvalue()
    image = Image.open(file)
    one = photo(image)
    assert one.pixels.shape == (30, 20, 3)
    assert np.array_equal(one.pixels, np.rot90(np.array(image), -1))
    kept = Image.Exif()
    kept.load(one.image(one.pixels).info["exif"])
    assert dict(kept) == {MAKER: "Maker"}
    assert b"THUMBNAIL" not in one.exif


def test_a_picture_with_broken_exif_is_a_picture() -> None:
    file = io.BytesIO()
    Image.fromarray(noise(20, 30, 3)).save(file, "PNG", exif=b"Exif\0\0no directory")
    one = photo(Image.open(file))
    assert np.array_equal(one.pixels, noise(20, 30, 3))
    assert one.exif is None and one.notes == ("its EXIF cannot be read and is left out",)


@pytest.mark.parametrize("channels", [1, 3, 4])
def test_sixteen_bits_keep_their_upper_eight_and_say_so(tmp_path: Path, channels: int) -> None:
    deep = np.random.default_rng(0).integers(0, 65536, (20, 30, channels)).astype(np.uint16)
    cv2.imwrite(str(tmp_path / "a.png"), deep)
    for one in (photo(tmp_path / "a.png"), photo(deep[..., [2, 1, 0, 3][:channels] if channels > 1 else [0]])):
        assert one.notes == ("its 16 bits per channel are reduced to 8",)
        levels = (deep >> 8).astype(np.uint8)
        assert np.array_equal(one.pixels, levels[..., [2, 1, 0]] if channels > 1 else levels.repeat(3, 2))
        assert channels < 4 or np.array_equal(one.alpha, levels[..., 3])


def test_only_the_first_frame_is_read_and_this_is_said(tmp_path: Path) -> None:
    frames = [Image.fromarray(noise(8, 8, 3)), Image.new("RGB", (8, 8))]
    frames[0].save(tmp_path / "a.webp", save_all=True, append_images=frames[1:], lossless=True)
    one = photo(tmp_path / "a.webp")
    assert one.notes == ("only its first frame is read",)
    assert np.array_equal(one.pixels, np.array(frames[0]))


def test_files_images_arrays_and_tensors_say_the_same(tmp_path: Path) -> None:
    pixels = noise(20, 30, 3)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    tensor = torch.from_numpy(pixels).permute(2, 0, 1)
    sources = [str(tmp_path / "a.png"), tmp_path / "a.png", Image.open(tmp_path / "a.png"), pixels, tensor]
    sources += [pixels / 255, (pixels / 255).astype(np.float32), tensor / 255, pixels.astype(np.uint16) * 257]
    for source in sources:
        assert np.array_equal(photo(source).pixels, pixels)
    assert [photo(source).stem for source in sources[:4]] == ["a", "a", "a", None]
    assert photo(pixels).name == photo(tensor).name != photo(pixels[::-1]).name
    assert photo(photo(pixels)).name == photo(pixels).name


def test_lists_arrays_and_tensors_of_many() -> None:
    pixels = noise(4, 8, 8, 3)
    assert len(listed(pixels)) == len(listed(torch.from_numpy(pixels))) == len(listed(list(pixels))) == 4
    assert len(listed(pixels[0])) == len(listed("a.png")) == 1


def test_a_truncated_file_is_one_sentence(tmp_path: Path) -> None:
    Image.fromarray(noise(90, 90, 3)).save(tmp_path / "a.jpg")
    (tmp_path / "a.jpg").write_bytes((tmp_path / "a.jpg").read_bytes()[:2000])
    for source in (tmp_path / "a.jpg", Image.open(tmp_path / "a.jpg")):
        with pytest.raises(InputError) as caught:
            photo(source)
        assert str(caught.value).count("cannot be read") == str(caught.value).count("give a JPEG, PNG or WebP") == 1


@pytest.mark.parametrize(
    ("source", "said"),
    [
        (3, "a int is no picture"),
        (np.zeros((3, 20, 30), np.uint8), r"shape \(3, 20, 30\) is no picture; give \(H, W\)"),
        (np.zeros((0, 30), np.uint8), "is no picture"),
        (np.zeros((20, 30), np.int64), "an array of int64 is no picture; give uint8"),
        (np.full((20, 30), 200.0), r"from 200 to 200; give floats in \[0, 1\]"),
        (np.full((20, 30, 3), np.nan), "from nan to nan"),
        (torch.zeros(20, 30), r"a tensor of shape \(20, 30\) is no picture; give \(C, H, W\)"),
        (torch.rand(3, 20, 30) - 0.5, r"give floats in \[0, 1\]"),
        ("gone.png", "gone.png: no such file"),
    ],
)
def test_what_is_no_picture_is_a_sentence(source: object, said: str) -> None:
    with pytest.raises(InputError, match=said):
        photo(source)
