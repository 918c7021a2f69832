"""U-IDS and P-IDS as the released ASUKA's scripts compute them: in as many directions as a picture is high."""

from dataclasses import replace
from functools import partial

import torch
from torch import Tensor

from asuka.metrics.discriminative import Discriminative
from asuka.metrics.metric import MisleadingError
from asuka.metrics.whole import Pairs, Reducer, plain


def official_ids(resolution: int) -> Reducer:
    """A Reduce: {"u_ids_pca512", "p_ids_pca512"} for `resolution` 512, and so on; of torchvision's Inception features.

    The directions are those in which photographs and results together differ most. They are found exactly, while the
    scripts draw an approximation from a generator that nobody seeded. MisleadingError for fewer pictures than
    directions, where the scripts stop too.
    """
    return plain(partial(_rates, resolution))


def _rates(needed: int, real: Tensor, result: Tensor, photo: Tensor) -> dict[str, float]:
    """In `needed` directions, found anew whenever photographs are left out."""
    pairs = Pairs.of(real, result, photo)
    pictures = 2 * len(pairs.result)
    if pictures < needed:
        raise MisleadingError(
            f"no u_ids_pca{needed} and p_ids_pca{needed} of {len(pairs.result)} pairs: {pictures} pictures do not "
            f"differ in {needed} directions; give {-(-needed // 2)} pairs or more"
        )
    mean, axes = _directions(torch.cat([pairs.real[pairs.photo], pairs.result]).double(), needed)
    real, result = ((rows.double() - mean) @ axes for rows in (pairs.real, pairs.result))
    return Discriminative(replace(pairs, real=real, result=result), f"_pca{needed}").numbers()


def _directions(rows: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """Mean (K,) of rows (N, K), and the `count` orthogonal directions (K, count) in which they differ most."""
    mean = rows.mean(0)
    _, axes = torch.linalg.eigh((rows - mean).T @ (rows - mean))
    return mean, axes[:, -count:]
