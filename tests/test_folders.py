"""Folders from the command line: pairs, one bad file among many, and what was there already."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from conftest import composed
from PIL import Image

from asuka import AsukaPipeline
from asuka.errors import InputError
from asuka.folders import paired
from asuka.inpaint import inpaint

ROOT = Path(__file__).parents[1]


def fill_folder(folder: Path, count: int) -> list[Path]:
    """`count` photos of 40 to 90 pixels and a mask for each."""
    rng = np.random.default_rng(0)
    files = []
    for number in range(count):
        width, height = (int(side) for side in rng.integers(40, 90, 2))
        file = folder / "photos" / f"{number:02d}.{'jpg' if number % 2 else 'png'}"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).save(file)
        mask = Image.new("L", (width, height), 0)
        mask.paste(255, (5, 5, 25, 30))
        mask_file = folder / "masks" / f"{number:02d}.png"
        mask_file.parent.mkdir(exist_ok=True)
        mask.save(mask_file)
        files.append(file)
    return files


def words(toy: Path, folder: Path, *more: str) -> list[str]:
    parts = (f"base.weights={toy}/base", f"method.condition.weights={toy}/align", f"method.condition.mae={toy}/mae")
    places = (f"image={folder}/photos", f"mask={folder}/masks", f"out={folder}/out")
    return [*parts, *places, "method.steps=1", "device=cpu", *more]


def pictures(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in sorted(folder.iterdir())}


def test_three_broken_ones_among_fifty(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    files = fill_folder(tmp_path, 50)
    files[3].write_bytes(files[3].read_bytes()[:300])
    files[10].write_text("no picture")
    Image.new("L", (7, 7), 255).save(tmp_path / "masks" / "20.png")
    for there in (0, 47):
        with pytest.raises(InputError) as caught:
            inpaint(composed("inpaint", *words(toy, tmp_path, "batch_size=4")))
        assert len(caught.value.args) == 4
        for sentence, name in zip(caught.value.args, ("03.jpg", "10.png", "20"), strict=False):
            assert name in sentence
        assert caught.value.args[-1] == "3 of 50 failed; mend them and repeat the command"
        said = capsys.readouterr().out
        assert f"{47 - there} filled, {there} were there; 0 known bytes changed" in said
        kept = pictures(tmp_path / "out")
        assert len(kept) == 47
        if not there:
            first, dates = kept, {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}
    assert kept == first and dates == {file: file.stat().st_mtime_ns for file in (tmp_path / "out").iterdir()}


def test_the_command_and_python_draw_the_same(toy: Path, tmp_path: Path) -> None:
    files = fill_folder(tmp_path, 5)
    inpaint(
        composed(
            "inpaint",
            *words(
                toy,
                tmp_path,
                f"prior={tmp_path}/prior",
                "method/decode=conditional",
                f"method.decode.weights={toy}/decoder",
            ),
        )
    )
    one = [word for word in words(toy, tmp_path) if not word.startswith(("image=", "mask=", "out="))]
    inpaint(
        composed(
            "inpaint",
            *one,
            "method/decode=conditional",
            f"method.decode.weights={toy}/decoder",
            f"image={files[3]}",
            f"mask={tmp_path}/masks/03.png",
            f"out={tmp_path}/one.png",
        )
    )
    assert (tmp_path / "one.png").read_bytes() == (tmp_path / "out" / "03.png").read_bytes()
    pipeline = AsukaPipeline.from_pretrained(toy)
    pipeline.set_progress_bar_config(disable=True)
    masks = sorted((tmp_path / "masks").iterdir())
    filled = pipeline(files[::-1], masks[::-1], num_inference_steps=1).images[::-1]
    for file, image, prior in zip(files, filled, pipeline.prior(files, masks), strict=True):
        assert np.array_equal(np.array(image), np.array(Image.open(tmp_path / "out" / f"{file.stem}.png")))
        assert np.array_equal(np.array(prior), np.array(Image.open(tmp_path / "prior" / f"{file.stem}.png")))


@pytest.mark.slow
def test_killed_in_the_middle_and_repeated_it_is_complete(toy: Path, tmp_path: Path) -> None:
    fill_folder(tmp_path, 30)
    command = [sys.executable, "-m", "asuka.inpaint", *words(toy, tmp_path)]
    quiet = {"cwd": ROOT, "stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    for wanted in (4, 11):
        running = subprocess.Popen(command, **quiet)
        while running.poll() is None and len(list((tmp_path / "out").glob("[0-9]*.png"))) < wanted:
            time.sleep(0.005)
        os.kill(running.pid, signal.SIGKILL)
        running.wait()
    assert len(list((tmp_path / "out").glob("[0-9]*.png"))) < 30
    assert subprocess.run(command, **quiet, timeout=300).returncode == 0
    after = pictures(tmp_path / "out")
    assert sorted(after) == [f"{number:02d}.png" for number in range(30)]
    subprocess.run([*command, f"out={tmp_path}/again"], **quiet, check=True, timeout=300)
    assert after == pictures(tmp_path / "again")


def test_pairs(tmp_path: Path) -> None:
    files = fill_folder(tmp_path, 3)
    photos, masks, out = tmp_path / "photos", tmp_path / "masks", tmp_path / "photos" / "out"
    pairs = paired(photos, masks, out, None, ".png")
    assert [(pair.image, pair.mask, pair.out) for pair in pairs] == [
        (file, masks / f"{file.stem}.png", out / f"{file.stem}.png") for file in files
    ]
    out.mkdir()
    for pair in pairs:
        pair.out.touch()
    (photos / "notes.txt").touch()
    (photos / ".hidden.png").touch()
    assert paired(photos, masks, out, None, ".png") == pairs  # results below the photos are no photos
    one = paired(photos, masks / "01.png", out, None, ".jpg")
    assert {pair.mask for pair in one} == {masks / "01.png"} and one[0].out.suffix == ".jpg"
    assert [pair.mask for pair in paired(photos, None, out, None, ".png")] == [None] * 3
    (photos / "more").mkdir()
    files[0].rename(photos / "more" / "a.b.png")
    (masks / "more").mkdir()
    (masks / "00.png").rename(masks / "more" / "a.b.webp")
    assert paired(photos, masks, out, None, ".png")[-1].out == out / "more" / "a.b.png"


def test_what_has_no_partner_is_listed(tmp_path: Path) -> None:
    files = fill_folder(tmp_path, 30)
    photos, masks, out = tmp_path / "photos", tmp_path / "masks", tmp_path / "out"
    for file in files[:9]:
        file.unlink()
    (masks / "20.png").unlink()
    with pytest.raises(InputError) as caught:
        paired(photos, masks, out, None, ".png")
    assert str(caught.value).startswith(f"{files[20]} has no mask; {masks}/00.png has no image; {masks}/01.png")
    assert not out.exists()
    (masks / "15.jpg").touch()
    with pytest.raises(InputError, match=r"15.jpg and .*15.png have one name but for the suffix; rename one"):
        paired(photos, masks, out, None, ".png")


@pytest.mark.parametrize(
    ("image", "mask", "out", "said"),
    [
        ("photos", "masks", "photos", "results of a folder go into a folder of their own"),
        ("photos", "masks", "masks", "results of a folder go into a folder of their own"),
        ("photos", "masks", "photos/00.png", "results of a folder go into a folder of their own"),
        ("photos/00.png", "masks", "out", "is a folder and image=.* is none"),
        ("empty", "masks", "out", "no picture below it; give a folder of .bmp, .jpg"),
    ],
)
def test_folders_that_cannot_be_meant(tmp_path: Path, image: str, mask: str, out: str, said: str) -> None:
    fill_folder(tmp_path, 2)
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match=said):
        paired(tmp_path / image, tmp_path / mask, tmp_path / out, None, ".png")
