"""Repeated edits: known answers of methods that are right, or wrong by so much each time; and going on."""

import csv
import runpy
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from torch import Tensor

from asuka.batch import Batch
from asuka.commands.repeat_edits import drawn
from asuka.config import build, check, option
from asuka.data.folder import Folder
from asuka.evaluation.edit_table import KNOWN, WAYS, Edits, table_md
from asuka.evaluation.edits import EDITS, MEASURES, Course, Courses, edited
from asuka.methods.inpainter import Inpainter
from asuka.paste import exact, none
from asuka.terminal import composed

SCRIPT = Path(__file__).parents[1] / "scripts" / "repeat_edits.py"
LEFT = ("rows.csv", "table.md", "edits.png", "sheet.png")
STEP = 3  # levels


class Brighter(Inpainter):
    """Returns what it sees, STEP levels brighter."""

    def forward(self, batch: Batch) -> Tensor:
        return batch.image + STEP / 127.5


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three smooth pictures of 32 x 32 pixels, neither dark nor bright."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(3):
        small = Image.fromarray(rng.integers(60, 180, (4, 4, 3), np.uint8))
        small.resize((32, 32), Image.Resampling.BICUBIC).save(folder / f"{number}.png")
    return folder


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, photos: Path) -> Callable[..., None]:
    """Run the script on the photographs."""

    def command(*words: object) -> None:
        monkeypatch.setattr(
            sys, "argv", ["repeat_edits.py", *map(str, (photos, "--size", 32, "--net", "lite", *words))]
        )
        runpy.run_path(str(SCRIPT), run_name="__main__")

    return command


def courses(photos: Path, masks: str = "mixed", seed: int = 0, count: int = 3) -> list[Course]:
    """The photographs and their holes as the script has them."""
    found = Courses(Folder(str(photos), size=32).pairs(option("masks", masks), EDITS, seed), count)
    return [found[number] for number in range(len(found))]


def lines(out: Path) -> list[dict[str, str]]:
    with open(out / "rows.csv") as file:
        return list(csv.DictReader(file))


def results(photos: Path, folder: Path, more: int) -> Path:
    """Results for every edit: the truth and `more` levels."""
    folder.mkdir()
    for course in courses(photos):
        for key in course.keys:
            Image.fromarray(course.image + np.uint8(more)).save(folder / f"{key}.png")
    return folder


def test_the_truth_does_not_drift_and_a_constant_shift_is_found(
    run: Callable[..., None], photos: Path, tmp_path: Path
) -> None:
    folders = {name: results(photos, tmp_path / name, more) for name, more in (("truth", 0), ("ten", 10))}
    methods = [f"{name}=folder method.path={folder}" for name, folder in folders.items()]
    run("--methods", *methods, "--out", tmp_path / "out")
    found = lines(tmp_path / "out")
    assert len(found) == 3 * 2 * len(WAYS) * EDITS
    truth = [line for line in found if line["method"] == "truth"]
    assert all(float(line[measure] or 0) == 0 for line in truth for measure in MEASURES)
    ten = [line for line in found if line["method"] == "ten" and line["known_mean"]]
    for way, levels in (("exact", 0), ("none", 10)):
        values = [float(line["known_mean"]) for line in ten if line["paste"] == way]
        assert len(values) > 3 and values == pytest.approx([levels] * len(values), rel=1e-5)
    assert all(float(line["lpips"]) > 0 and float(line["colour_shift"]) > 1 for line in ten)
    text = (tmp_path / "out/table.md").read_text()
    assert text.count("| ten - truth |") == len(WAYS) * len(MEASURES) - 2  # of exact's known_* all is 0
    assert "known_shift (pasted after every edit); known_mean (pasted after every edit)" in text
    assert Image.open(tmp_path / "out/sheet.png").width == (EDITS + 1) * 196 + 4


def test_raw_edits_add_up_where_pasted_ones_leave_what_is_known(photos: Path) -> None:
    for course in courses(photos):
        for manner, step in ((exact, 0), (none, STEP)):
            (pictures,) = edited(Brighter(), [course], None, manner, 1)
            never = ~course.so_far
            for edit in range(EDITS):
                left = course.image[never[edit]].astype(int) + (edit + 1) * step
                assert np.array_equal(pictures[edit][never[edit]], left)
        # A pasted edit keeps what earlier ones filled, where it is not filled again: grey and STEP levels more.
        (pictures,) = edited(Brighter(), [course], None, exact, 1)
        once = course.holes[0] & ~course.holes[1:].any(0)
        assert (pictures[-1][once] == round(127.5 + STEP)).all()


def test_holes_are_functions_of_seed_name_and_edit(photos: Path) -> None:
    one, again, other = courses(photos), courses(photos), courses(photos, seed=1)
    assert [course.mark([]) for course in one] == [course.mark([]) for course in again]
    assert sorted(course.name for course in one) == ["0", "1", "2"]
    assert [course.name for course in courses(photos, count=2)] == [course.name for course in one][:2]
    for course, changed in zip(one, other, strict=True):
        assert len({hole.tobytes() for hole in course.holes}) == len(set(course.keys)) == EDITS
        assert not any(map(np.array_equal, course.holes, changed.holes))
        assert course.mark([]) not in (changed.mark([]), course.mark(["a result"]))


def test_neighbours_and_order_do_not_matter(toy: Path, photos: Path) -> None:
    config = composed("evaluate", ["method=sd", f"base.weights={toy}/base", "method.steps=2", "run_dir=runs/test"])
    check(config)
    method, found = build(config.method), courses(photos)
    together = edited(method, found, method.side, none, 8)
    turned = edited(method, found[::-1], method.side, none, 2)[::-1]
    for whole, other in zip(together, turned, strict=True):
        assert np.abs(whole.astype(int) - other).max() <= 1
        assert whole.std() > 1 and len({picture.tobytes() for picture in whole}) == EDITS


def test_going_on_equals_going_through(
    run: Callable[..., None], toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    words = ["--base", toy / "base", "--steps", 1, "--batch", 1, "--masks", "boxes"]
    asuka = f"asuka method/decode=plain method.condition.weights={toy}/align method.condition.mae={toy}/mae"
    methods = ["opencv", f"plain={asuka}"]
    whole, parts = tmp_path / "whole", tmp_path / "parts"
    run("--methods", *methods, *words, "--out", whole)
    run("--methods", "opencv", *words, "--count", 2, "--out", parts)
    first = {file: file.stat().st_mtime_ns for file in parts.rglob("*.npz")}
    assert len(first) == 2
    run("--methods", *methods, *words, "--out", parts)  # one more photograph, one more method
    assert {file: file.stat().st_mtime_ns for file in first} == first
    assert all((parts / name).read_bytes() == (whole / name).read_bytes() for name in LEFT)
    assert not list(parts.rglob("*.part*"))
    with pytest.raises(SystemExit, match="holds another run.*method.radius: was 3.0, is 2"):
        run("--methods", "opencv=opencv method.radius=2", *words, "--out", parts)


def test_the_table_has_its_known_answer() -> None:
    keys = [f"{way}/{measure}" for way in WAYS for measure in MEASURES]

    def arrays(values: Sequence[float]) -> dict[str, np.ndarray]:
        return {KNOWN: np.full((3, 2), 0.5)} | {key: np.array(values)[:, None] + [0.0, 10.0] for key in keys}

    found = {"base": arrays([1, 2, 3]), "more": arrays([3, 4, 5])}
    found["base"]["none/known_shift"][:, 1] = np.nan  # after the second edit nothing is known any more
    edits = Edits(["a", "b", "c"], found, 0)
    text = table_md(edits, ["some words"])
    assert "3 photographs, 2 edits each; some words." in text and "(50%, 50% of them" in text
    _, _, known, *_ = text.split("**known_shift")
    assert "| base | **2.000** [1.000, 3.000] | – (1) |" in known
    assert "| more - base | +2.000* [+2.000, +2.000] | – (1) |" in known
    assert "1. no picture has such a number" in text
    assert len(drawn(edits).axes) == len(WAYS) * len(MEASURES)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--methods", "sd", "sd"], "--methods sd: give NAME or NAME="),
        (["--methods", "a/b=sd"], "--methods a/b=sd: give NAME or NAME="),
        (["--methods", "a=sdd"], "method=sdd: there is no such method; did you mean sd?"),
        (["--methods", "a=sd method.stps=3"], "method.stps"),
        (["--methods", "a=folder method.path=gone"], "method.path=gone: no such folder"),
        (["--methods", *"abcdefg"], "7 of them, and the figure tells 6 apart"),
        (["--methods", "opencv", "--count", "1"], "1 of 3 photographs: give 2 or more"),
        (["--methods", "opencv", "--batch", "0"], "--batch 0: .*give 1 or more"),
        (["--methods", "opencv", "--net", "alx"], "there is no perceptual distance 'alx'; did you mean alex?"),
    ],
)
def test_a_mistake_is_a_sentence(run: Callable[..., None], tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(SystemExit, match=message):
        run(*words, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_an_archive_that_is_none_is_a_sentence(run: Callable[..., None], tmp_path: Path) -> None:
    words = ["--methods", "opencv", "--masks", "boxes", "--out", tmp_path]
    run(*words)
    file = next(tmp_path.rglob("*.npz"))
    file.write_bytes(b"torn")
    with pytest.raises(SystemExit, match=f"{file.name}: cannot be read"):
        run(*words)
    file.unlink()
    run(*words)
