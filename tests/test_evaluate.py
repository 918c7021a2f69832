"""Evaluation: the same numbers however it is run, whatever happens on the way; what cannot be measured is told."""

import csv
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT, composed
from PIL import Image

from asuka.errors import InputError
from asuka.evaluate import evaluate

METRICS = "metrics=[psnr,hole_psnr,l1,seam_de,known_shift]"
CHEAP = [METRICS, "device=cpu", "batch_size=3", "holes=2", "masks=boxes", "data.size=64", "method=opencv"]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty smooth pictures in two folders: enough for two chunks."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(20):
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        place = folder / ("sea" if number % 2 else "land") / f"{number:02d}.png"
        place.parent.mkdir(exist_ok=True)
        small.resize((72, 64), Image.Resampling.BICUBIC).save(place)
    return folder


def run(photos: Path, run_dir: Path, *more: str) -> dict:
    return evaluate(composed("evaluate", f"data.root={photos}", f"run_dir={run_dir}", *CHEAP, *more))


def rows(run_dir: Path) -> list[dict[str, str]]:
    """rows.csv without its times."""
    lines = list(csv.DictReader((run_dir / "rows.csv").open()))
    return [{key: value for key, value in line.items() if key != "seconds"} for line in lines]


def summary(run_dir: Path) -> dict:
    """summary.json without what a run costs."""
    told = json.loads((run_dir / "summary.json").read_text())
    del told["cost"]
    return told


@pytest.fixture(scope="module")
def whole(photos: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run."""
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    run(photos, run_dir)
    return run_dir


def test_a_run_leaves_what_it_promises(whole: Path) -> None:
    assert {"table.md", "summary.json", "rows.csv", "features.npz", "manifest.jsonl"} <= {
        file.name for file in whole.iterdir()
    }
    assert {file.name for file in (whole / "sheets").iterdir()} == {"best.png", "worst.png", "random.png"}
    assert len(list((whole / "results").rglob("*.png"))) == len(rows(whole)) == 40
    told = summary(whole)
    assert told["overall"]["psnr"]["value"] > told["overall"]["raw_hole_psnr"]["value"]
    assert told["overall"]["psnr"]["low"] < told["overall"]["psnr"]["value"] < told["overall"]["psnr"]["high"]
    assert {"protocol", "pairs", "seed", "weights", "method", "commit", "versions", "images", "holes"} <= set(
        told["provenance"]
    )
    assert not told["failed"]


def test_the_numbers_are_means_of_the_rows(whole: Path) -> None:
    values = [float(row["hole_psnr"]) for row in rows(whole)]
    assert summary(whole)["overall"]["hole_psnr"]["value"] == pytest.approx(np.mean(values), rel=1e-6)


def test_a_run_whose_chunks_are_lost_comes_to_the_same_numbers(photos: Path, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(whole, tmp_path / "run")
    chunks = sorted((tmp_path / "run" / "chunks").iterdir())
    assert len(chunks) == 2
    chunks[1].unlink()  # what a kill leaves
    for name in ("rows.csv", "summary.json", "table.md"):
        (tmp_path / "run" / name).unlink()
    run(photos, tmp_path / "run")
    assert rows(tmp_path / "run") == rows(whole)
    assert summary(tmp_path / "run") == summary(whole)


def test_a_finished_run_is_not_done_again(photos: Path, whole: Path) -> None:
    before = {file: file.stat().st_mtime_ns for file in (whole / "chunks").iterdir()}
    run(photos, whole)
    assert {file: file.stat().st_mtime_ns for file in (whole / "chunks").iterdir()} == before


def test_saved_results_score_the_same_through_folder(photos: Path, whole: Path, tmp_path: Path) -> None:
    run(photos, tmp_path / "run", "method=folder", f"method.path={whole / 'results'}")
    assert rows(tmp_path / "run") == rows(whole)
    assert summary(tmp_path / "run")["overall"] == summary(whole)["overall"]


def test_other_arguments_need_another_folder(photos: Path, whole: Path) -> None:
    with pytest.raises(InputError, match="seed: was 0, is 1"):
        run(photos, whole, "seed=1")


BAD = {
    "missing": (lambda file: file.unlink(), "00-1"),
    "of another size": (lambda file: Image.new("RGB", (5, 5)).save(file), "5 x 5"),
    "no picture": (lambda file: file.write_bytes(b"no"), "cannot be read"),
}


@pytest.mark.parametrize("fault", BAD)
def test_a_bad_result_is_told_and_the_others_are_kept(photos: Path, whole: Path, tmp_path: Path, fault: str) -> None:
    spoil, told = BAD[fault]
    results = tmp_path / "results"
    shutil.copytree(whole / "results", results)
    spoil(results / "land" / "00-1.png")
    more = ("method=folder", f"method.path={results}")
    with pytest.raises(InputError, match=told):
        run(photos, tmp_path / "run", *more)
    assert len(rows(tmp_path / "run")) == 39
    assert list(summary(tmp_path / "run")["failed"]) == ["land/00-1"]
    shutil.copy(whole / "results" / "land" / "00-1.png", results / "land" / "00-1.png")
    run(photos, tmp_path / "run", *more)  # the same command continues
    assert rows(tmp_path / "run") == rows(whole)


def test_a_result_that_changed_is_measured_again(photos: Path, whole: Path, tmp_path: Path) -> None:
    results = tmp_path / "results"
    shutil.copytree(whole / "results", results)
    more = ("method=folder", f"method.path={results}")
    run(photos, tmp_path / "run", *more)
    Image.new("RGB", (64, 64)).save(results / "land" / "00-1.png")
    run(photos, tmp_path / "run", *more)
    changed = [new["name"] for new, old in zip(rows(tmp_path / "run"), rows(whole), strict=True) if new != old]
    assert changed == ["land/00-1"]


def test_a_changed_photograph_is_named(photos: Path, whole: Path, tmp_path: Path) -> None:
    shutil.copytree(photos, tmp_path / "photos")
    file = tmp_path / "photos" / "sea" / "01.png"
    run(tmp_path / "photos", tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "chunks")
    Image.new("RGB", (72, 64)).save(file)
    with pytest.raises(InputError, match="sea/01.png"):
        run(tmp_path / "photos", tmp_path / "run")


def test_draws_give_stability_and_spread(photos: Path, toy: Path, tmp_path: Path) -> None:
    words = ["method=sd", f"base.weights={toy}/base", "method.steps=2", "draws=2", "count=2", "data.size=128"]
    told = run(photos, tmp_path / "run", *words)
    assert told["spread"]["hole_psnr"] > 0
    assert len(list((tmp_path / "run" / "results-2").rglob("*.png"))) == 4
    assert {row["draw"] for row in rows(tmp_path / "run")} == {"0", "1"}


@pytest.mark.slow
def test_two_processes_come_to_the_same_numbers(photos: Path, whole: Path, tmp_path: Path) -> None:
    words = ["data.root=" + str(photos), f"run_dir={tmp_path / 'run'}", *CHEAP]
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    more = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    command = [sys.executable, *launcher, "-m", "asuka.evaluate", *words]
    done = subprocess.run(command, cwd=ROOT, env=os.environ | more, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert rows(tmp_path / "run") == rows(whole)
    assert summary(tmp_path / "run")["overall"] == summary(whole)["overall"]
