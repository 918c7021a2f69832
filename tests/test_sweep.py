"""A sweep: every point trained and evaluated once, whatever happens on the way; tables of what is there."""

import csv
import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import ROOT, composed, weights
from PIL import Image

from asuka.commands.sweep import begin, work
from asuka.errors import InputError
from asuka.sweeps.entry import FAILED, FINISHED, Entry, load, plan, planned, rows, store
from asuka.sweeps.point import Point, point
from asuka.sweeps.table import tables
from asuka.terminal import expanded


def points(tmp_path: Path, *words: str) -> list[Point]:
    jobs = expanded([f"run_dir={tmp_path}", *words])
    return [point(composed("sweep", *job), job) for job in jobs]


ALIGN = ["experiment=ablate_align", "sweep.photos=PHOTOS"]


def test_values_with_commas_are_every_command_of_them() -> None:
    assert expanded(["seed=0,1,2", "stage.variant=self4,linear", "loop.lr=1e-3", "seed=0,1", "base=tiny"]) == [
        [seed, variant, "loop.lr=1e-3", "base=tiny"]
        for seed in ("seed=0", "seed=1")
        for variant in ("stage.variant=self4", "stage.variant=linear")
    ]


def test_a_point_is_known_by_what_makes_its_training_what_it_is(tmp_path: Path) -> None:
    one, same, other, later = (
        points(tmp_path, *ALIGN, "sweep.point=linear", word)[0].folder
        for word in ("loop.workers=0", "loop.device=cpu", "loop.lr=1e-4", "seed=1")
    )
    assert one == same and len({one, other, later}) == 3


def test_the_same_training_may_be_evaluated_anew(tmp_path: Path) -> None:
    one, other = (
        points(tmp_path, *ALIGN, "sweep.point=linear", f'sweep.more=["holes={holes}"]')[0] for holes in (1, 2)
    )
    assert one.folder == other.folder and one.evaluate.run_dir != other.evaluate.run_dir
    store(one.folder, Entry(FINISHED, trained=True, evaluation=one.evaluate.run_dir.name))
    entry = load(other.folder, other.evaluate.run_dir.name)
    assert entry.trained and entry.state != FINISHED


def test_places_are_those_of_the_training(tmp_path: Path) -> None:
    typed = ["base=sd15_inpaint", "base.weights=sd15", "data.size=512"]
    one = points(tmp_path, *ALIGN, "sweep.point=attn", *typed, "seed=3")[0]
    assert one.legs[0].words[-2:] == ["seed=3", f"run_dir={one.folder}"]
    assert set(typed) < set(one.evaluate.words)
    assert f"method.condition.weights={one.folder}/weights" in one.evaluate.words


def test_what_is_typed_takes_the_place_of_what_the_experiment_says(tmp_path: Path) -> None:
    one = points(tmp_path, *ALIGN, "sweep.point=attn", "stage.variant=self4")[0]
    assert [word for word in one.legs[0].words if "variant" in word] == ["stage.variant=self4"]
    with pytest.raises(InputError, match="linear and attn are one and the same training at seed 0"):
        rows(points(tmp_path, *ALIGN, "sweep.point=linear,attn", "stage.variant=self4"))


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["experiment=ablate_align", "sweep.point=linaer", "sweep.photos=X"], "sweep.point=linaer: .*mean linear?"),
        (["experiment=ablate_align", "sweep.point=linear"], "sweep.photos is not set; give the folder"),
        ([*ALIGN, "sweep.point=attn", 'sweep.evaluate=["method={stage.mea}"]'], "{stage.mea} is no place; .*stage.mae"),
    ],
)
def test_a_mistake_is_a_sentence_before_anything_is_trained(tmp_path: Path, words: list[str], message: str) -> None:
    with pytest.raises(InputError, match=message):
        points(tmp_path, *words)


def test_points_are_called_by_what_they_differ_in(tmp_path: Path) -> None:
    found = rows(points(tmp_path, *ALIGN, "sweep.point=linear,attn", "loop.batch=8,16", "loop.steps=9", "seed=0,1"))
    assert [(row.label, row.seed) for row in found[:3]] == [
        ("linear loop.batch=8", 0),
        ("linear loop.batch=8", 1),
        ("linear loop.batch=16", 0),
    ]
    plan(tmp_path, found)
    assert planned(tmp_path) == found


def evaluated(one: Point, psnr: float) -> None:
    """What a finished point leaves."""
    one.evaluate.run_dir.mkdir(parents=True)
    overall = {"overall": {"psnr": {"value": psnr}, "fid": {"refused": "too few"}}}
    (one.evaluate.run_dir / "summary.json").write_text(json.dumps(overall))
    (one.folder / "stats.jsonl").write_text(json.dumps({"step": 1, "validation": {"loss": {"mean": psnr / 10}}}) + "\n")
    store(one.folder, Entry(FINISHED, trained=True, evaluation=one.evaluate.run_dir.name))


def test_the_table_is_made_of_what_is_there(tmp_path: Path) -> None:
    all_of_them = points(tmp_path, *ALIGN, "sweep.point=linear,attn", "seed=0,1")
    evaluated(all_of_them[0], 20.0)
    evaluated(all_of_them[1], 22.0)
    store(all_of_them[2].folder, Entry(FAILED, error="a | b", evaluation=all_of_them[2].evaluate.run_dir.name))
    markdown, lines = tables(tmp_path, rows(all_of_them))
    assert "2 of 4 finished" in markdown
    assert "|  | linear (2) | attn (0) |" in markdown
    assert "| psnr | 21 ± 1.4 | – |" in markdown and "| trained loss | 2.1 ± 0.14 | – |" in markdown
    assert "fid" not in markdown
    assert "| attn | 0 | failed | 0.0 |" in markdown and "a \\| b" in markdown and "| attn | 1 | waiting |" in markdown
    table = list(csv.DictReader(lines.splitlines()))
    assert [(line["state"], line["psnr"]) for line in table] == [
        *(("finished", "20.0"), ("finished", "22.0"), ("failed", ""), ("waiting", "")),
    ]


SMALL = "loop.steps=2 loop.batch=4 loop.distinct=0 loop.validations=4 loop.previews=2 loop.workers=0 loop.device=cpu"


@pytest.mark.slow
def test_a_point_that_fails_is_told_and_mended(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
    """The mistake is the experiment's, so that nobody hears of it before the training does."""
    words = [f"run_dir={tmp_path}/run", "experiment=ablate_align", "sweep.evaluate=[]", *SMALL.split(), "seed=0"]
    words += [f"base.weights={toy}/base", f"stage.mae={toy}/mae", "sweep.point=linear"]

    def swept(knob: str) -> str:
        job = [*words, f"sweep.points={{linear:[[{knob}]]}}".replace(f"[[{knob}]]", f'[["{knob}"]]')]
        config = composed("sweep", *job)
        begin(config, [job])
        work(config, job)
        return (tmp_path / "run" / "table.md").read_text()

    bad = swept("+stage.variannt=linear")
    assert "| linear | 0 | failed |" in bad and "no such argument; did you mean variant?" in bad
    good = swept("stage.variant=linear")
    assert "1 of 1 finished" in good and "trained prior/own" in good and "failed" not in good
    assert "seed=0" in capsys.readouterr().out
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*") if file.parent.name != "run"}
    swept("stage.variant=linear")
    assert "finished before" in capsys.readouterr().out
    assert {file: file.stat().st_mtime_ns for file in before} == before


def command(toy: Path, photos: Path, run_dir: Path, *more: str) -> list[str]:
    """Two points at two seeds, each a training of a few steps and an evaluation of a few pictures."""
    words = [f"run_dir={run_dir}", "experiment=ablate_align", "seed=0,1", "sweep.point=linear,attn", *SMALL.split()]
    words += ["loop.steps=12", "loop.save_every=2", f"base.weights={toy}/base", f"stage.mae={toy}/mae"]
    cheap = ["method/decode=plain", "method.steps=2", "metrics=[psnr]", "device=cpu", "count=2"]
    words += [f"sweep.photos={photos}", f"sweep.more={json.dumps(cheap)}", *more]
    return [sys.executable, "-m", "asuka.sweep", *words]


def states(run_dir: Path) -> list[str]:
    with open(run_dir / "table.csv") as file:
        return [line["state"] for line in csv.DictReader(file)]


@pytest.mark.slow
def test_a_sweep_that_is_killed_goes_on_and_ends_with_the_same_weights(toy: Path, tmp_path: Path) -> None:
    photos, rng = tmp_path / "photos", np.random.default_rng(0)
    photos.mkdir()
    for number in range(3):
        Image.fromarray(rng.integers(0, 256, (140, 130, 3), np.uint8)).save(photos / f"{number}.png")
    whole = subprocess.run(command(toy, photos, tmp_path / "whole"), cwd=ROOT, capture_output=True, text=True)
    assert whole.returncode == 0, whole.stderr
    assert states(tmp_path / "whole") == [FINISHED] * 4 and "psnr" in (tmp_path / "whole" / "table.md").read_text()
    words = command(toy, photos, tmp_path / "broken", "hydra/launcher=joblib", "hydra.launcher.n_jobs=2")
    killed = subprocess.Popen(words, cwd=ROOT, start_new_session=True)
    while not list((tmp_path / "broken").rglob("checkpoint.pt")):
        time.sleep(0.2)
        assert killed.poll() is None
    killed.kill()  # the sweep alone: its children work on, and the next one waits for them
    killed.wait()
    again = subprocess.run(words, cwd=ROOT, capture_output=True, text=True)
    assert again.returncode == 0, again.stderr
    assert states(tmp_path / "broken") == [FINISHED] * 4
    for run_dir in (path for path in (tmp_path / "whole").iterdir() if path.is_dir()):
        one, two = weights(run_dir), weights(tmp_path / "broken" / run_dir.name)
        assert one and all(torch.equal(one[name], two[name]) for name in one)
