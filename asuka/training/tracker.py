"""TensorBoard or Weights & Biases beside `stats.jsonl`, through accelerate."""

import importlib
from dataclasses import asdict
from pathlib import Path
from uuid import uuid4

from accelerate import Accelerator

from asuka.disk import write_file
from asuka.errors import InputError
from asuka.training.knobs import LoopConfig

PROJECT = "asuka"


def start_tracker(machine: Accelerator, loop: LoopConfig, run_dir: Path, step: int) -> None:
    """Begin the tracker's run of this folder, or go on with it from `step`."""
    if loop.tracker != "none":
        STARTS[loop.tracker](machine, loop, run_dir, step)


def _tensorboard(machine: Accelerator, loop: LoopConfig, run_dir: Path, step: int) -> None:
    """What was written after `step` comes again, and is shown once."""
    machine.init_trackers(PROJECT, init_kwargs={"tensorboard": {"purge_step": step + 1}})


def _wandb(machine: Accelerator, loop: LoopConfig, run_dir: Path, step: int) -> None:
    """The folder remembers which run is its own; of a step that comes again W&B keeps the first, which is the same."""
    wandb = importlib.import_module("wandb")  # an extra
    file = run_dir / "wandb_id"
    if not file.exists():
        write_file(file, uuid4().hex)
    given = {"dir": str(run_dir), "name": run_dir.name, "id": file.read_text(), "resume": "allow"}
    try:
        machine.init_trackers(PROJECT, init_kwargs={"wandb": {**given, "config": asdict(loop)}})
    except wandb.Error as error:
        raise InputError(f"loop.tracker=wandb: {error} Without an account: WANDB_MODE=offline") from error


STARTS = {"tensorboard": _tensorboard, "wandb": _wandb}
