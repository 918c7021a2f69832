"""The knobs of training, and all that can be wrong with them before anything is built; torch is not needed here."""

from dataclasses import dataclass
from importlib.util import find_spec

from asuka.errors import nearest

# The least a knob may be; two pictures, for one has no other to be compared with.
LEAST = {
    **dict.fromkeys(("steps", "batch", "accumulate", "previews"), 1),
    **dict.fromkeys(("log_every", "save_every", "preview_every", "validate_every"), 1),
    **dict.fromkeys(("lr", "warmup", "decay", "clip", "distinct", "workers"), 0),
    "validations": 2,
}
SHARES = ("final", "beta2", "ema")
CHOICES = {
    "precision": ("no", "bf16"),
    "device": ("auto", "cpu"),
    "tracker": ("none", "tensorboard", "wandb"),
    "frozen": ("whole", "spread"),
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
    frozen: str = "whole"  # frozen networks: whole in every process, or spread over those of a machine
    tracker: str = "none"  # none, tensorboard or wandb, beside stats.jsonl
    log_every: int = 25
    save_every: int = 500
    preview_every: int = 500
    previews: int = 8  # pictures in a grid
    validate_every: int = 1000  # and after the last step
    validations: int = 256  # pictures validated on


def problems(loop: LoopConfig, processes: int) -> list[str]:
    """Every knob out of its range and every pair that does not go together over so many processes, a sentence each."""
    found = []
    for name, least in LEAST.items():
        if not getattr(loop, name) >= least:
            found.append(f"loop.{name}={getattr(loop, name)}: must be {least} or more; give another number")
    for name in SHARES:
        if not 0 <= getattr(loop, name) <= 1:
            found.append(f"loop.{name}={getattr(loop, name)}: must lie from 0 to 1; give another number")
    for name, choices in CHOICES.items():
        if getattr(loop, name) not in choices:
            remedy = nearest(getattr(loop, name), list(choices), f"choose {', '.join(choices[:-1])} or {choices[-1]}")
            found.append(f"loop.{name}={getattr(loop, name)}: there is no such choice; {remedy}")
    if loop.tracker in CHOICES["tracker"][1:] and find_spec(loop.tracker) is None:
        found.append(f"loop.tracker={loop.tracker}: not installed; pip install -e '.[{loop.tracker}]'")
    if loop.frozen == "spread" and processes == 1:
        found.append("loop.frozen=spread: there is one process; start several, or give loop.frozen=whole")
    return found + _indivisible(loop, processes)


def _indivisible(loop: LoopConfig, processes: int) -> list[str]:
    found = []
    if loop.batch >= 1 and loop.distinct % loop.batch:
        found.append(
            f"loop.distinct={loop.distinct} is no multiple of loop.batch={loop.batch}; give one, or 0 for never"
        )
    if loop.accumulate >= 1 and loop.batch % (processes * loop.accumulate):
        found.append(
            f"loop.batch={loop.batch} does not split over {processes} processes and loop.accumulate="
            f"{loop.accumulate}; give a multiple of {processes * loop.accumulate}"
        )
    return found
