"""Every kind of picture file comes in as the picture a viewer shows: 8-bit RGB, upright, white behind glass."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image

from asuka.data.folder import Files, Photos
from asuka.errors import InputError
from asuka.image import PictureError, read, upright_rgb

HEIGHT, WIDTH = 24, 32
TURNS = {
    1: lambda pixels: pixels,
    2: lambda pixels: pixels[:, ::-1],
    3: lambda pixels: pixels[::-1, ::-1],
    4: lambda pixels: pixels[::-1],
    5: lambda pixels: pixels.swapaxes(0, 1),
    6: lambda pixels: np.rot90(pixels, -1),
    7: lambda pixels: pixels[::-1, ::-1].swapaxes(0, 1),
    8: lambda pixels: np.rot90(pixels),
}


def load(path: Path) -> Image.Image:
    return read(path, upright_rgb)


def cells(channels: int, seed: int = 0) -> np.ndarray:
    """Coarse noise (HEIGHT, WIDTH, channels): no part is like its mirror image, and JPEG can hold it."""
    coarse = np.random.default_rng(seed).integers(0, 256, (HEIGHT // 8, WIDTH // 8, channels), dtype=np.uint8)
    return coarse.repeat(8, 0).repeat(8, 1)


def over_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    return 255 + (pixels.astype(float) - 255) * alpha[..., None] / 255


def grey(pixels: np.ndarray) -> np.ndarray:
    return pixels[..., :1].repeat(3, -1).astype(float)


def one_bit(file: Path) -> np.ndarray:
    bits = cells(1) > 127
    Image.fromarray(bits[..., 0]).save(file, "PNG")
    return grey(255 * bits)


def plain_grey(file: Path) -> np.ndarray:
    Image.fromarray(cells(1)[..., 0]).save(file, "PNG")
    return grey(cells(1))


def grey_alpha(file: Path) -> np.ndarray:
    Image.fromarray(cells(2)).save(file, "PNG")
    return over_white(grey(cells(2)), cells(2)[..., 1])


def grey_16(file: Path) -> np.ndarray:
    Image.fromarray(cells(1)[..., 0].astype(np.uint16) * 256 + 200).save(file, "PNG")
    return grey(cells(1))


def grey_16_tiff(file: Path) -> np.ndarray:
    Image.fromarray((cells(1)[..., 0].astype(np.uint16) * 256 + 200).astype(">u2")).save(file, "TIFF")
    return grey(cells(1))


def palette(file: Path) -> np.ndarray:
    quantised = Image.fromarray(cells(3)).quantize(16)
    quantised.save(file, "PNG")
    return np.array(quantised.getpalette()).reshape(-1, 3)[np.array(quantised)].astype(float)


def palette_transparent(file: Path) -> np.ndarray:
    truth, quantised = palette(file), Image.fromarray(cells(3)).quantize(16)
    quantised.save(file, "PNG", transparency=3)
    truth[np.array(quantised) == 3] = 255
    return truth


def rgb(file: Path) -> np.ndarray:
    Image.fromarray(cells(3)).save(file, "PNG")
    return cells(3).astype(float)


def rgb_16(file: Path) -> np.ndarray:
    file.write_bytes(cv2.imencode(".png", cells(3)[..., ::-1].astype(np.uint16) * 256 + 200)[1].tobytes())
    return cells(3).astype(float)


def rgb_one_colour_transparent(file: Path) -> np.ndarray:
    pixels = cells(3)
    Image.fromarray(pixels).save(file, "PNG", transparency=tuple(pixels[0, 0].tolist()))
    return np.where((pixels == pixels[0, 0]).all(-1, keepdims=True), 255.0, pixels)


def rgba(file: Path) -> np.ndarray:
    pixels = cells(4)
    pixels[:8, :, 3], pixels[8:16, :, 3] = 0, 255  # gone, there, and glass
    Image.fromarray(pixels).save(file, "PNG")
    return over_white(pixels[..., :3], pixels[..., 3])


def cmyk(file: Path) -> np.ndarray:
    Image.frombytes("CMYK", (WIDTH, HEIGHT), cells(4).tobytes()).save(file, "TIFF")
    ink = 255 - cells(4).astype(float)
    return ink[..., :3] * ink[..., 3:] / 255


def cmyk_jpeg(file: Path) -> np.ndarray:
    truth = cmyk(file)
    Image.frombytes("CMYK", (WIDTH, HEIGHT), cells(4).tobytes()).save(file, "JPEG", quality=100, subsampling=0)
    assert b"Adobe" in file.read_bytes()  # whose inks are written inverted
    return truth


def ycck_jpeg(file: Path) -> np.ndarray:
    """As a photo editor writes print colours: C, M, Y turned to luma and chroma, which a flag says."""
    truth, ink = cmyk(file), cells(4)
    luma = np.array(Image.fromarray(ink[..., :3]).convert("YCbCr"))
    as_if = Image.frombytes("CMYK", (WIDTH, HEIGHT), np.concatenate([255 - luma, ink[..., 3:]], -1).tobytes())
    as_if.save(file, "JPEG", quality=100, subsampling=0)
    written = bytearray(file.read_bytes())
    written[written.index(b"Adobe") + 11] = 2
    file.write_bytes(written)
    return truth


def animated_gif(file: Path) -> np.ndarray:
    first, second = (Image.fromarray(cells(3, seed)).quantize(16) for seed in (0, 1))
    first.save(file, "GIF", save_all=True, append_images=[second])
    return np.array(first.convert("RGB")).astype(float)


def animated_webp(file: Path) -> np.ndarray:
    first, second = (Image.fromarray(cells(3, seed)) for seed in (0, 1))
    first.save(file, "WEBP", save_all=True, append_images=[second], lossless=True)
    return cells(3).astype(float)


def wide_bmp(file: Path) -> np.ndarray:
    Image.fromarray(cells(3)).save(file, "BMP")
    return cells(3).astype(float)


KINDS = (
    *(one_bit, plain_grey, grey_alpha, grey_16, grey_16_tiff, palette, palette_transparent),
    *(rgb, rgb_16, rgb_one_colour_transparent, rgba, cmyk, cmyk_jpeg, ycck_jpeg),
    *(animated_gif, animated_webp, wide_bmp),
)


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_kind_of_file_is_the_rgb_picture_a_viewer_shows(kind: object, tmp_path: Path) -> None:
    truth = kind(tmp_path / "a.jpg")  # whatever it is: the suffix does not decide
    most = 6 if kind in (cmyk_jpeg, ycck_jpeg) else 1
    for image in (load(tmp_path / "a.jpg"), Files(tmp_path).open("a.jpg")):
        assert image.mode == "RGB"
        assert np.array(image).shape == truth.shape
        assert np.abs(np.array(image) - truth).max() <= most
    photos = Photos(Files(tmp_path), ["a.jpg"], HEIGHT, 1.0, 0)
    assert np.abs(photos.centre(0).image - truth[:, 4:-4]).max() <= most


@pytest.mark.parametrize("mode", ["I", "F"])
def test_numbers_without_a_white_are_refused(mode: str, tmp_path: Path) -> None:
    Image.fromarray(cells(1)[..., 0]).convert(mode).save(tmp_path / "a.png", "TIFF")
    with pytest.raises(PictureError, match=rf"a.png: .*32-bit numbers \(mode {mode}\) .*; give a JPEG, PNG or WebP"):
        load(tmp_path / "a.png")
    with pytest.raises(InputError, match="give 8 or 16 bits"):
        upright_rgb(Image.new(mode, (8, 8)))


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("kind", ["RGB.png", "L.png", "P.png", "I;16.png", "RGB.tif", "RGB.webp", "RGB.jpg", "L.jpg"])
def test_pictures_are_turned_as_their_exif_says(kind: str, turn: int, tmp_path: Path) -> None:
    mode, suffix = kind.split(".")
    exif = Image.Exif()
    exif[0x0112] = turn
    image = Image.fromarray(cells(3)).convert("L" if mode == "I;16" else mode)
    truth = TURNS[turn](np.array(image.convert("RGB")).astype(float))
    if mode == "I;16":
        image = Image.fromarray(np.array(image).astype(np.uint16) * 257)
    image.save(tmp_path / kind, exif=exif, quality=100, **({"lossless": True} if suffix == "webp" else {}))
    assert np.array(load(tmp_path / kind)).shape == truth.shape
    assert np.abs(np.array(load(tmp_path / kind)) - truth).mean() <= (
        12 if suffix == "jpg" else 0
    )  # another turn: > 60


@pytest.mark.parametrize("size", [(1, 1), (1, 9), (2000, 2), (3, 2000)])
@pytest.mark.parametrize("zoom", [0.1, 1.0])
def test_a_crop_of_any_picture_is_a_square(size: tuple[int, int], zoom: float, tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (*size, 3), dtype=np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.png")
    photos = Photos(Files(tmp_path), ["a.png"], 16, zoom, 0)
    for image in (photos.centre(0).image, *(photos.crop(0, np.random.default_rng(seed)).image for seed in range(9))):
        assert image.shape == (16, 16, 3)
        if size == (1, 1):
            assert (image == pixels[0, 0]).all()
