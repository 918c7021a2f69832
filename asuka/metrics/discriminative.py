"""U-IDS and P-IDS: how well a linear support vector machine tells results from photographs, on the sets it learnt.

Zhao et al. 2021 (Co-Mod-GAN), section 4, with scikit-learn's LinearSVC(dual=False): the plane (w, b) that minimises
|w|^2 / 2 + b^2 / 2 + sum of max(0, 1 - y (w'x + b))^2 over 2 N points, real y = 1, result y = -1. A photograph counts
once for each of its results, as a weight and not as a copy.

Solved by Newton steps on the points that are within the margin, with an exact search along each (Keerthi and DeCoste
2005, section 3), in float64. What a step costs is the table of second derivatives, so it is kept, and from step to step
only the points that came into the margin or left it change it; so do those that are left out of a solved set.

**Sets that are too small.** A plane in K dimensions separates any K + 1 points, and half of the time 2 (K + 1) of one
and the same distribution (Cover 1965): then both numbers are 0 whatever the method. Several results of each photograph
hardly help, for its features are one point however much it weighs: of equal distributions in 64 dimensions, U-IDS with
1, 8 and 32 results each was the same, within .04, at the same harmonic mean of the numbers of photographs and results.
So that mean, never twice the number of photographs, must be 2 (K + 1), which is 4,098 for 2048 dimensions. There equal
distributions have a U-IDS of about .3 and not yet .5; it rises with the number: compare at equal numbers alone.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from asuka.errors import InputError
from asuka.metrics.metric import MisleadingError
from asuka.metrics.whole import CHUNK, Pairs, Reducer

ENOUGH = 2  # pairs for each weight of the plane
STEPS = 200  # of Newton; about ten are taken
PRECISION = 1e-15  # the share of the minimum that the last step may leave to gain
HALVINGS = 45  # of the search along a step


@dataclass(frozen=True)
class Svm:
    """The plane for some weights of the points, and what makes the next one, for other weights, quick to find."""

    plane: Tensor  # (K + 1,) w and b
    height: Tensor  # (P + N,) w'x + b of every point, photographs first
    curve: Tensor  # (K + 1, K + 1) second derivatives
    charge: Tensor  # (P + N,) weights of the points within the margin, which the second derivatives are of


class Points:
    """Photographs (P, K), then results (N, K), each with a last feature that is always 1; float64 a few at a time."""

    def __init__(self, real: Tensor, result: Tensor) -> None:
        self.real, self.result = real, result
        self.room = torch.ones(CHUNK, real.shape[1] + 1, dtype=torch.float64, device=real.device)
        self.side = self.room.new_ones(len(real) + len(result))  # y
        self.side[len(real) :] = -1
        self.every = torch.arange(len(self.side), device=real.device)

    def along(self, step: Tensor) -> Tensor:
        """The inner product of every point with `step` (K + 1,): (P + N,)."""
        return torch.cat([part @ step for _, part in self._parts(self.every)])

    def total(self, amount: Tensor) -> Tensor:
        """Sum of all points, each times its `amount` (P + N,): (K + 1,)."""
        return sum(part.T @ amount[index] for index, part in self._parts(amount.nonzero()[:, 0]))

    def bend(self, curve: Tensor, amount: Tensor) -> Tensor:
        """`curve` plus the sum of x x' over all points, each times its `amount` (P + N,)."""
        curve = curve.clone()
        for index, part in self._parts(amount.nonzero()[:, 0]):
            curve.addmm_(part.T, part * amount[index, None])
        return curve

    def _parts(self, index: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        """The points `index`, in rising order; each part lies in the place of the one before."""
        first = 0
        for rows in (self.real, self.result):
            inside = index[(index >= first) & (index < first + len(rows))]
            for some in inside.split(CHUNK):
                part = self.room[: len(some)]
                part[:, :-1] = rows[some - first]
                yield some, part
            first += len(rows)


def separate(points: Points, weight: Tensor, start: Svm | None = None) -> Svm:
    """The plane of the points with weights (P + N,), 0 for those that are left out; `start` is that of other weights.

    InputError where it is not found, which takes features of absurd size.
    """
    svm = start or _flat(points)
    for _ in range(STEPS):
        slack = (1 - points.side * svm.height).clamp(min=0)
        charge = weight * (slack > 0)
        svm = replace(svm, curve=points.bend(svm.curve, 2 * (charge - svm.charge)), charge=charge)
        slope = svm.plane - 2 * points.total(charge * slack * points.side)
        step = -torch.cholesky_solve(slope[:, None], torch.linalg.cholesky(svm.curve))[:, 0]
        value = svm.plane.square().sum() / 2 + (charge * slack.square()).sum()
        if -(slope @ step) / 2 <= PRECISION * value:
            return svm
        rise = points.along(step)
        length = _lowest(svm, step, rise, weight, points.side)
        svm = replace(svm, plane=svm.plane + length * step, height=svm.height + length * rise)
    raise InputError(f"no plane between the features was found in {STEPS} steps; look at their size")


def _flat(points: Points) -> Svm:
    """The plane before anything is known."""
    width, nothing = points.room.shape[1], torch.zeros_like(points.side)
    curve = torch.eye(width, dtype=torch.float64, device=nothing.device)
    return Svm(points.room.new_zeros(width), nothing, curve, nothing)


def _lowest(svm: Svm, step: Tensor, rise: Tensor, weight: Tensor, side: Tensor) -> float:
    """How far to go along `step`, which the heights follow by `rise`: to where what is minimised is lowest."""
    straight, bent = (svm.plane @ step).item(), step.square().sum().item()

    def slope(length: float) -> float:
        slack = (1 - side * (svm.height + length * rise)).clamp(min=0)
        return straight + length * bent - 2 * (weight * slack * side * rise).sum().item()

    low, high = 0.0, 1.0
    while slope(high) < 0:
        low, high = high, 2 * high
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < 0 else (low, middle)
    return high


class Discriminative:
    """U-IDS and P-IDS of some pairs; `ending` is that of the numbers' names."""

    def __init__(self, pairs: Pairs, ending: str) -> None:
        self.pairs, self.ending = pairs, ending
        self.points = Points(pairs.real, pairs.result)
        self.svm = separate(self.points, self._weight(torch.ones_like(pairs.photo, dtype=torch.bool)))

    def numbers(self) -> dict[str, float]:
        return self._rates(self.svm, torch.ones_like(self.pairs.photo, dtype=torch.bool))

    def without(self, gone: Tensor) -> dict[str, float]:
        _, results = self.pairs.kept(gone)
        if not results.any():
            raise MisleadingError("u_ids and p_ids of no results; leave fewer photographs out")
        return self._rates(separate(self.points, self._weight(results), self.svm), results)

    def _weight(self, results: Tensor) -> Tensor:
        """(P + N,) of the points of the results that are kept."""
        own = torch.bincount(self.pairs.photo[results], minlength=len(self.pairs.real))
        return torch.cat([own, results]).double()

    def _rates(self, svm: Svm, results: Tensor) -> dict[str, float]:
        """A result on the plane counts as a result, and one as high as its own photograph as less real."""
        weight = self._weight(results)
        wrong = (svm.height > 0) != (self.points.side > 0)
        unpaired = (weight * wrong).sum() / weight.sum()
        paired = (self._above_own(svm) & results).sum().double() / results.sum()
        return {f"u_ids{self.ending}": unpaired.item(), f"p_ids{self.ending}": paired.item()}

    def _above_own(self, svm: Svm) -> Tensor:
        """Which results are higher than their own photographs: bool (N,). Of the difference, so that equal is equal."""
        normal, pairs = svm.plane[:-1], self.pairs
        parts = zip(pairs.result.split(CHUNK), pairs.photo.split(CHUNK), strict=True)
        return torch.cat([(part.double() - pairs.real[own].double()) @ normal > 0 for part, own in parts])


def require_enough(names: str, pairs: Pairs, remedy: str) -> None:
    """MisleadingError where the module's rule finds the pairs too few for their dimensions."""
    photographs, results, width = len(pairs.real), *pairs.result.shape
    mean, needed = 2 / (1 / max(photographs, 1) + 1 / max(results, 1)), ENOUGH * (width + 1)
    if mean < needed:
        raise MisleadingError(
            f"no {names} of {results} results of {photographs} photographs: a plane in {width} dimensions separates "
            f"so few whatever they show; the harmonic mean of the two, {mean:.0f}, must be {needed}: {remedy}"
        )


def _open(real: Tensor, result: Tensor, photo: Tensor) -> Discriminative:
    pairs = Pairs.of(real, result, photo)
    require_enough("u_ids and p_ids", pairs, "give more photographs, or take u_ids_pca64 and p_ids_pca64")
    return Discriminative(pairs, "")


# A Reduce: {"u_ids", "p_ids"}. Of results equal to their photographs: .5 and 0, for nothing is above itself.
# MisleadingError for too few pairs.
ids = Reducer(_open)
