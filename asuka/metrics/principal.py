"""U-IDS and P-IDS in the 64 directions in which photographs differ most: for sets too small for 2048 dimensions."""

import hashlib
from functools import cache

from safetensors import safe_open
from torch import Tensor

from asuka.errors import InputError
from asuka.metrics.discriminative import Discriminative, require_enough
from asuka.metrics.whole import Pairs, Reducer, doubled
from asuka.registry import ASSETS

FILE = ASSETS / "pca64.safetensors"
DIGITS = 16  # of its hash, as in asuka/registry.py


def fingerprint() -> str:
    """Hash of the stored directions, 16 hexadecimal digits of sha256: numbers made with others do not compare."""
    return hashlib.sha256(FILE.read_bytes()).hexdigest()[:DIGITS]


def project(rows: Tensor) -> Tensor:
    """Inception features (N, 2048) along the stored directions: (N, 64) in float64, in the features' own units.

    Nothing is scaled: a direction counts as much as photographs differ in it. InputError for features of another width.
    """
    mean, axes = (value.to(rows.device).double() for value in _stored())
    if rows.ndim != 2 or rows.shape[1] != len(mean):
        raise InputError(
            f"features {tuple(rows.shape)}: the stored directions are of Inception's {len(mean)}; give (N, {len(mean)})"
        )
    return doubled(rows, lambda part: (part - mean) @ axes.T)


def _open(real: Tensor, result: Tensor, photo: Tensor) -> Discriminative:
    pairs = Pairs.of(project(real), project(result), photo)
    require_enough("u_ids_pca64 and p_ids_pca64", pairs, "give more photographs")
    return Discriminative(pairs, "_pca64")


# A Reduce: {"u_ids_pca64", "p_ids_pca64"}, the SVM of asuka/metrics/discriminative.py on what `project` gives.
# MisleadingError for fewer pairs than 64 dimensions need.
ids_pca64 = Reducer(_open)


@cache
def _stored() -> tuple[Tensor, Tensor]:
    """Mean (2048,) and directions (64, 2048)."""
    with safe_open(FILE, "pt") as stored:
        return stored.get_tensor("mean"), stored.get_tensor("axes")
