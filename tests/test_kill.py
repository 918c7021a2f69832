"""The real thing: `kill -9` at random moments, the same command again, and the weights of an undisturbed run."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from conftest import ROOT, STAGES, arguments

KILLS = 3  # twenty of them take a quarter of an hour a stage


def command(stage: str, toy: Path, run_dir: Path) -> list[str]:
    loop = "steps=24 workers=2 save_every=3 preview_every=8 validate_every=8 distinct=32"
    knobs = [f"loop.{knob}" for knob in loop.split()]
    return [sys.executable, "-m", "asuka.train", *arguments(stage, toy, run_dir, *knobs)]


def ended(words: list[str], seconds: float) -> bool:
    """Start the command; whether it ended before it was killed, loader workers and all, after so many seconds."""
    process = subprocess.Popen(
        words, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        said = process.communicate(timeout=seconds)[1]
        assert process.returncode == 0, said
        return True
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        return False


def files(run_dir: Path) -> dict[str, bytes]:
    """The bytes of everything below weights/."""
    found = sorted(file for file in (run_dir / "weights").rglob("*") if file.is_file())
    return {file.relative_to(run_dir).as_posix(): file.read_bytes() for file in found}


def losses(run_dir: Path) -> list[tuple[int, float]]:
    rows = [json.loads(line) for line in (run_dir / "stats.jsonl").read_text().splitlines()]
    return [(row["step"], row["loss"]) for row in rows if "loss" in row]


def reached(run_dir: Path) -> str:
    """How far a run has come, for the table."""
    steps = losses(run_dir) if (run_dir / "stats.jsonl").exists() else []
    return str(steps[-1][0]) if steps else "start-up"


def survive(stage: str, toy: Path, folder: Path, kills: int) -> list[str]:
    """Kill a run so often at moments drawn over the whole length of an undisturbed one, start-up included, and compare
    each time that it comes to its end; where it was killed."""
    whole, dice = folder / "whole", random.Random(stage)
    start = time.perf_counter()
    assert ended(command(stage, toy, whole), 3600)
    length, places, lives = time.perf_counter() - start, [], 0
    while True:
        run_dir = folder / str(lives)
        if not ended(command(stage, toy, run_dir), dice.uniform(0, length) if len(places) < kills else 3600):
            places.append(reached(run_dir))
            continue
        assert files(whole) == files(run_dir) and files(whole)
        assert losses(whole) == losses(run_dir)
        assert {file.name for file in run_dir.iterdir()} == {file.name for file in whole.iterdir()}
        if len(places) == kills:
            return places
        lives += 1


@pytest.mark.slow
@pytest.mark.parametrize("stage", STAGES)
def test_kills_at_random_moments_change_nothing(stage: str, toy: Path, tmp_path: Path) -> None:
    places = survive(stage, toy, tmp_path, KILLS)
    print(f"{stage}: killed at {', '.join(places)}: the weights are equal, byte for byte")
