"""One file from the command line: what is kept of it, and what is said."""

from pathlib import Path

import numpy as np
import pytest
from conftest import composed
from PIL import Image, ImageCms, ImageOps

from asuka.errors import InputError, InputWarning
from asuka.inpaint import inpaint
from asuka.terminal import spoken

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
ORIENTATION, MAKER = 0x0112, 0x010F


@pytest.fixture
def command(toy: Path, tmp_path: Path):
    """`python -m asuka.inpaint image=… mask=… out=…` on toy parts, one step."""
    parts = [f"base.weights={toy}/base", f"method.condition.weights={toy}/align", f"method.condition.mae={toy}/mae"]

    def call(image: str, out: str, *more: str) -> Image.Image:
        words = [f"image={tmp_path}/{image}", f"mask={tmp_path}/mask.png", f"out={tmp_path}/{out}"]
        inpaint(composed("inpaint", *parts, "method.steps=1", "device=cpu", *words, *more))
        return Image.open(tmp_path / out)

    mask = Image.new("L", (80, 60), 0)
    mask.paste(255, (10, 10, 30, 25))
    mask.save(tmp_path / "mask.png")
    return call


def noise(mode: str = "RGB") -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (60, 80, 4), dtype=np.uint8)).convert(mode)


def known() -> np.ndarray:
    kept = np.ones((60, 80), bool)
    kept[10:25, 10:30] = False
    return kept


@pytest.mark.parametrize(("source", "to"), [("jpg", "png"), ("png", "tif"), ("webp", "jpg"), ("tif", "webp")])
def test_profile_exif_and_orientation(command, tmp_path: Path, source: str, to: str) -> None:
    exif = Image.Exif()
    exif[ORIENTATION], exif[MAKER] = 8, "Maker"
    options = {"quality": 100} if source == "jpg" else {"lossless": True} if source == "webp" else {}
    turned = noise().rotate(-90, expand=True)
    turned.save(tmp_path / f"a.{source}", icc_profile=SRGB, exif=exif, **options)
    filled = command(f"a.{source}", f"out.{to}")
    assert filled.size == (80, 60) and filled.info["icc_profile"] == SRGB
    carried = dict(filled.getexif())
    assert carried[MAKER] == "Maker" and ORIENTATION not in carried
    if to != "jpg":
        upright = np.array(ImageOps.exif_transpose(Image.open(tmp_path / f"a.{source}")))
        assert np.array_equal(np.array(filled)[known()], upright[known()])


def test_alpha_is_kept(command, tmp_path: Path) -> None:
    noise("RGBA").save(tmp_path / "a.png")
    filled = np.array(command("a.png", "out.png"))
    assert np.array_equal(filled[known()], np.array(noise("RGBA"))[known()])
    assert np.array_equal(filled[..., 3], np.array(noise("RGBA"))[..., 3])
    with pytest.raises(InputError, match="out.jpg: a JPEG has no transparency, and the picture has; .* .png"):
        command("a.png", "out.jpg")
    assert not (tmp_path / "out.jpg").exists()


@pytest.mark.parametrize("mode", ["L", "CMYK", "I;16"])
def test_grey_inks_and_sixteen_bits(command, tmp_path: Path, mode: str) -> None:
    deep = np.array(noise("L")).astype(np.uint16) * 257
    image = Image.fromarray(deep) if mode == "I;16" else noise(mode)
    image.save(tmp_path / "a.tif")
    if mode == "I;16":
        with pytest.warns(InputWarning, match="a: its 16 bits per channel are reduced to 8"):
            filled = np.array(command("a.tif", "out.png"))
        image = noise("L")
    else:
        filled = np.array(command("a.tif", "out.png"))
    assert np.array_equal(filled[known()], np.array(image.convert("RGB"))[known()])
    assert mode == "CMYK" or (filled == filled[..., :1]).all()


def test_masks_as_jpeg_and_of_another_size(command, tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    Image.open(tmp_path / "mask.png").save(tmp_path / "mask.jpg", quality=90)
    filled = np.array(command("a.png", "out.png", f"mask={tmp_path}/mask.jpg"))
    assert np.array_equal(filled[known()], np.array(noise())[known()])
    Image.open(tmp_path / "mask.png").resize((160, 120), Image.Resampling.NEAREST).save(tmp_path / "large.png")
    with pytest.raises(InputError, match="160 x 120 pixels and the image 80 x 60"):
        command("a.png", "out.png", f"mask={tmp_path}/large.png")
    again = np.array(command("a.png", "out.png", f"mask={tmp_path}/large.png", "resize_mask=true"))
    assert np.array_equal(filled, again)


def test_quality_is_that_of_jpeg(command, tmp_path: Path) -> None:
    noise().save(tmp_path / "a.png")
    sizes = []
    for quality in (30, 95):
        command("a.png", "out.jpg", f"quality={quality}")
        sizes.append((tmp_path / "out.jpg").stat().st_size)
    assert sizes[0] < sizes[1] / 2


def test_what_is_said(command, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise().save(tmp_path / "a.png")
    command("a.png", "out.png", f"prior={tmp_path}/prior.png")
    assert f"{tmp_path}/out.png: 0 known bytes changed" in capsys.readouterr().out
    assert np.array_equal(np.array(Image.open(tmp_path / "prior.png"))[known()], np.array(noise())[known()])
    command("a.png", "out.png", "paste=none")
    assert ": 0 known bytes changed" not in capsys.readouterr().out


def test_warnings_are_lines(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    noise().save(tmp_path / "a.png")
    Image.new("L", (80, 60), 255).save(tmp_path / "mask.png")
    words = [f"base.weights={toy}/base", "method=sd", "method.steps=1", "device=cpu"]
    places = [f"image={tmp_path}/a.png", f"mask={tmp_path}/mask.png", f"out={tmp_path}/out.png"]
    spoken(inpaint)(composed("inpaint", *words, *places))
    lines = capsys.readouterr().err.splitlines()
    assert "warning: a: the hole is 100% of the picture, which leaves little to fill it by" in lines
