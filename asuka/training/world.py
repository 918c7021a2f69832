"""What a launcher (torchrun, accelerate launch) tells this process; to be had before torch is."""

import os


def rank() -> int:
    """Number of this process; 0 is the main one, which alone writes."""
    return int(os.environ.get("RANK", "0"))


def size() -> int:
    """Number of processes that were started to train together."""
    return int(os.environ.get("WORLD_SIZE", "1"))
