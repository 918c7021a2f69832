"""Pictures at the border: nothing is lost on the way in and out, and a bad file is a sentence."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asuka.errors import InputError
from asuka.image import grid, paste, read, save, to_tensor, to_uint8, upright_rgb


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def test_every_level_survives_the_round_trip() -> None:
    levels = np.arange(256, dtype=np.uint8).reshape(16, 16)
    image = np.stack([levels, levels[::-1], levels.T], axis=-1)
    tensor = to_tensor(image)
    assert tensor.shape == (3, 16, 16)
    assert (tensor.min(), tensor.max()) == (-1, 1)
    assert torch.equal(tensor[2], tensor[0].T)
    assert np.array_equal(to_uint8(tensor), image)
    assert torch.equal(to_tensor(Image.fromarray(image)), tensor)


def test_to_uint8_rounds_and_clamps() -> None:
    values = torch.tensor([-9.0, -1, 0.4 / 127.5 - 1, 0.6 / 127.5 - 1, 1, 9]).view(1, 1, 6).expand(3, 1, 6)
    assert to_uint8(values)[0, :, 0].tolist() == [0, 0, 0, 1, 255, 255]
    assert to_uint8(values.bfloat16().requires_grad_()).dtype == np.uint8


def test_paste_takes_the_hole_from_the_result_and_leaves_the_rest() -> None:
    image, result = torch.rand(2, 3, 4, 4), torch.rand(2, 3, 4, 4)
    mask = torch.zeros(2, 1, 4, 4)
    mask[:, :, 1:3] = 1
    pasted = paste(image, mask, result)
    assert torch.equal(pasted[:, :, 1:3], result[:, :, 1:3])
    assert torch.equal(pasted[:, :, [0, 3]], image[:, :, [0, 3]])
    # Chosen, not weighed: what is not a number on the other side leaves no trace.
    assert paste(torch.where(mask > 0, torch.nan, image), mask, result).isfinite().all()


def test_save_and_load(tmp_path: Path) -> None:
    image = noise(20, 30)
    save(Image.fromarray(image), tmp_path / "new" / "folder" / "a.png")
    assert np.array_equal(np.array(read(tmp_path / "new" / "folder" / "a.png", upright_rgb)), image)
    assert [file.name for file in (tmp_path / "new" / "folder").iterdir()] == ["a.png"]


def test_a_picture_that_cannot_be_written_leaves_the_old_one(tmp_path: Path) -> None:
    save(Image.fromarray(noise(8, 8)), tmp_path / "a.jpg")
    before = (tmp_path / "a.jpg").read_bytes()
    with pytest.raises(InputError, match="a.jpg: a JPEG has no transparency"):
        save(Image.new("RGBA", (8, 8)), tmp_path / "a.jpg")
    assert (tmp_path / "a.jpg").read_bytes() == before
    assert [file.name for file in tmp_path.iterdir()] == ["a.jpg"]


@pytest.mark.parametrize("name", ["a.pgn", "a", "a.txt"])
def test_save_refuses_a_suffix_it_does_not_know(tmp_path: Path, name: str) -> None:
    with pytest.raises(InputError, match=r"no picture format; end the name in \.png") as caught:
        save(Image.fromarray(noise(8, 8)), tmp_path / "new" / name)
    assert name in str(caught.value)
    assert not (tmp_path / "new").exists()


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="gone.png: no such file; give the path of a picture"):
        read(tmp_path / "gone.png", upright_rgb)


@pytest.mark.parametrize("kind", ["text", "truncated JPEG", "truncated PNG", "folder"])
def test_what_is_no_picture_is_named(tmp_path: Path, kind: str) -> None:
    file = tmp_path / "a.png"
    if kind == "folder":
        file.mkdir()
    elif kind == "text":
        file.write_text("not a picture")
    else:
        suffix = ".jpg" if kind == "truncated JPEG" else ".png"
        Image.fromarray(noise(64, 64)).save(tmp_path / f"whole{suffix}")
        file.write_bytes((tmp_path / f"whole{suffix}").read_bytes()[:2000])
    wanted = "a.png: cannot be read as a picture .*; give a JPEG, PNG or WebP"
    with pytest.raises(InputError, match=wanted) as caught:
        read(file, upright_rgb)
    assert "\n" not in str(caught.value)


def test_grid_shows_every_pixel_in_its_place() -> None:
    columns = {"truth": torch.full((2, 3, 10, 14), 1.0), "result": torch.rand(3, 3, 10, 14) * 2 - 1}
    sheet = grid(columns)
    assert sheet.size == (2 * (14 + 2), 16 + 3 * (10 + 2))
    pixels, top, left = np.array(sheet), 16 + 2 * (10 + 2), 14 + 2
    tile = pixels[top : top + 10, left : left + 14]
    assert np.array_equal(tile, to_uint8(columns["result"][2]))
    assert (pixels[:16] < 128).any()  # the header is written
    assert (pixels[top:, :14] == 255).all()  # no third picture on the left
