"""Stand-in weights: every tensor is a pure function of its released key and its shape.

The parity fixtures hold outputs of the official release under exactly these weights, so no trained weight has
to be stored. A key's numbers come from the counter generator Philox (keyed by the key's CRC-32 and a fixed
seed), whose raw output numpy keeps stable: 24 high bits of each 32-bit word, spread evenly over
[-sqrt 3, sqrt 3), which has mean 0 and variance 1. `tensor` scales them by the kind of parameter.
"""

import json
import math
import zlib
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from torch import Tensor

FIXTURES = Path(__file__).parent / "fixtures"
SEED = 20250611


def even(key: str, count: int) -> np.ndarray:
    """`count` float32 numbers for `key`, evenly spread, mean 0, variance 1."""
    seeds = np.array([zlib.crc32(key.encode()), SEED], dtype=np.uint64)
    raw = np.asarray(np.random.Philox(key=seeds).random_raw(-(-count // 2)), dtype="<u8")
    words = raw.view("<u4")[:count] >> np.uint32(8)
    unit = words.astype(np.float32) * np.float32(2.0**-23) - np.float32(1)
    return unit * np.float32(math.sqrt(3.0))


def tensor(key: str, shape: list[int], gain: float = 1.0) -> Tensor:
    """The stand-in for the parameter `key`: matrices keep the variance of what they multiply, times gain squared."""
    name = key.rsplit(".", 1)[-1]
    if name == "alpha":
        return torch.tensor(0.35)
    if name == "num_batches_tracked":
        return torch.zeros(shape, dtype=torch.long)
    numbers = even(key, math.prod(shape)).reshape(shape)
    if name.endswith("_token"):
        numbers = numbers * np.float32(0.5)
    elif len(shape) > 1:
        numbers = numbers * np.float32(gain / math.sqrt(math.prod(shape[1:])))
    elif name == "running_mean":
        numbers = numbers * np.float32(0.1)
    elif name == "running_var":
        numbers = numbers * np.float32(0.2) + np.float32(1)
    elif name == "bias":
        numbers = numbers * np.float32(0.05)
    else:
        numbers = numbers * np.float32(0.1) + np.float32(1)
    return torch.from_numpy(numbers)


def released(name: str) -> dict[str, Tensor]:
    """State dict in the released layout `keys_<name>.json`; position tables are the official ones."""
    shapes = json.loads((FIXTURES / f"keys_{name}.json").read_text())
    tables = positions() if name.startswith("mae") else {}
    return {key: tables[key] if key in tables else tensor(key, shape) for key, shape in shapes.items()}


def positions() -> dict[str, Tensor]:
    """The official tables (1, 256, width), of which the patches on the grid's diagonal tell everything."""
    tables = {}
    for key, diagonal in load_file(FIXTURES / "mae_positions.safetensors").items():
        column, row = diagonal.chunk(2, dim=-1)
        tables[key] = torch.cat([column.repeat(16, 1), row.repeat_interleave(16, dim=0)], dim=-1)[None]
    return tables
