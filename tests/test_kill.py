"""The real thing: `kill -9` at random steps, the same command again, and the weights of an undisturbed run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file

ROOT = Path(__file__).parents[1]
KILLS = 5


def command(toy: Path, run_dir: Path) -> list[str]:
    words = f"stage=align base.weights={toy}/base stage.mae={toy}/mae run_dir={run_dir}"
    loop = "steps=40 batch=8 warmup=5 workers=2 save_every=3 log_every=1 preview_every=20 previews=2 validations=8"
    knobs = [f"loop.{knob}" for knob in loop.split()] + ["loop.distinct=64"]
    return [sys.executable, "-m", "asuka.train", *words.split(), *knobs]


def reached(run_dir: Path) -> int:
    """The last step in the statistics."""
    file = run_dir / "stats.jsonl"
    lines = file.read_text().splitlines() if file.exists() else []
    return max((json.loads(line)["step"] for line in lines if line.endswith("}")), default=0)


def run_until(words: list[str], run_dir: Path, step: int) -> None:
    """Start the command and kill it, loader workers and all, as soon as it has logged `step`."""
    process = subprocess.Popen(words, cwd=ROOT, stderr=subprocess.DEVNULL, start_new_session=True)
    while reached(run_dir) < step:
        assert process.poll() is None, "ended before it could be killed"
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


@pytest.mark.slow
def test_kills_at_random_steps_change_nothing(toy: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    subprocess.run(command(toy, whole), cwd=ROOT, check=True)
    steps = sorted(random.Random(0).sample(range(2, 39), KILLS))
    for step in steps:
        run_until(command(toy, broken), broken, step)
    subprocess.run(command(toy, broken), cwd=ROOT, check=True)
    name = "weights/diffusion_pytorch_model.safetensors"
    assert (whole / name).read_bytes() == (broken / name).read_bytes()
    assert load_file(whole / name)
    print(f"killed at {steps}: the weights are equal, byte for byte")
