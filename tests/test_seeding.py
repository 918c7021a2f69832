"""Draws belong to (seed, purpose, key): the same in every process, batch and order."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from asuka.seeding import rand, randn, seed_of

ROOT = Path(__file__).parents[1]
KNOWN = 5176784110948165068  # another number would change every run there ever was


def test_seeds_are_the_same_in_every_process() -> None:
    assert seed_of(0, "noise", "a.jpg") == KNOWN
    code = "from asuka.seeding import seed_of; print(seed_of(0, 'noise', 'a.jpg'))"
    fresh = subprocess.run(
        [sys.executable, "-c", code],
        cwd=ROOT,
        env={**os.environ, "PYTHONHASHSEED": "77"},
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert int(fresh.stdout) == KNOWN


def test_seeds_fit_a_generator_and_differ() -> None:
    purposes = ("step", "noise")
    seeds = {seed_of(seed, purpose, key) for seed in range(5) for purpose in purposes for key in range(200)}
    assert len(seeds) == 2000
    assert all(0 <= seed < 2**63 for seed in seeds)
    assert seed_of(1, 23) != seed_of(12, 3)
    torch.Generator().manual_seed(max(seeds))


def test_a_row_of_noise_depends_on_its_own_key_alone() -> None:
    keys = ["a", "b", "c"]
    rows = randn(3, "noise", keys, (4, 5))
    assert rows.shape == (3, 4, 5)
    assert torch.equal(randn(3, "noise", keys[::-1], (4, 5)), rows.flip(0))
    assert torch.equal(randn(3, "noise", ["b"], (4, 5))[0], rows[1])
    for other in (randn(4, "noise", keys, (4, 5)), randn(3, "step", keys, (4, 5))):
        assert not (other == rows).any()


def test_global_generators_are_neither_read_nor_moved() -> None:
    torch.manual_seed(0)
    first, state = randn(0, "noise", [1], (8,)), torch.get_rng_state()
    assert torch.equal(torch.get_rng_state(), state)
    torch.manual_seed(1)
    assert torch.equal(randn(0, "noise", [1], (8,)), first)


def test_noise_is_standard_normal() -> None:
    noise = randn(0, "noise", range(200), (1000,))
    assert abs(noise.mean()) < 0.01
    assert abs(noise.std() - 1) < 0.01
    # Rows are independent: the spread of their means is that of 1000 draws.
    assert noise.mean(1).std() == pytest.approx(1000**-0.5, rel=0.2)


def test_uniform_numbers_fill_the_unit_interval() -> None:
    values = rand(0, "step", range(20_000))
    assert values.shape == (20_000,)
    assert 0 <= values.min() < 0.001
    assert 0.999 < values.max() < 1
    assert abs(values.mean() - 0.5) < 4 * (1 / 12 / 20_000) ** 0.5
    shares = torch.histc(values, bins=10, min=0, max=1) / 20_000
    assert (shares - 0.1).abs().max() < 0.01
    assert torch.equal(rand(0, "step", [7, 3]), values[[7, 3]])
    assert not (rand(1, "step", range(100)) == values[:100]).any()
