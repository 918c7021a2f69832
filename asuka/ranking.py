"""Which of several fills of one photo to take: the one that agrees with the prior and has no seam."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from PIL import Image

from asuka.fill import Fill, Record
from asuka.jobs import Job


@dataclass(frozen=True)
class Candidate:
    """One of several fills; lower is better in both measures."""

    image: Image.Image
    record: Record  # its seed and its seam
    prior_gap: float | None  # mean difference to what the MAE thinks, over the hole, of 255 levels; None without one


def ranked(job: Job, fills: Sequence[Fill], prior: Fill | None) -> list[Candidate]:
    """The fills of one photo, best first, by the sum of their places in either measure; the earlier wins a tie.

    prior: what the MAE thinks. Ranks and not values are added, for the two have no common unit.
    """
    gaps = [None if prior is None else _gap(one.pixels, job.hole, prior.pixels) for one in fills]
    seams = [one.record.seam_de for one in fills]
    order = np.argsort(_places(gaps) + _places(seams), kind="stable")
    return [Candidate(job.photo.image(fills[i].pixels), fills[i].record, gaps[i]) for i in order]


def _gap(pixels: np.ndarray, hole: np.ndarray, prior: np.ndarray) -> float:
    return float(np.abs(pixels[hole].astype(np.int16) - prior[hole]).mean())


def _places(values: Sequence[float | None]) -> np.ndarray:
    """The place of each value among all, from 0; all 0 where nothing was measured."""
    if any(value is None for value in values):
        return np.zeros(len(values), int)
    return np.array([sum(other < value for other in values) for value in values])
