"""How processes are started, and what they share: launch files, the Slurm script, frozen networks spread over them."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from accelerate.commands.config.config_args import load_config_from_file
from conftest import ROOT, arguments, composed
from test_processes import losses
from torch import nn
from torch.testing._internal.distributed.fake_pg import FakeStore
from toy_flux import WORDS, toy_transformer

from asuka.errors import InputError
from asuka.terminal import AGAIN
from asuka.train import train
from asuka.training.spread import spread

TASKS = 4
# What Slurm's commands do here: srun starts every task and ends with the largest exit code, as the real one does.
SRUN = """#!/bin/bash
while [[ $1 == --* ]]; do shift; done
worst=0
for task in 0 1 2 3; do
    SLURM_PROCID=$task SLURM_LOCALID=$((task % 2)) "$@"
    code=$?; [ $code -gt $worst ] && worst=$code
done
exit $worst
"""
SCONTROL = """#!/bin/bash
[ "$1" == show ] && printf 'alpha\\nbeta\\n' || echo "$@" >> "$RECORD"
"""
PYTHON = """#!/bin/bash
echo "$RANK $LOCAL_RANK $WORLD_SIZE $LOCAL_WORLD_SIZE $MASTER_ADDR:$MASTER_PORT $@" >> "$RECORD"
exit $(( RANK == 2 ? ENDS : 0 ))
"""


@pytest.mark.parametrize(("code", "requeued"), [(0, False), (1, False), (AGAIN, True)])
def test_the_slurm_job_starts_every_process_and_comes_again_when_it_was_stopped(
    code: int, requeued: bool, tmp_path: Path
) -> None:
    for name, text in (("srun", SRUN), ("scontrol", SCONTROL), ("python", PYTHON)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    told = {"SLURM_JOB_NODELIST": "x", "SLURM_JOB_ID": "10007", "SLURM_NTASKS": "4", "SLURM_NTASKS_PER_NODE": "2"}
    more = {"PATH": f"{tmp_path}:{os.environ['PATH']}", "RECORD": str(tmp_path / "record"), "ENDS": str(code)}
    command = ["bash", str(ROOT / "scripts/slurm.sbatch"), "stage=mae", "data.root=A B"]
    assert subprocess.run(command, env=os.environ | told | more).returncode == code
    lines = (tmp_path / "record").read_text().splitlines()
    assert lines[:TASKS] == [
        f"{rank} {rank % 2} 4 2 alpha:20007 -m asuka.train stage=mae data.root=A B" for rank in range(TASKS)
    ]
    assert lines[TASKS:] == (["requeue 10007"] if requeued else [])


@pytest.mark.parametrize("file", sorted((ROOT / "conf/accelerate").glob("*.yaml")), ids=lambda file: file.stem)
def test_a_launch_file_is_read_by_accelerate(file: Path) -> None:
    config = load_config_from_file(str(file))
    assert config.distributed_type == "MULTI_GPU" and config.num_processes == 8 * config.num_machines


def test_what_would_cut_up_the_trained_part_is_refused(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ACCELERATE_USE_FSDP", "true")
    with pytest.raises(InputError, match="ACCELERATE_USE_FSDP is set: .*conf/accelerate/multi_gpu.yaml.*frozen=spread"):
        train(composed("train", *arguments("mae", toy, tmp_path / "run")))


def test_one_process_has_nobody_to_spread_over(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="loop.frozen=spread: there is one process; start several, or give"):
        train(composed("train", *arguments("mae", toy, tmp_path / "run", "loop.frozen=spread")))


@pytest.fixture
def four_processes(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """This process is the first of four, two on a machine, whose messages go nowhere."""
    monkeypatch.setenv("WORLD_SIZE", "4")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "2")
    torch.distributed.init_process_group("fake", rank=0, world_size=4, store=FakeStore())
    yield
    torch.distributed.destroy_process_group()


def held(module: nn.Module) -> int:
    """Weights that this process holds of a module."""
    return sum(getattr(value, "_local_tensor", value).numel() for value in module.parameters())


def test_each_process_of_a_machine_holds_its_part_of_frozen_blocks(four_processes: None) -> None:
    stage = nn.Module()
    stage.frozen, stage.trained = toy_transformer().requires_grad_(False), toy_transformer()
    blocks = [*stage.frozen.transformer_blocks, *stage.frozen.single_transformer_blocks]
    before, whole = [held(block) for block in blocks], held(stage)
    trained = held(stage.trained)
    spread(stage, torch.device("cpu"))
    assert [held(block) for block in blocks] == pytest.approx([count / 2 for count in before], rel=0.01)
    assert held(stage.trained) == trained and held(stage) < whole
    with pytest.raises(InputError, match="loop.frozen=spread: this stage has no frozen network with blocks"):
        spread(nn.Linear(2, 2), torch.device("cpu"))


def start(words: list[str], processes: int, until: Path | None = None) -> list[int]:
    """Run asuka.train in so many processes as the Slurm job does, without a launcher; their exit codes. As soon as
    `until` has its third step they are told to stop."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    more = {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1", "PYTHONPATH": str(ROOT)}
    more |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port), "WORLD_SIZE": str(processes)}
    ranks = [{"RANK": str(rank), "LOCAL_RANK": str(rank)} if processes > 1 else {} for rank in range(processes)]
    command = [sys.executable, "-m", "asuka.train", *words]
    children = [subprocess.Popen(command, cwd=ROOT, env=os.environ | more | rank) for rank in ranks]
    while until and children[0].poll() is None and not (until.exists() and '"step": 3, "loss"' in until.read_text()):
        time.sleep(0.05)
    if until:
        for child in children:
            child.send_signal(signal.SIGUSR1)
    return [child.wait() for child in children]


@pytest.mark.slow
@pytest.mark.parametrize("base", ["flux_fill", "tiny"])
def test_a_training_over_spread_networks_is_that_over_whole_ones(base: str, toy: Path, tmp_path: Path) -> None:
    flux = ["base=flux_fill", f"base.weights={toy}/flux", *WORDS, "data.size=64"] if base == "flux_fill" else []
    knobs = ["precision=no", "device=cpu", "preview_every=100", "validate_every=3", "steps=8"]
    words = arguments("align", toy, tmp_path / "one", *flux, *(f"loop.{knob}" for knob in knobs))
    assert start(words, 1) == [0]
    spreading = [*words, f"run_dir={tmp_path / 'two'}", "loop.frozen=spread"]
    assert start(spreading, 2, tmp_path / "two/stats.jsonl") == [AGAIN, AGAIN]
    assert start(spreading, 2) == [0, 0]
    one, two = losses(tmp_path / "one", 1), losses(tmp_path / "two", 2)
    assert len(one) == len(two) == 8
    largest = max(abs(first - second) for first, second in zip(one, two, strict=True))
    tables = []
    for name in ("one", "two"):
        rows = [json.loads(line) for line in (tmp_path / name / "stats.jsonl").read_text().splitlines()]
        tables.append([row["validation"]["prior/own"]["mean"] for row in rows if "validation" in row])
    print(f"{base}: largest difference of losses {largest:.1e}, validation {tables}")
    assert largest <= 1e-5 and tables[1] == pytest.approx(tables[0], abs=1e-5) and len(tables[0]) == 3
    assert (tmp_path / "two/weights").is_dir() and (tmp_path / "two/grids/000008.png").exists()
