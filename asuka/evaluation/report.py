"""Rows reduced to numbers with their intervals: of all pairs, of each group and of each range of hole ratios."""

from itertools import pairwise
from math import isfinite
from statistics import stdev

import numpy as np
import torch
from torch import Tensor

from asuka.evaluation.measured import Measured
from asuka.metrics.interval import bootstrap, groups, jackknife, leave_out
from asuka.metrics.metric import MisleadingError, SetScore
from asuka.metrics.table import Protocol

RANGES = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1)  # of the hole ratio; an edge belongs to the range below it
FOLDS = 20  # groups of photographs that a jackknife leaves out in turn
Number = dict[str, float | str]  # value, low, high, pictures; or why there is none
Numbers = dict[str, Number]


def report(measured: Measured, protocol: Protocol, seed: int) -> tuple[dict, dict[str, list[float]]]:
    """The numbers of an evaluation by name, as summary.json has them, and for each number of a set score its values
    without one fold of photographs: what a paired difference needs.

    `seed` is the bootstrap's. Intervals hold 95 %: of scores by bootstrap, of set scores by jackknife, both over
    photographs; groups and ranges come without the jackknife. A number that would mislead is the sentence why.
    """
    numbers, folds = _with_folds(measured, protocol)
    told = {"overall": _scores(measured, seed) | numbers}
    for title, parts in (("groups", _groups(measured)), ("hole_ratio", _ranges(measured))):
        told[title] = {
            name: {"pairs": len(part), "numbers": _scores(part, seed) | _sets(part, protocol, 0)}
            for name, part in parts.items()
        }
    told["real_against_real"] = _sanity(measured, protocol)
    if measured.draws > 1:
        told["spread"] = _spread(measured, protocol)
    return told, folds


def _groups(measured: Measured) -> dict[str, Measured]:
    words = measured.words("group")
    return {
        group: measured.take([place for place, word in enumerate(words) if word == group])
        for group in sorted(set(words) - {""})
    }


def _ranges(measured: Measured) -> dict[str, Measured]:
    place = np.digitize(measured.values("hole_ratio"), RANGES[1:-1], right=True)
    parts = {
        f"{low:.0%} to {high:.0%}": measured.take(np.flatnonzero(place == number).tolist())
        for number, (low, high) in enumerate(pairwise(RANGES))
    }
    return {name: part for name, part in parts.items() if len(part)}


def _scores(measured: Measured, seed: int) -> Numbers:
    photos = measured.words("photo")
    keys = [f"score/{name}" for name in measured.scores] + ["stability"] * ("stability" in measured.rows[0])
    return {key.removeprefix("score/"): _mean(measured.values(key), photos, seed) for key in keys}


def _mean(values: np.ndarray, photos: list[str], seed: int) -> Number:
    """Mean of the pictures that have such a number, and its interval."""
    there = np.flatnonzero(~np.isnan(values))
    if not len(there):
        return {"refused": "no picture has such a number"}
    number: Number = {"value": float(values[there].mean()), "pictures": len(there)}
    if isfinite(number["value"]):
        low, high = bootstrap(torch.from_numpy(values[there]), [photos[place] for place in there], seed)
        number |= {"low": low, "high": high}
    return number


def _sets(measured: Measured, protocol: Protocol, draw: int) -> Numbers:
    """Numbers of all set scores, without intervals."""
    numbers: Numbers = {}
    for view in protocol.views:
        for score in protocol.sets.values():
            features = measured.features(score.space, view, protocol.spaces[score.space].per_hole, draw)
            numbers |= {f"{view}{key}": number for key, number in _set(score, features).items()}
    return numbers


def _with_folds(measured: Measured, protocol: Protocol) -> tuple[Numbers, dict[str, list[float]]]:
    """Numbers of all set scores with intervals, and their values without each fold."""
    numbers, folds = _sets(measured, protocol, 0), {}
    members = dict(zip(measured.words("photo"), groups(measured.words("photo")), strict=True))
    return numbers, folds


def _set(score: SetScore, features: tuple[Tensor, Tensor, Tensor]) -> Numbers:
    try:
        return {key: {"value": value, "pictures": len(features[1])} for key, value in score.reduce(*features).items()}
    except MisleadingError as error:
        return {key: {"refused": str(error)} for key in score.better}


def _sanity(measured: Measured, protocol: Protocol) -> Numbers:
    """Set scores of half of the photographs against the other half: what no method can be told to beat."""
    numbers: Numbers = {}
    for score in protocol.sets.values():
        if not protocol.spaces[score.space].per_hole:
            real, _, _ = measured.features(score.space, "", False, 0)
            half = len(real) // 2
            numbers |= _set(score, (real[:half], real[half : 2 * half], torch.arange(half)))
    return numbers


def _spread(measured: Measured, protocol: Protocol) -> dict[str, float]:
    """Standard deviation of each number over the draws."""
    rounds = []
    for draw in range(measured.draws):
        means = {name: np.nanmean(measured.values(f"score/{name}", draw)) for name in measured.scores}
        sets = {key: number.get("value") for key, number in _sets(measured, protocol, draw).items()}
        rounds.append({name: float(value) for name, value in (means | sets).items() if value is not None})
    return {name: stdev(one[name] for one in rounds) for name in rounds[0]}
