"""Randomness that belongs to an image, not to a process: every draw is a function of (seed, purpose, key)."""

import hashlib
from collections.abc import Hashable, Sequence

import torch
from torch import Tensor


def seed_of(*parts: Hashable) -> int:
    """A 63-bit seed from any strings and numbers; the same in every process (Python's `hash` is not)."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "big") >> 1


def randn(seed: int, purpose: str, keys: Sequence[Hashable], shape: tuple[int, ...]) -> Tensor:
    """Standard normal noise (len(keys), *shape) on the CPU; row i depends on (seed, purpose, keys[i]) alone."""
    return torch.stack([torch.randn(shape, generator=generator(seed, purpose, key)) for key in keys])


def rand(seed: int, purpose: str, keys: Sequence[Hashable], shape: tuple[int, ...] = ()) -> Tensor:
    """Uniform numbers in [0, 1), (len(keys), *shape), on the CPU; rows as in `randn`."""
    return torch.stack([torch.rand(shape, generator=generator(seed, purpose, key)) for key in keys])


def generator(seed: int, purpose: str, key: Hashable) -> torch.Generator:
    """A generator on the CPU that is at its beginning, for libraries that draw by themselves."""
    return torch.Generator("cpu").manual_seed(seed_of(seed, purpose, key))
