"""What a launcher (torchrun, accelerate launch) tells this process; to be had before torch is."""

import os

CUTTERS = ("ACCELERATE_USE_FSDP", "ACCELERATE_USE_DEEPSPEED", "ACCELERATE_USE_MEGATRON_LM")


def rank() -> int:
    """Number of this process; 0 is the main one, which alone writes."""
    return int(os.environ.get("RANK", "0"))


def size() -> int:
    """Number of processes that were started to train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))


def local_size() -> int:
    """Number of those that were started on this machine."""
    return int(os.environ.get("LOCAL_WORLD_SIZE", size()))


def cutter() -> str | None:
    """The variable by which accelerate was told to cut a whole stage up, if it was."""
    return next((name for name in CUTTERS if os.environ.get(name, "").lower() in ("true", "1")), None)
