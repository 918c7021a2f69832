"""Comparisons: paired differences whose answers are known, refusals in a sentence, tables that say what is there."""

import csv
import json
import re
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import composed
from PIL import Image, ImageFilter

from asuka.commands.compare import compare
from asuka.compare import read
from asuka.data.manifest import Manifest
from asuka.errors import InputError, InputWarning
from asuka.evaluate import evaluate
from asuka.evaluation.comparison import Comparison
from asuka.evaluation.dots import dots
from asuka.evaluation.finished import Place, finished
from asuka.evaluation.sheets import GAP, GREY, LINE, ROWS, THUMB
from asuka.evaluation.short_table import lines_of, short_table
from asuka.evaluation.side_by_side import table_md
from asuka.seeding import seed_of

METRICS = ("hole_psnr", "hole_l1", "seam_de", "known_shift")
CHEAP = [f"metrics=[{','.join(METRICS)}]", "device=cpu", "holes=2", "masks=boxes", "data.size=64"]
SHIFTS = {"near": 10, "far": 30, "odd": 20}  # levels that a method adds to the truth; "odd" a few more or less
FOLDS = 20
T = 2.093  # the 97.5 % quantile of Student's t with 19 degrees of freedom


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Evaluations by the real harness of results that are the truth and some levels more."""
    folder, rng = tmp_path_factory.mktemp("made"), np.random.default_rng(0)
    for number in range(6):
        small = Image.fromarray(rng.integers(60, 180, (4, 4, 3), np.uint8))
        truth = np.asarray(small.resize((64, 64), Image.Resampling.BICUBIC)).clip(40, 200)
        (folder / "photos").mkdir(exist_ok=True)
        Image.fromarray(truth).save(folder / "photos" / f"{number:02d}.png")
        for method, shift in SHIFTS.items():
            more = int(rng.integers(-5, 6)) if method == "odd" else 0
            for hole in (1, 2):
                place = folder / "results" / method / f"{number:02d}-{hole}.png"
                place.parent.mkdir(exist_ok=True, parents=True)
                Image.fromarray(truth + np.uint8(shift + more)).save(place)
    for method in SHIFTS:
        words = ["method=folder", f"method.path={folder / 'results' / method}", f"run_dir={folder / 'runs' / method}"]
        evaluate(composed("evaluate", f"data.root={folder / 'photos'}", *CHEAP, *words))
    return folder


@pytest.fixture
def runs(made: Path, tmp_path: Path) -> Path:
    """A copy of the evaluations that a test may change."""
    return Path(shutil.copytree(made / "runs", tmp_path / "runs"))


@pytest.fixture(scope="module")
def out(made: Path) -> Path:
    """What a comparison of all leaves."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        compare([made / "runs" / name for name in SHIFTS], "far", made / "out")
    return made / "out"


def change(folder: Path, name: str, edit: Callable[[dict], object]) -> None:
    """Edit a JSON file of an evaluation."""
    told = json.loads((folder / name).read_text())
    edit(told)
    (folder / name).write_text(json.dumps(told))


def other(folder: Path, key: str, word: str) -> None:
    """As if photograph 03, or its holes, had been others."""
    change(folder, "summary.json", lambda told: told["provenance"].update({key: "0" * 64}))
    lines = [json.loads(line) for line in (folder / "manifest.jsonl").read_text().splitlines()]
    lines[1:] = [line | {word: "0"} if line["photo"].startswith("03") else line for line in lines[1:]]
    (folder / "manifest.jsonl").write_text("\n".join(map(json.dumps, lines)))


def give_fid(folder: Path, value: float, folds: list[float]) -> None:
    """As if the evaluation had a number of a whole set too."""
    number = {"value": value, "low": value - 1, "high": value + 1, "pictures": 12}
    change(folder, "summary.json", lambda told: told["overall"].update(fid=number))
    change(folder, "folds.json", lambda told: told.update(fid=folds))


def compared(runs: Path, *names: str, baseline: str | None = None) -> Comparison:
    return Comparison.of(finished([Place.of(runs / name) for name in names]), baseline)


def lines(out: Path) -> list[dict[str, str]]:
    return list(csv.DictReader((out / "table.csv").open()))


def test_a_constant_shift_is_the_difference_and_has_no_width(runs: Path) -> None:
    comparison = compared(runs, "near", "far")
    near, far = comparison.runs
    told = comparison.difference(far, "hole_l1")
    assert told["value"] == pytest.approx(2 * near.number("hole_l1")["value"], rel=1e-6)
    assert told["low"] == pytest.approx(told["value"], rel=1e-6)
    assert told["high"] == pytest.approx(told["value"], rel=1e-6)
    assert told["pictures"] == len(near.names) == 12
    assert comparison.difference(far, "hole_psnr")["value"] == pytest.approx(-20 * np.log10(3), rel=1e-4)


def test_the_difference_is_paired_and_turns_with_the_baseline(runs: Path) -> None:
    one, two = compared(runs, "near", "odd"), compared(runs, "near", "odd", baseline="odd")
    there = one.difference(one.runs[1], "hole_l1")
    back = two.difference(two.runs[0], "hole_l1")
    assert there["value"] == pytest.approx(-back["value"])
    assert there["low"] == pytest.approx(-back["high"]) and there["high"] == pytest.approx(-back["low"])
    assert there["low"] < there["value"] < there["high"]
    mean = one.runs[1].number("hole_l1")["value"] - one.runs[0].number("hole_l1")["value"]
    assert there["value"] == pytest.approx(mean)


def test_the_order_of_rows_does_not_matter(runs: Path) -> None:
    before = compared(runs, "near", "odd")
    told = before.difference(before.runs[1], "hole_psnr")
    head, *rest = (runs / "odd" / "rows.csv").read_text().splitlines()
    (runs / "odd" / "rows.csv").write_text("\n".join([head, *rest[::-1]]) + "\n")
    after = compared(runs, "near", "odd")
    assert after.difference(after.runs[1], "hole_psnr") == pytest.approx(told)


def test_numbers_of_sets_differ_by_the_jackknife_of_the_same_folds(runs: Path) -> None:
    rng = np.random.default_rng(1)
    base, noise = rng.normal(50, 5, FOLDS), rng.normal(0, 0.1, FOLDS)
    give_fid(runs / "near", 50, base.tolist())
    give_fid(runs / "far", 52.5, (base + 2.5).tolist())
    give_fid(runs / "odd", 51, (base + 1 + noise).tolist())
    comparison = compared(runs, "near", "far", "odd")
    _, far, odd = comparison.runs
    told = comparison.difference(far, "fid")  # what the folds share is no part of the difference's interval
    assert [told[word] for word in ("value", "low", "high")] == pytest.approx([2.5, 2.5, 2.5])
    told = comparison.difference(odd, "fid")
    width = T * np.sqrt((FOLDS - 1) / FOLDS * ((noise - noise.mean()) ** 2).sum())
    assert told["high"] - told["value"] == pytest.approx(width, rel=1e-3)
    assert told["value"] - told["low"] == pytest.approx(width, rel=1e-3)


def test_what_has_no_mean_difference_is_a_sentence(runs: Path) -> None:
    text = (runs / "near" / "rows.csv").read_text().splitlines()
    place = text[0].split(",").index("hole_psnr")
    cells = text[1].split(",")
    (runs / "near" / "rows.csv").write_text(
        "\n".join([text[0], ",".join([*cells[:place], "inf", *cells[place + 1 :]]), *text[2:]])
    )
    comparison = compared(runs, "far", "near")
    assert "infinite" in comparison.difference(comparison.runs[1], "hole_psnr")["refused"]


REFUSED = {
    "not finished": (lambda run: (run / "summary.json").unlink(), "far: no finished evaluation"),
    "cannot be read": (lambda run: (run / "folds.json").write_text("{"), "far: cannot be read"),
    "pairs failed": (
        lambda run: change(run, "summary.json", lambda told: told["failed"].update({"03-1": "why"})),
        r"far: 1 pairs failed \(03-1\)",
    ),
    "another protocol": (
        lambda run: change(run, "summary.json", lambda told: told["provenance"].update(protocol="official")),
        "far was measured with protocol=official and .*near with standard",
    ),
    "other networks": (
        lambda run: change(run, "summary.json", lambda told: told["provenance"].update(networks={"inception": "0"})),
        "far was measured by other weights of inception than .*near",
    ),
    "other images": (
        lambda run: other(run, "images", "sha256"),
        r"far was measured on other images than .*near \(pairs 03-1, 03-2\)",
    ),
    "other holes": (
        lambda run: other(run, "holes", "hole"),
        r"far was measured on other holes than .*near \(pairs 03-1,",
    ),
    "other pairs": (
        lambda run: (run / "rows.csv").write_text((run / "rows.csv").read_text().replace("\n03-1,", "\nnew,")),
        r"far has 1 pairs that .*near has not \(new\).*near has 1 pairs that .*far has not \(03-1\)",
    ),
}


@pytest.mark.parametrize("fault", REFUSED)
def test_what_does_not_belong_together_is_refused(runs: Path, fault: str) -> None:
    spoil, told = REFUSED[fault]
    change(
        runs / "near", "summary.json", lambda told: told["provenance"].update(networks={"inception": "1", "vgg": "2"})
    )
    spoil(runs / "far")
    with pytest.raises(InputError, match=told):
        compared(runs, "near", "far")
    assert compared(runs, "near", "odd")


def test_all_faults_are_told_together(runs: Path) -> None:
    (runs / "near" / "summary.json").unlink()
    (runs / "far" / "summary.json").unlink()
    with pytest.raises(InputError, match="near: no finished.*far: no finished"):
        compared(runs, "near", "far", "odd")


def test_words_that_cannot_be_are_refused(runs: Path) -> None:
    with pytest.raises(InputError, match="did you mean near"):
        compared(runs, "near", "far", baseline="neer")
    with pytest.raises(InputError, match="twice"):
        finished([Place.of(runs / name) for name in ("near", "far", "far/../near")])
    with pytest.raises(InputError, match="near: give the folders of two finished evaluations"):
        compare([runs / "near"], None, runs / "out")
    with pytest.raises(InputError, match="baseline=one: give the folders"):
        read(["baseline=one"])
    assert read(["a", "b", "baseline=b", "out=c"]) == ([Path("a"), Path("b")], "b", Path("c"))


def test_evaluations_of_one_name_are_told_apart(runs: Path) -> None:
    shutil.copytree(runs / "near", runs / "other" / "near")
    places = [Place.of(runs / name) for name in ("near", "other/near")]
    assert [run.name for run in finished(places)] == ["runs/near", "other/near"]


def test_a_comparison_leaves_what_it_promises(out: Path) -> None:
    assert {file.name for file in out.iterdir()} == {
        *("table.md", "table.tex", "table.csv", "differences.md", "sheet.png", "dots.png"),
    }
    table = (out / "table.md").read_text()
    near = next(line for line in table.splitlines() if line.startswith("| near |"))
    assert near.count("**") == 4  # best in hole_l1 and hole_psnr
    assert "hole_l1 ↓" in table and "hole_psnr ↑" in table and "seam_de |" in table and "raw_known_shift ↓" in table
    told = (out / "differences.md").read_text()
    row = next(line for line in told.splitlines() if line.startswith("| near - far |"))
    assert re.match(r"\| near - far \| \+9\.54\d\* \[\+9\.54\d, \+9\.54\d\] \| -0\.078\d+\* \[", row)
    assert row.endswith("| +0.0000 [+0.0000, +0.0000] |")  # nothing differs, nothing is marked
    overall = {(line["method"], line["metric"]): line for line in lines(out) if line["part"] == "overall"}
    assert len(overall) == len(SHIFTS) * 2 * len(METRICS)
    assert float(overall["near", "hole_psnr"]["difference"]) == pytest.approx(20 * np.log10(3), rel=1e-4)
    assert overall["near", "hole_psnr"]["excludes_0"] == "1" and overall["far", "hole_psnr"]["difference"] == ""


def test_latex_has_a_cell_for_each_column(out: Path) -> None:
    text = (out / "table.tex").read_text()
    columns = len(re.search(r"\\begin\{tabular\}\{(l?r*)\}", text).group(1))
    body = [line for line in text.splitlines() if line.endswith(r"\\")]
    assert len(body) == 1 + len(SHIFTS) and {line.count("&") for line in body} == {columns - 1}
    assert text.count("{") == text.count("}") and r"hole\_l1 $\downarrow$" in text
    assert not re.search(r"(?<!\\)[_%#]", text.replace("% Composite", "")) and text.isascii()


def test_the_sheet_shows_the_same_holes(made: Path, out: Path) -> None:
    sheet = np.asarray(Image.open(out / "sheet.png")).astype(int)
    assert sheet.shape[:2] == (LINE + GAP + ROWS * (THUMB + LINE + GAP), 5 * (THUMB + GAP) + GAP)
    pairs = Manifest(str(made / "runs" / "near" / "manifest.jsonl"), str(made / "photos")).made
    name = min(pairs.names, key=lambda name: seed_of("sheet", name))
    hole, known = (
        _well_inside(part) for part in (pairs[pairs.names.index(name)].hole, ~pairs[pairs.names.index(name)].hole)
    )
    top, lefts = LINE + GAP, [GAP + place * (THUMB + GAP) for place in range(5)]
    masked, near, far, _, truth = (sheet[top : top + THUMB, left : left + THUMB] for left in lefts)
    assert hole.any() and known.any() and (masked[hole] == GREY).all() and (masked[known] == truth[known]).all()
    for picture, shift in ((near, SHIFTS["near"]), (far, SHIFTS["far"])):
        assert (picture[known] == truth[known]).all() and (abs(picture - truth - shift)[hole] <= 1).all()


def _well_inside(part: np.ndarray) -> np.ndarray:
    """A part of a picture as a thumbnail has it, without its border, which is blurred."""
    large = Image.fromarray(part).convert("L").resize((THUMB, THUMB), Image.Resampling.NEAREST)
    return np.asarray(large.filter(ImageFilter.MinFilter(21))) > 0


def test_without_the_photographs_there_is_a_table_and_a_warning(runs: Path, tmp_path: Path) -> None:
    config = yaml.safe_load((runs / "near" / "config.yaml").read_text())
    config["data"]["root"] = str(tmp_path / "gone")
    (runs / "near" / "config.yaml").write_text(yaml.safe_dump(config))
    with pytest.warns(InputWarning, match="sheet.png is not drawn: .*gone"):
        compare([runs / "near", runs / "far"], None, tmp_path / "out")
    assert (tmp_path / "out" / "table.md").exists() and not (tmp_path / "out" / "sheet.png").exists()


def test_the_sheet_shows_the_photographs_of_another_folder(made: Path, runs: Path, tmp_path: Path) -> None:
    """With data.val=DIR they are those that were measured on."""
    config = yaml.safe_load((runs / "near" / "config.yaml").read_text())
    config["data"] |= {"root": str(tmp_path / "trained on"), "val": str(made / "photos")}
    (runs / "near" / "config.yaml").write_text(yaml.safe_dump(config))
    with warnings.catch_warnings():
        warnings.simplefilter("error", InputWarning)
        compare([runs / "near", runs / "far"], None, tmp_path / "out")
    assert (tmp_path / "out" / "sheet.png").exists()


def test_other_commits_and_versions_are_told(runs: Path, tmp_path: Path) -> None:
    def edit(told: dict) -> None:
        told["provenance"]["commit"] = "f" * 40
        told["provenance"]["versions"]["torch"] = "0.1"

    change(runs / "far", "summary.json", edit)
    with pytest.warns(InputWarning) as caught:
        compare([runs / "near", runs / "far"], None, tmp_path)
    words = " ".join(str(one.message) for one in caught)
    assert "different commits (ffffffffffff and" in words and "torch 0.1 and" in words
    assert "torch 0.1 and" in (tmp_path / "table.md").read_text()


def test_a_number_that_was_refused_or_not_measured_has_a_note(runs: Path) -> None:
    refused = {"refused": "too few pictures"}
    change(runs / "near", "summary.json", lambda told: [part.update(fid=refused) for part in parts(told)])
    change(runs / "far", "summary.json", lambda told: [part.pop("hole_l1") for part in parts(told)])
    table = table_md(compared(runs, "near", "far"))
    notes = dict(reversed(line.split(". ", 1)) for line in table.splitlines() if re.match(r"\d+\. ", line))
    assert set(notes) == {refused["refused"], "far was measured without fid", "far was measured without hole_l1"}
    assert f"| far | – ({notes['far was measured without hole_l1']}) |" in table
    assert "fid ↓" in table and "By hole ratio: fid" not in table  # a table of nothing
    assert "no group or range has fid" in table


def parts(told: dict) -> list[dict]:
    """The numbers of all pairs, and those of each range of hole ratios."""
    return [told["overall"], *(cells["numbers"] for cells in told["hole_ratio"].values())]


def test_dots_stand_at_the_numbers(runs: Path) -> None:
    comparison = compared(runs, *SHIFTS)
    figure = dots(comparison)
    panels = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title(loc="left") for axes in panels] == ["hole_psnr ↑", "hole_l1 ↓", "seam_de"]
    assert figure.get_supxlabel() == "0 for all: known_shift"
    drawn = [line.get_xdata()[0] for line in panels[1].lines if line.get_marker() == "o"]
    assert drawn == [run.number("hole_l1")["value"] for run in comparison.runs]
    assert [label.get_text() for label in panels[0].get_yticklabels()] == list(SHIFTS)


def test_the_short_table_reads_what_a_comparison_writes(out: Path) -> None:
    text = short_table(lines_of((out / "table.csv").read_text(), out), [], out)
    assert re.findall(r"^\| (\w+) \|.*\| \**\d+\.\d{3}\** \|$", text, re.MULTILINE) == list(SHIFTS)
    assert "paired difference to `far`" in text and "**12 pictures**" in text and "1. not measured" in text
