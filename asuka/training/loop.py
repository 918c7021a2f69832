"""The only training loop: it does not know what it trains."""

import sys
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
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
from asuka.errors import InputError, StoppedError
from asuka.training import world
from asuka.training.attention import fastest
from asuka.training.checkpoint import Checkpoint
from asuka.training.ema import Ema
from asuka.training.knobs import LoopConfig
from asuka.training.log import Table
from asuka.training.machine import joined
from asuka.training.report import Report
from asuka.training.signals import StopRequest
from asuka.training.spread import spread
from asuka.training.stage import Stage

REMEDY = "the last checkpoint is good: look at these pictures, or start anew with a lower loop.lr in a new run_dir"


def fit(stage: Stage, visits: Visits, fixed: Fixed, loop: LoopConfig, run_dir: Path) -> Table:
    """Train to `loop.steps`, from where `run_dir` stands; the validation table after the last step.

    Leaves checkpoint.pt, weights/ (averaged), stats.jsonl, grids/ and curves.png. Exact: interrupted anywhere, the same
    call ends with the same weights, bit for bit on one kind of CPU. StoppedError after SIGTERM or SIGUSR1, all saved.
    """
    machine = _machine(loop, run_dir)
    if loop.frozen == "spread":
        spread(stage, machine.device)  # before they are moved: no device may have room for them whole
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
    report = Report(machine, stage, ema, checkpoint, held, run_dir, together=loop.frozen == "spread")
    report.begin(start, loop)
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
    stopped = False
    bar = _bar(machine, start, loop.steps, run_dir.name)
    with StopRequest() as request, closing(report), closing(stream), bar:
        report.preview(start, loop.previews)
        if start and (start == loop.steps or start % loop.validate_every == 0):
            report.validate(start)  # a process that was killed here may not have come to it
        for step in range(start + 1, loop.steps + 1):
            asked = time.perf_counter()
            parts = [batch.to(machine.device) for batch in next(stream)]
            waited = time.perf_counter() - asked
            for group in optimizer.param_groups:
                group["lr"] = loop.lr * schedule(step, loop)
            losses = _step(machine, wrapped, optimizer, parts, step, loop)
            # With the losses travels whether any process was asked to stop: all leave after the same step.
            losses = machine.reduce(losses | {"stop": request.flag(machine.device)}, reduction="mean")
            last = step == loop.steps
            stopped = bool(losses.pop("stop")) and not last
            ema.update()
            bar.update()
            made = sum(batch.seconds for batch in parts) / max(loop.workers, 1)
            report.step(step, losses, loop.batch, waited, time.perf_counter() - asked, made)
            if last or stopped or step % loop.log_every == 0:
                bar.set_postfix_str(report.log(step, optimizer.param_groups[0]["lr"]))
            if last or stopped or step % loop.save_every == 0:
                report.save(step)
            if stopped:
                break
            if last or step % loop.preview_every == 0:
                report.preview(step, loop.previews)
            if last or step % loop.validate_every == 0:
                report.validate(step)
    if stopped:
        machine.wait_for_everyone()  # a launcher ends all processes as soon as the first one leaves
        raise StoppedError(
            f"{run_dir}: stopped by a signal, saved at step {step} of {loop.steps}; the same command goes on from there"
        )
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
        with machine.autocast(), fastest(machine.device, loop.precision):
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


def _machine(loop: LoopConfig, run_dir: Path) -> Accelerator:
    """accelerate, on as many processes as were started."""
    if cutter := world.cutter():
        raise InputError(
            f"{cutter} is set: what is trained would be cut up as well, and then has no average and no checkpoint; "
            "launch with conf/accelerate/multi_gpu.yaml, and give loop.frozen=spread for large frozen networks"
        )
    return joined(
        lambda: Accelerator(
            mixed_precision=loop.precision,
            cpu=loop.device == "cpu",
            log_with=None if loop.tracker == "none" else loop.tracker,
            project_dir=run_dir / "tensorboard",
        )
    )


def _bar(machine: Accelerator, start: int, steps: int, name: str) -> tqdm:
    return tqdm(total=steps, initial=start, desc=name, unit="step", mininterval=1, disable=not machine.is_main_process)


def _optimizer(stage: Stage, loop: LoopConfig) -> torch.optim.Optimizer:
    """AdamW; gains, biases and single vectors are not decayed."""
    parameters = [value for value in stage.trained.parameters() if value.requires_grad]
    groups = [
        {"params": [value for value in parameters if value.ndim >= 2], "weight_decay": loop.decay},
        {"params": [value for value in parameters if value.ndim < 2], "weight_decay": 0.0},
    ]
    return torch.optim.AdamW(groups, lr=loop.lr, betas=(0.9, loop.beta2))
