"""The number of processes changes nothing but the time."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, STAGES, arguments

STEPS = 20
# All of them lie in the warm-up: at its full rate the decoder's training makes 1e-3 of a rounding error within ten
# steps, in one process as in two.
WARMUP = 100


def train(words: list[str], processes: int, record: Path) -> subprocess.CompletedProcess:
    """Run asuka.train in so many processes; what each changes on the disk is in `record`."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), "tests/watched_train.py", *words]
    paths = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    more = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "WATCHED": str(record), "PYTHONPATH": paths}
    return subprocess.run(command, cwd=ROOT, env=os.environ | more, capture_output=True, text=True)


def losses(run_dir: Path, processes: int) -> list[float]:
    """Losses of a finished run, which ran in so many processes."""
    rows = [json.loads(line) for line in (run_dir / "stats.jsonl").read_text().splitlines()]
    assert rows[0]["processes"] == processes
    return [row["loss"] for row in rows if "loss" in row]


def writers(record: Path, run_dir: Path) -> set[str]:
    """The ranks that changed anything in a run's folder."""
    lines = [line.split(" ", 1) for line in record.read_text().splitlines()]
    return {rank for rank, path in lines if Path(path).is_relative_to(run_dir)}


def compare(stage: str, toy: Path, folder: Path) -> float:
    """The largest difference between the losses of one process and of two with two pieces each."""
    loop = "batch=8 precision=no save_every=10 preview_every=20 validate_every=10 device=cpu"
    knobs = [f"loop.{knob}" for knob in (f"steps={STEPS}", f"warmup={WARMUP}", *loop.split())]
    single, double = folder / "single", folder / "double"
    done = train(arguments(stage, toy, single, *knobs), 1, folder / "one.txt")
    assert done.returncode == 0, done.stderr
    done = train(arguments(stage, toy, double, *knobs, "loop.accumulate=2"), 2, folder / "two.txt")
    assert done.returncode == 0, done.stderr
    assert writers(folder / "one.txt", single) == writers(folder / "two.txt", double) == {"0"}
    one, two = losses(single, 1), losses(double, 2)
    assert len(one) == len(two) == STEPS and len(set(one)) == STEPS
    return max(abs(first - second) for first, second in zip(one, two, strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_two_processes_with_two_pieces_train_like_one(stage: str, toy: Path, tmp_path: Path) -> None:
    largest = compare(stage, toy, tmp_path)
    print(f"{stage}: largest difference {largest:.1e}")
    assert largest <= 1e-5


@pytest.mark.slow
def test_processes_that_do_not_train_together_are_refused(toy: Path, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "asuka.train", *arguments("mae", toy, tmp_path / "run")]
    # What torchrun says to two processes on a machine without a GPU; each would think itself alone, and the main one.
    started = os.environ | {"WORLD_SIZE": "2", "RANK": "1", "LOCAL_RANK": "1", "CUDA_VISIBLE_DEVICES": ""}
    done = subprocess.run(command, cwd=ROOT, env=started, capture_output=True, text=True, timeout=600)
    assert done.returncode == 1
    assert re.search(
        "(?m)^WORLD_SIZE=2, but (1 processes work together|they do not find each other).*; start", done.stderr
    )
    assert not (tmp_path / "run").exists()
