"""What was downloaded becomes a manifest, once; what is missing is listed, and a second run compares."""

import runpy
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from layouts import misato_zip, noise, photos_in
from PIL import Image

from asuka.config import option
from asuka.data.folder import Folder
from asuka.data.manifest import Manifest
from asuka.data.pairs import ImagesAndMasks
from asuka.data.places2 import COUNT, Places2
from asuka.errors import InputError

Run = Callable[..., str]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a script with arguments; what it said last."""

    def script(name: str, *words: object) -> str:
        monkeypatch.setattr(sys, "argv", [name, *map(str, words)])
        runpy.run_path(str(ROOT / "scripts" / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out.splitlines()[-1]

    return script


def fails(run: Run, *words: object) -> str:
    """The sentence a script ends with."""
    with pytest.raises(SystemExit) as caught:
        run(*words)
    return str(caught.value)


def test_photographs_get_holes_once_and_are_compared_again(run: Run, tmp_path: Path) -> None:
    root, file = photos_in(tmp_path / "photos", ["a.png", "b/c.jpg"]), tmp_path / "photos.jsonl"
    words = ("prepare_photos", root, "--holes", 3, "--size", 32, "--out", file)
    said = run(*words)
    before = file.read_bytes()
    assert said.startswith(f"{file}: written, and all 6 pairs are as it says; images ")
    assert run(*words) == said.replace("written", "was there") and file.read_bytes() == before
    known, drawn = (
        Manifest(str(file), str(root)).pairs(None, 1, 0),
        Folder(root, size=32).pairs(option("masks", "paper"), 3, 0),
    )
    assert known.names == drawn.names and all(np.array_equal(known[n].levels, drawn[n].levels) for n in range(6))
    assert f"{file} tells of other pairs than these" in fails(run, *words, "--seed", 1)
    (root / "a.png").write_bytes((root / "a.png").read_bytes() + b"\0")
    said = fails(run, *words)
    assert "3 of 6 pairs cannot be used: " in said and said.count("its bytes are others") == 1
    assert file.read_bytes() == before


def test_what_is_measured_is_written_for_other_programs(run: Run, tmp_path: Path) -> None:
    root, file = photos_in(tmp_path / "photos", ["a.png", "b/c.jpg"]), tmp_path / "photos.jsonl"
    run("prepare_photos", root, "--holes", 2, "--size", 32, "--out", file, "--write", tmp_path / "written")
    known = Manifest(str(file), str(root)).pairs(None, 1, 0)
    written = ImagesAndMasks(str(tmp_path / "written"), "image", "mask").pairs(None, 1, 0)
    assert written.names == known.names == ["a-1", "a-2", "b/c-1", "b/c-2"]
    for place in range(4):
        assert np.array_equal(written[place].image, known[place].image)
        assert np.array_equal(written[place].levels, known[place].levels)


def test_a_part_of_places2_is_listed(run: Run, tmp_path: Path) -> None:
    names = [f"Places365_val_{number:08d}.jpg" for number in (1, 2, 7)]
    root, file = photos_in(tmp_path / "val_large", names), tmp_path / "places2.jsonl"
    (tmp_path / "part.txt").write_text("\n".join(names[1:]))
    words = ("prepare_places2", root, "--size", 64, "--out", file)
    assert f"{file}: written, and all 2 pairs" in run(*words, "--listing", tmp_path / "part.txt")
    known = Manifest(str(file), str(root)).pairs(None, 1, 0)
    assert known.names == ["Places365_val_00000002", "Places365_val_00000007"]
    assert known[0].image.shape == (64, 64, 3) and 0.2 <= known[0].hole.mean() <= 0.8
    assert Path(file).read_text().count('"crop": "window"') == 2


def test_what_places2_lacks_is_listed(run: Run, tmp_path: Path) -> None:
    root = photos_in(tmp_path / "val_large", ["Places365_val_00000002.jpg", "me.jpg"])
    said = fails(run, "prepare_places2", root, "--out", tmp_path / "places2.jsonl")
    assert said.startswith(
        f"{root} is not the validation set of 36500 photographs: 36499 missing: Places365_val_00000001, "
        "Places365_val_00000003, "
    )
    assert "and 36489 more; 1 surplus: me.jpg; unpack it again, or list the part that counts" in said
    assert not (tmp_path / "places2.jsonl").exists()


def test_all_of_places2_is_whole(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "val.zip", "w") as file:
        for number in range(1, COUNT + 1):
            file.writestr(f"val_large/Places365_val_{number:08d}.jpg", b"")
    data = Places2(str(tmp_path / "val.zip"), None, 512)
    data.check_whole()
    assert data.summary() == f"Places2: 36500 pictures in {tmp_path}/val.zip, at 512 x 512"


def test_what_misato_lacks_is_listed(run: Run, tmp_path: Path) -> None:
    lost = {f"mask/{number:04d}.png": None for number in range(3, 20)}
    root = misato_zip(tmp_path / "512.zip", 512, "", lost)
    said = fails(run, "prepare_misato", root, "--out", tmp_path / "misato.jsonl")
    assert "no whole MISATO of 2000 pairs: 17 missing: mask/0003, mask/0004, " in said and "and 7 more" in said
    assert not (tmp_path / "misato.jsonl").exists()


@pytest.mark.slow
def test_misato_becomes_a_manifest(run: Run, tmp_path: Path) -> None:
    root, file = tmp_path / "misato", tmp_path / "misato.jsonl"
    with zipfile.ZipFile(misato_zip(tmp_path / "misato.zip", 512, "")) as archive:
        archive.extractall(root)
    assert "written, and all 2000 pairs are as it says" in run("prepare_misato", root, "--out", file)
    noise(0, 512, 512).save(root / "image" / "0123.png")
    Image.new("L", (512, 512)).save(root / "mask" / "0456.png")
    said = fails(run, "prepare_misato", root, "--out", file)
    assert "2 of 2000 pairs cannot be used: " in said and "image/0123.png: its bytes" in said
    assert "mask/0456.png: its bytes are others than in the manifest" in said
    with pytest.raises(InputError, match="image/0123.png: its bytes are others"):
        Manifest(str(file), str(root)).pairs(None, 1, 0)[123]
