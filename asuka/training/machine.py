"""The device of this process, the memory it took, and waiting for the others."""

import resource
import sys
from collections.abc import Callable
from typing import TypeVar

import torch
from accelerate import Accelerator, PartialState

from asuka.errors import InputError
from asuka.training import world

State = TypeVar("State", PartialState, Accelerator)


def device(word: str) -> torch.device:
    """`auto` takes a GPU where there is one, each process its own; else the named one. InputError where there is none,
    and where processes were started together that cannot find each other."""
    if world.size() > 1:
        state = joined(lambda: PartialState(cpu=word == "cpu" or not torch.cuda.is_available()))
        return state.device
    try:
        found = torch.device("cuda" if torch.cuda.is_available() else "cpu") if word == "auto" else torch.device(word)
        torch.empty(1, device=found)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device={word}: not to be had here; choose auto, cpu or cuda") from error
    return found


def joined(start: Callable[[], State]) -> State:
    """What accelerate's `start` gives, in which all processes that were started together have found each other.
    InputError where they do not."""
    remedy = "start them with torchrun or accelerate launch, on CPUs with ACCELERATE_USE_CPU=true"
    try:
        state = start()
    except (ValueError, RuntimeError) as error:
        if world.size() == 1:
            raise
        raise InputError(f"WORLD_SIZE={world.size()}, but they do not find each other ({error}); {remedy}") from error
    if state.num_processes != world.size():
        raise InputError(f"WORLD_SIZE={world.size()}, but {state.num_processes} processes work together; {remedy}")
    return state


def wait() -> None:
    """Go on when all processes have come here, each after it asked for its `device`."""
    if world.size() > 1:
        PartialState().wait_for_everyone()


def memory() -> str:
    """Peak memory of this process, and of the GPU where it works on one."""
    unit = 2**30 if sys.platform == "darwin" else 2**20  # bytes there, KiB elsewhere
    host = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit:.2f} GiB peak memory"
    if torch.cuda.is_available() and torch.cuda.max_memory_allocated():
        return f"{host}, {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB on the GPU"
    return host
