"""What scripts/bench_metrics.py does."""

import argparse
import multiprocessing
import resource
import time
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor

import numpy as np
import torch
from scipy.linalg import sqrtm
from sklearn.svm import LinearSVC
from torch import Tensor

from asuka.metrics.discriminative import ids
from asuka.metrics.frechet import fid
from asuka.seeding import seed_of

Numbers = dict[str, float]
Side = Callable[[Tensor, Tensor], Numbers]  # of photographs and results
# Of the made features: standard deviations fall as a power of their rank, a result shares 0.8 of its photograph, and a
# plane tells the sets apart by as many standard deviations as leave .37 of the points on the wrong side.
DECAY, SHARED, APART, MEAN = -0.7, 0.8, 0.66, 0.4
CHUNK = 4096


def bench(options: argparse.Namespace) -> None:
    """All of it, as the script's page of help says."""
    sides = {name: _alone(side, options) for name, side in (("ours", _ours), ("theirs", _theirs))}
    ours, theirs = sides["ours"], sides["theirs"]
    print(f"{options.count:,} pairs x {options.width}, {torch.get_num_threads()} threads, seed {options.seed}")
    print(f"{'':<12}{'ours':>14}{'theirs':>14}{'difference':>14}")
    for name in ("fid", "u_ids", "p_ids"):
        print(f"{name:<12}{ours[name]:>14.7f}{theirs[name]:>14.7f}{ours[name] - theirs[name]:>14.1e}")
    for name in ("fid s", "ids s", "all s", "peak GB"):
        print(f"{name:<12}{ours[name]:>14.2f}{theirs[name]:>14.2f}{ours[name] / theirs[name]:>13.3f}x")
    print(f"fid differs by {abs(ours['fid'] / theirs['fid'] - 1):.1e} of itself")


def features(count: int, width: int, seed: int) -> tuple[Tensor, Tensor]:
    """Photographs and their results, each (count, width) in float32."""
    rng = torch.Generator().manual_seed(seed_of(seed, "bench"))
    scale = torch.arange(1, width + 1) ** DECAY
    turned = scale[:, None] * torch.linalg.qr(torch.randn(width, width, generator=rng)).Q
    shift = torch.randn(width, generator=rng)
    shift = APART * shift / shift.norm() @ turned
    real, result = torch.empty(count, width), torch.empty(count, width)
    for start in range(0, count, CHUNK):
        shape = (min(CHUNK, count - start), width)
        real[start : start + CHUNK] = torch.randn(shape, generator=rng) @ turned
        other = torch.randn(shape, generator=rng) @ turned
        result[start : start + CHUNK] = SHARED * real[start : start + CHUNK] + (1 - SHARED**2) ** 0.5 * other + shift
    return real.add_(MEAN), result.add_(MEAN)


def _alone(side: Side, options: argparse.Namespace) -> Numbers:
    """What a side gives in a process of its own."""
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as process:
        return process.submit(_measured, side, options).result()


def _measured(side: Side, options: argparse.Namespace) -> Numbers:
    numbers = side(*features(options.count, options.width, options.seed))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20  # Linux counts in KiB
    return {**numbers, "all s": numbers["fid s"] + numbers["ids s"], "peak GB": peak}


def _ours(real: Tensor, result: Tensor) -> Numbers:
    photo, start = torch.arange(len(real)), time.perf_counter()
    numbers = fid(real, result, photo)
    middle = time.perf_counter()
    numbers |= ids(real, result, photo)
    return {**numbers, "fid s": middle - start, "ids s": time.perf_counter() - middle}


def _theirs(real: Tensor, result: Tensor) -> Numbers:
    start = time.perf_counter()
    sides = [rows.double().numpy() for rows in (real, result)]
    means, covariances = [rows.mean(0) for rows in sides], [np.cov(rows, rowvar=False) for rows in sides]
    root = sqrtm(covariances[0] @ covariances[1]).real
    distance = np.square(means[0] - means[1]).sum() + np.trace(covariances[0] + covariances[1] - 2 * root)
    del sides
    middle = time.perf_counter()
    rows, count = np.concatenate([real.numpy(), result.numpy()]), len(real)
    labels = np.repeat([1, 0], count)
    svm = LinearSVC(dual=False).fit(rows, labels)
    height = svm.decision_function(rows)
    numbers = {"u_ids": 1 - svm.score(rows, labels), "p_ids": (height[count:] > height[:count]).mean()}
    return {"fid": distance, **numbers, "fid s": middle - start, "ids s": time.perf_counter() - middle}
