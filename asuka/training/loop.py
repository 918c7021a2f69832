"""The only training loop: it does not know what it trains."""

import sys
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from math import cos, pi
from pathlib import Path

import torch
from accelerate import Accelerator
from torch import Tensor
from tqdm import tqdm

from asuka.batch import Batch
from asuka.data.ledger import Ledger
from asuka.data.stream import Fixed, Visits, fixed_batches, training_batches
from asuka.errors import InputError
from asuka.training.checkpoint import Checkpoint
from asuka.training.ema import Ema
from asuka.training.log import Table
from asuka.training.report import Report
from asuka.training.stage import Stage

REMEDY = "the last checkpoint is good: look at these pictures, or start anew with a lower loop.lr in a new run_dir"
# The least a knob may be; two pictures, for one has no other to be compared with.
LEAST = {
    **dict.fromkeys(("steps", "batch", "accumulate", "previews"), 1),
    **dict.fromkeys(("log_every", "save_every", "preview_every", "validate_every"), 1),
    **dict.fromkeys(("lr", "warmup", "decay", "distinct", "workers"), 0),
    "validations": 2,
}


@dataclass
class LoopConfig:
    """Knobs of training; the same words for every stage."""

    steps: int = 1000  # optimiser steps in all
    batch: int = 32  # images per optimiser step, over all processes and accumulation pieces
    accumulate: int = 1  # pieces a process cuts its share of a batch into
    lr: float = 1e-3
    warmup: int = 50  # steps from 0 to lr
    final: float = 0.05  # share of lr that half a cosine ends at
    decay: float = 0.01  # AdamW's weight decay, for parameters with two and more dimensions
    beta2: float = 0.99
    clip: float = 1.0  # largest gradient norm
    ema: float = 0.999  # decay of the averaged weights
    precision: str = "no"  # no or bf16
    distinct: int = 0  # crops and holes come again after so many visits; 0 = never
    workers: int = 2  # loader processes
    device: str = "auto"  # auto or cpu
    log_every: int = 25
    save_every: int = 500
    preview_every: int = 500
    previews: int = 8  # pictures in a grid
    validate_every: int = 1000  # and after the last step
    validations: int = 256  # pictures validated on


def fit(stage: Stage, visits: Visits, fixed: Fixed, loop: LoopConfig, run_dir: Path) -> Table:
    """Train to `loop.steps`, from where `run_dir` stands; the validation table after the last step.

    Leaves checkpoint.pt, weights/ (averaged), stats.jsonl and grids/. Exact: interrupted anywhere, the same call ends
    with the same weights, bit for bit on one kind of CPU.
    """
    _check(loop)
    machine = Accelerator(mixed_precision=loop.precision, cpu=loop.device == "cpu")
    _check_split(loop, machine.num_processes)
    stage.to(machine.device)
    optimizer = _optimizer(stage, loop)
    ema = Ema(stage.trained, loop.ema)
    checkpoint = Checkpoint(run_dir / "checkpoint.pt", trained=stage.trained, ema=ema, optimizer=optimizer)
    start = min(checkpoint.load(), loop.steps)
    wrapped = machine.prepare(stage)
    ledger = Ledger(run_dir / "unreadable.jsonl", partial(tqdm.write, file=sys.stderr))
    held = fixed_batches(fixed, loop.validations, loop.batch, loop.workers, ledger)
    if sum(map(len, held)) < 2:
        raise InputError("the validation set holds one picture; give two or more, for instance with data.val=DIR")
    report = Report(stage, ema, checkpoint, held, run_dir, start, machine.is_main_process)
    report.begin(start, machine.num_processes)
    stream = training_batches(
        visits,
        start,
        loop.steps,
        batch=loop.batch,
        parts=machine.num_processes,
        part=machine.process_index,
        pieces=loop.accumulate,
        workers=loop.workers,
        ledger=ledger,
    )
    bar = tqdm(
        total=loop.steps,
        initial=start,
        desc=run_dir.name,
        unit="step",
        mininterval=1,
        disable=not machine.is_main_process,
    )
    report.preview(start, loop.previews)
    for step in range(start + 1, loop.steps + 1):
        asked = time.perf_counter()
        parts = [batch.to(machine.device) for batch in next(stream)]
        waited = time.perf_counter() - asked
        for group in optimizer.param_groups:
            group["lr"] = loop.lr * schedule(step, loop)
        losses = machine.reduce(_step(machine, wrapped, optimizer, parts, step, loop), reduction="mean")
        ema.update()
        bar.update()
        made = sum(batch.seconds for batch in parts) / max(loop.workers, 1)
        report.step(step, losses, loop.batch, waited, time.perf_counter() - asked, made)
        last = step == loop.steps
        if last or step % loop.log_every == 0:
            bar.set_postfix_str(report.log(step, optimizer.param_groups[0]["lr"]))
        if last or step % loop.save_every == 0:
            report.save(step)
        if last or step % loop.preview_every == 0:
            report.preview(step, loop.previews)
        if not last and step % loop.validate_every == 0:
            report.validate(step)
    bar.close()
    return report.validate(loop.steps)


def schedule(step: int, loop: LoopConfig) -> float:
    """Share of the learning rate at a step: linear warm-up, then half a cosine to `loop.final`."""
    if step <= loop.warmup:
        return step / loop.warmup
    done = (step - loop.warmup) / max(loop.steps - loop.warmup, 1)
    return loop.final + (1 - loop.final) * (1 + cos(pi * done)) / 2


def _step(
    machine: Accelerator,
    wrapped: Callable[[Batch, float], dict[str, Tensor]],
    optimizer: torch.optim.Optimizer,
    parts: list[Batch],
    step: int,
    loop: LoopConfig,
) -> dict[str, Tensor]:
    """One optimiser step; means of the losses over this process's images."""
    share = loop.batch / machine.num_processes
    totals: dict[str, Tensor] = {}
    optimizer.zero_grad(set_to_none=True)
    for place, batch in enumerate(parts):
        last = place == len(parts) - 1
        with machine.autocast():
            losses = wrapped(batch, step / loop.steps)
        for name, value in losses.items():
            totals[name] = totals.get(name, 0) + value.detach().sum() / share
        if not all(bool(value.isfinite().all()) for value in losses.values()):
            values = {name: [round(loss, 4) for loss in value.tolist()] for name, value in losses.items()}
            raise InputError(f"step {step}: a loss is not finite: {values} for {batch.name}; {REMEDY}")
        with nullcontext() if last else machine.no_sync(wrapped):
            machine.backward(losses["loss"].sum() / share)
    norm = machine.clip_grad_norm_(wrapped.parameters(), loop.clip)
    if not norm.isfinite():
        raise InputError(f"step {step}: the gradient is not finite, though the losses are; {REMEDY}")
    optimizer.step()
    return totals


def _check(loop: LoopConfig) -> None:
    """InputError for a knob out of its range."""
    for name, least in LEAST.items():
        if getattr(loop, name) < least:
            raise InputError(f"loop.{name}={getattr(loop, name)}: must be {least} or more; give another number")
    for name, choices in (("device", ("auto", "cpu")), ("precision", ("no", "bf16"))):
        if getattr(loop, name) not in choices:
            raise InputError(f"loop.{name}={getattr(loop, name)}: choose {' or '.join(choices)}")
    if loop.distinct % loop.batch:
        raise InputError(
            f"loop.distinct={loop.distinct} is no multiple of loop.batch={loop.batch}; give one, or 0 for never"
        )


def _check_split(loop: LoopConfig, processes: int) -> None:
    if loop.batch % (processes * loop.accumulate):
        raise InputError(
            f"loop.batch={loop.batch} does not split over {processes} processes and loop.accumulate="
            f"{loop.accumulate}; give a multiple of {processes * loop.accumulate}"
        )


def _optimizer(stage: Stage, loop: LoopConfig) -> torch.optim.Optimizer:
    """AdamW; gains, biases and single vectors are not decayed."""
    parameters = [value for value in stage.trained.parameters() if value.requires_grad]
    groups = [
        {"params": [value for value in parameters if value.ndim >= 2], "weight_decay": loop.decay},
        {"params": [value for value in parameters if value.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=loop.lr, betas=(0.9, loop.beta2))
