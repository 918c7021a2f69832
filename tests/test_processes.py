"""The number of processes changes nothing but the time."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


def losses(run_dir: Path, processes: int) -> list[float]:
    """Losses of a finished run, which ran in so many processes."""
    rows = [json.loads(line) for line in (run_dir / "stats.jsonl").read_text().splitlines()]
    assert rows[0]["processes"] == processes
    return [row["loss"] for row in rows if "loss" in row]


@pytest.mark.slow
def test_two_processes_with_two_pieces_train_like_one(toy: Path, tmp_path: Path) -> None:
    words = f"stage=align base.weights={toy}/base stage.mae={toy}/mae".split()
    loop = "steps=20 batch=8 warmup=5 workers=0 precision=no save_every=20 log_every=1 preview_every=20 validations=4"
    words += [f"loop.{knob}" for knob in loop.split()] + ["loop.device=cpu", "loop.previews=2"]
    single, double = tmp_path / "single", tmp_path / "double"
    train = ["-m", "asuka.train", *words]
    subprocess.run([sys.executable, *train, f"run_dir={single}"], cwd=ROOT, check=True)
    launcher = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    command = [*launcher, *train, "loop.accumulate=2", f"run_dir={double}"]
    subprocess.run(command, cwd=ROOT, check=True, env=environment)
    one, two = losses(single, 1), losses(double, 2)
    assert len(one) == len(two) == 20
    assert one == pytest.approx(two, abs=1e-5)
