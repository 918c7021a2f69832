"""Sweeps that train nothing: points with words of their own, evaluated once whatever happens, and seen side by side."""

import csv
import json
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, composed
from hydra import compose, initialize_config_dir

from asuka.commands.compare import compare
from asuka.commands.sweep import begin, end, work
from asuka.config import CONF, build, check
from asuka.errors import InputError, InputWarning
from asuka.evaluate import evaluate
from asuka.sweeps.entry import FAILED, FINISHED, STOPPED, Entry, entry_of, plan, planned, rows, store
from asuka.sweeps.point import Point, point
from asuka.sweeps.table import tables
from asuka.terminal import AGAIN, expanded

QUICK = ["experiment=main_quick", "data.root=PHOTOS"]
CHEAP = ["count=2", "metrics=[psnr]", "device=cpu"]
SCENES = ["data=synthetic", "data.val_count=3", "data.size=32"]
MIXED = '+sweep.points={linear: [["stage.variant=linear"]], sd: []}'
# Two points that need no network.
CLASSIC = [
    "+sweep.points={telea: [], ns: []}",
    '+sweep.each={telea: ["method.algorithm=telea"], ns: ["method.algorithm=ns"]}',
    'sweep.evaluate=["method=opencv","masks=boxes"]',
    "sweep.point=telea,ns",
    "seed=0",
]


def points(run_dir: Path, *words: str) -> list[Point]:
    return [point(composed("sweep", *job), job) for job in jobs(run_dir, *words)]


def jobs(run_dir: Path, *words: str) -> list[list[str]]:
    return expanded([f"run_dir={run_dir}", *words])


def more(*words: str) -> str:
    return f"sweep.more={json.dumps(words)}"


def experiments() -> dict[str, list[str]]:
    """Experiments that train nothing, and their points."""
    shown = {file.stem: yaml.safe_load(file.read_text()) for file in Path(CONF, "experiment").glob("*.yaml")}
    found = {name: one["sweep"]["points"] for name, one in shown.items() if "points" in one.get("sweep", {})}
    return {name: list(one) for name, one in found.items() if not any(one.values())}


def test_there_are_experiments() -> None:
    assert {name: len(names) for name, names in experiments().items()} == {
        **{"main_quick": 4, "main": 12, "prior_scale": 7, "stability": 3}
    }


MADE = sorted(file.stem for file in Path(CONF, "method").glob("*.yaml"))


TYPED = [*((name, "data.root=PHOTOS") for name in experiments()), ("main_quick", "data=synthetic")]


@pytest.mark.parametrize(("name", "typed"), TYPED)
def test_every_evaluation_composes_and_checks(name: str, typed: str, tmp_path: Path) -> None:
    words, found = [f"run_dir={tmp_path}", f"experiment={name}", typed], []
    config = composed("sweep", *words)
    for config.sweep.point in experiments()[name]:
        found.append(point(config, words))
    assert len(rows(found)) == len(experiments()[name])  # no two are one and the same
    for one in found:
        method = next(word.partition("=")[2] for word in one.evaluate.words if word.startswith("method="))
        if method in MADE:  # else its point alone fails
            config = composed("evaluate", *one.evaluate.words)
            check(config)
            assert config.masks and config.seed == 0
            assert config.data.get("root") == (None if typed == "data=synthetic" else "PHOTOS")


def test_many_jumps_are_few_calls(tmp_path: Path) -> None:
    (one,) = points(tmp_path, "experiment=main", "data=synthetic", "sweep.point=sd_repaint")
    method = composed("evaluate", *one.evaluate.words).method
    assert build(method.sampler).calls(method.steps) == 58


def test_the_quick_table_has_photographs_and_holes_of_the_main_one(tmp_path: Path) -> None:
    """And not its names, by which noise is drawn."""
    (quick,), (main,) = (
        points(tmp_path, f"experiment={name}", *SCENES, "sweep.point=sd") for name in ("main_quick", "main")
    )
    one, all_of_them = (
        build(config.data).pairs(build(config.masks), config.holes, config.seed)
        for config in (composed("evaluate", *point.evaluate.words) for point in (quick, main))
    )
    theirs = {name: all_of_them.take(place) for place, name in enumerate(all_of_them.names)}
    for place, name in enumerate(one.names):
        ours = one.take(place)
        assert (ours.hole, ours.photo) == (theirs[f"{name}-1"].hole, theirs[f"{name}-1"].photo)
    assert not set(one.names) & set(all_of_them.names)


@pytest.mark.parametrize(
    ("words", "seeds"),
    [
        (["experiment=main_quick"], "0"),
        (["experiment=ablate_align"], "0,1,2"),
        (["stage=mae"], "0,1,2"),
        ([MIXED], "0,1,2"),
    ],
)
def test_without_a_training_there_is_one_seed(words: list[str], seeds: str) -> None:
    with initialize_config_dir(CONF, version_base="1.3"):
        config = compose("sweep", words, return_hydra_config=True)
    assert config.hydra.sweeper.params.seed == seeds


def test_a_point_is_known_by_what_makes_its_evaluation_what_it_is(tmp_path: Path) -> None:
    one, same, *others = (
        points(tmp_path, *QUICK, "sweep.point=sd", word)[0]
        for word in ("sweep.processes=1", "sweep.processes=2", "seed=1", "data.size=64", more("count=3"))
    )
    assert one.folder == same.folder == one.evaluate.run_dir and one.folder.parent == tmp_path
    assert len({one.folder, *(other.folder for other in others)}) == 4
    assert not one.legs and "seed=0" in one.evaluate.words and "seed=1" in others[0].evaluate.words


def test_own_words_take_the_place_of_those_of_all_points_and_typed_ones_of_both(tmp_path: Path) -> None:
    typed = ["masks=boxes", "base=sd15_inpaint", "data=synthetic"]
    (one,) = points(
        *(tmp_path, "experiment=main_quick", "sweep.point=sd", *typed, more("count=5")),
        'sweep.each.sd=["method=sd","holes=3"]',
    )
    metrics = "metrics=[psnr,hole_psnr,ssim,lpips_alex,excess_seam_de,colour_shift,fid,kid,ids,ids_pca64]"
    assert sorted(one.evaluate.words[:-1]) == sorted([*typed, metrics, "method=sd", "holes=3", "count=5", "seed=0"])


def test_a_trained_point_has_own_words_too(tmp_path: Path) -> None:
    typed = ["experiment=ablate_align", "sweep.photos=OTHERS", "data=folder", "data.root=PHOTOS", "base=tiny"]
    typed += [MIXED, '+sweep.each={linear: ["masks=boxes"], sd: ["method=sd"]}', 'sweep.evaluate=["masks=mixed"]']
    linear, sd = points(tmp_path, *typed, "sweep.point=linear,sd", "seed=1")
    assert sorted(linear.evaluate.words[:-1]) == ["base=tiny", "masks=boxes"]
    assert linear.evaluate.run_dir.parent == linear.folder / "evaluation" and linear.folder == linear.legs[0].run_dir
    # What was typed is for the trainings, apart from the base.
    assert sorted(sd.evaluate.words[:-1]) == ["base=tiny", "masks=mixed", "method=sd", "seed=1"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["sweep.point=asuak"], "sweep.point=asuak: there is no such point; did you mean asuka?"),
        (["sweep.point=sd", "+sweep.each.sdd=[]"], "sweep.each.sdd: there is no such point; did you mean sd?"),
        (["sweep.point=sd", "sweep.each.sd=[]", "sweep.evaluate=[]"], "sweep.point=sd: trains and evaluates nothing"),
        (["sweep.point=sd", "loop.steps=5", "stage=mae"], "loop.steps=5: nothing is trained.*stage=mae: nothing is"),
        (["sweep.point=sd", 'sweep.evaluate=["data.root={sweep.photos}"]'], "sweep.photos is not set"),
        (["sweep.point=sd", 'sweep.evaluate=["method.path={weights}"]'], "{weights} is no place"),
    ],
)
def test_a_mistake_is_a_sentence_before_anything_is_evaluated(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        points(tmp_path, *QUICK, *words)


def test_points_are_called_by_what_they_differ_in(tmp_path: Path) -> None:
    found = rows(points(tmp_path, *QUICK, "sweep.point=sd", "masks=boxes,strokes", "seed=0,1"))
    assert [(row.label, row.seed) for row in found[:3]] == [
        *(("sd masks=boxes", 0), ("sd masks=boxes", 1), ("sd masks=strokes", 0)),
    ]
    with pytest.raises(InputError, match="sd and asuka are one and the same evaluation at seed 0"):
        rows(points(tmp_path, *QUICK, "sweep.point=sd,asuka", more("method=mae_only", "~method.steps")))


@pytest.fixture
def classic(tmp_path: Path) -> list[Point]:
    """Two points that are evaluated, in a sweep's folder."""
    found = points(tmp_path, *CLASSIC, *SCENES, more(*CHEAP))
    for one in found:
        evaluate(composed("evaluate", *one.evaluate.words))
        store(one.folder, Entry(FINISHED, evaluation="."))
    plan(tmp_path, rows(found))
    return found


def test_the_table_speaks_of_no_training(tmp_path: Path, classic: list[Point]) -> None:
    markdown, lines = tables(tmp_path, planned(tmp_path))
    told = [json.loads((one.folder / "summary.json").read_text())["overall"]["psnr"]["value"] for one in classic]
    assert "2 of 2 finished" in markdown and "|  | telea (1) | ns (1) |" in markdown and "train" not in markdown
    assert f"| psnr | {told[0]:.4g} | {told[1]:.4g} |" in markdown
    assert [line["psnr"] for line in csv.DictReader(lines.splitlines())] == list(map(str, told))


def test_a_sweep_is_compared_by_the_names_of_its_points(tmp_path: Path, classic: list[Point]) -> None:
    compare([tmp_path], "ns", tmp_path / "out")
    with open(tmp_path / "out" / "table.csv") as file:
        assert {line["method"] for line in csv.DictReader(file)} == {"telea", "ns"}
    assert "| telea - ns |" in (tmp_path / "out" / "differences.md").read_text()
    assert (tmp_path / "out" / "sheet.png").exists()


def test_what_is_not_finished_is_left_out_and_told(tmp_path: Path, classic: list[Point]) -> None:
    store(classic[0].folder, Entry(FAILED, "why", evaluation="."))
    with (
        pytest.warns(InputWarning, match="telea is failed and left out"),
        pytest.raises(InputError, match="two finished"),
    ):
        compare([tmp_path], None, tmp_path / "out")
    evaluate(composed("evaluate", *classic[1].evaluate.words[:-1], "method.radius=5", f"run_dir={tmp_path / 'wide'}"))
    with pytest.warns(InputWarning, match="telea is failed"):
        compare([tmp_path, tmp_path / "wide"], None, tmp_path / "out")
    (tmp_path / "plan.json").write_text("[{}]")
    with pytest.raises(InputError, match="plan.json: is no plan of a sweep"):
        compare([tmp_path], None, tmp_path / "out")


@pytest.mark.slow
def test_a_point_that_fails_ends_nothing_and_is_mended(tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    def swept(algorithm: str) -> str:
        words = [*CLASSIC, *SCENES, more(*CHEAP)]
        words[1] = words[1].replace("algorithm=telea", f"algorithm={algorithm}")
        each = jobs(tmp_path, *words)
        begin(composed("sweep", *each[0]), each)
        for job in each:
            work(composed("sweep", *job), job)
        return (tmp_path / "table.md").read_text()

    bad = swept("[telia]")
    assert "1 of 2 finished" in bad and "| telea | 0 | failed |" in bad and "| ns | 0 | finished |" in bad
    assert "method.algorithm=" in bad and "must be text" in bad
    with pytest.raises(InputError, match="1 failed: telea seed 0; mend what"):
        end(composed("sweep", f"run_dir={tmp_path}"))
    capsys.readouterr()
    good = swept("telea")
    assert "2 of 2 finished" in good and "ns seed 0: finished before" in capsys.readouterr().out
    end(composed("sweep", f"run_dir={tmp_path}"))
    assert f"python -m asuka.compare {tmp_path} out={tmp_path / 'compare'}" in capsys.readouterr().out


def command(toy: Path, run_dir: Path) -> list[str]:
    """What a person types, on drawn scenes and toy parts."""
    words = [f"run_dir={run_dir}", "experiment=main_quick", "sweep.point=sd,asuka_plain", f"base.weights={toy}/base"]
    words += ["data=synthetic", "data.val_count=4"]
    own = ["method=asuka", "method/decode=plain", f"method.condition.weights={toy}/align"]
    own += [f"method.condition.mae={toy}/mae", "method.steps=2"]
    each = f"sweep.each.asuka_plain={json.dumps(own)}"
    return [sys.executable, "-m", "asuka.sweep", *words, each, more("metrics=[psnr]", "device=cpu", "count=3")]


@pytest.mark.slow
def test_a_sweep_that_is_stopped_goes_on_and_comes_to_the_same_numbers(toy: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    done = subprocess.run(command(toy, whole), cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert [(row.label, row.seed) for row in planned(whole)] == [("sd", 0), ("asuka_plain", 0)]
    first, second = (row.folder for row in planned(whole))
    stopped = subprocess.Popen(command(toy, broken), cwd=ROOT, stderr=subprocess.PIPE, text=True)
    while not (broken / second / "log.txt").exists():
        time.sleep(0.05)
        assert stopped.poll() is None
    stopped.send_signal(signal.SIGTERM)
    assert "the same command goes on" in stopped.communicate()[1] and stopped.returncode == AGAIN
    assert [entry_of(broken, row).state for row in planned(broken)] == [FINISHED, STOPPED]
    before = (broken / first / "summary.json").stat().st_mtime_ns
    again = subprocess.run(command(toy, broken), cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert [entry_of(broken, row).state for row in planned(broken)] == [FINISHED] * 2
    assert (broken / first / "summary.json").stat().st_mtime_ns == before
    for folder in (first, second):
        one, two = (json.loads((run_dir / folder / "summary.json").read_text()) for run_dir in (whole, broken))
        assert one["overall"] == two["overall"] and "psnr" in one["overall"]
    assert "trained" not in (broken / "table.md").read_text()
