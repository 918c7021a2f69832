"""Rows reduced to numbers with their intervals: of all pairs, of each group and of each range of hole ratios."""

from collections.abc import Iterator
from itertools import pairwise
from math import isfinite, nan
from statistics import stdev

import numpy as np
import torch

from asuka.evaluation.measured import Features, Measured
from asuka.metrics.interval import bootstrap, groups, jackknife, leave_out
from asuka.metrics.metric import MisleadingError, SetScore
from asuka.metrics.table import Protocol
from asuka.metrics.whole import Whole

RANGES = (0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1)  # of the hole ratio; an edge belongs to the range below it
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
    return {key.removeprefix("score/"): mean(measured.values(key), photos, seed) for key in keys}


def mean(values: np.ndarray, photos: list[str], seed: int) -> Number:
    """Mean of the values (N,) that are there, not nan, and its interval over the photographs photos[n]."""
    there = np.flatnonzero(~np.isnan(values))
    if not len(there):
        return {"refused": "no picture has such a number"}
    number: Number = {"value": float(values[there].mean()), "pictures": len(there)}
    owners = {photo: row for row, photo in enumerate(dict.fromkeys(photos))}
    if isfinite(number["value"]) and len({photos[place] for place in there}) > 1:
        photo = torch.tensor([owners[photos[place]] for place in there])
        low, high = bootstrap(torch.from_numpy(values[there]), photo, seed)
        number |= {"low": low, "high": high}
    return number


def _sets(measured: Measured, protocol: Protocol, draw: int) -> Numbers:
    """Numbers of all set scores, without intervals."""
    numbers: Numbers = {}
    for view, score, found in _opened(measured, protocol, draw):
        numbers |= {f"{view}{key}": number for key, number in _set(score, found).items()}
    return numbers


def _with_folds(measured: Measured, protocol: Protocol) -> tuple[Numbers, dict[str, list[float]]]:
    """Numbers of all set scores with intervals, and their values without each fold."""
    numbers: Numbers = {}
    folds: dict[str, list[float]] = {}
    for view, score, found in _opened(measured, protocol, 0):
        told, without = _folded(score, found)
        numbers |= {f"{view}{key}": number for key, number in told.items()}
        folds |= {f"{view}{key}": [one[key] for one in without] for key in told if without}
    return numbers, folds


def _opened(measured: Measured, protocol: Protocol, draw: int) -> Iterator[tuple[str, SetScore, Features]]:
    """Every set score under every view's prefix, and what it reads, gathered once for all that read the same."""
    for view in protocol.views:
        spaces = {name: measured.features(name, view, space.per_hole, draw) for name, space in protocol.spaces.items()}
        for score in protocol.sets.values():
            yield view, score, spaces[score.space]


def _set(score: SetScore, found: Features) -> Numbers:
    """A set score's numbers without intervals, or why there are none."""
    try:
        told = _whole(score, found).numbers()
    except MisleadingError as error:
        return {key: {"refused": str(error)} for key in score.better}
    return {key: {"value": value, "pictures": len(found.results)} for key, value in told.items()}


def _whole(score: SetScore, found: Features) -> Whole:
    if len(found.real) < score.least:
        raise MisleadingError(
            f"no {' and '.join(score.better)} of {len(found.real)} photographs: of so few it is mostly bias; "
            f"give {score.least} or more"
        )
    return score.reduce.open(found.real, found.results, found.photo)


def _folded(score: SetScore, found: Features) -> tuple[Numbers, list[dict[str, float]]]:
    """A set score's numbers, and those without each fold; none where there are too few pictures."""
    try:
        whole = _whole(score, found)
        values = whole.numbers()
    except MisleadingError as error:
        return {key: {"refused": str(error)} for key in score.better}, []
    told: Numbers = {key: {"value": value, "pictures": len(found.results)} for key, value in values.items()}
    try:
        without = leave_out(whole, found.photo, groups(found.names))
        for key, half_width in jackknife(values, without).items():
            told[key] |= {"low": values[key] - half_width, "high": values[key] + half_width}
    except MisleadingError:  # the number stands, its interval does not
        return told, []
    return told, without


def _sanity(measured: Measured, protocol: Protocol) -> Numbers:
    """Set scores of half of the photographs against the other half: what no method can be told to beat."""
    numbers: Numbers = {}
    for score in protocol.sets.values():
        if protocol.spaces[score.space].per_hole:
            continue
        found = measured.features(score.space, "", False, 0)
        half = len(found.real) // 2
        numbers |= _set(score, Features(found.real[:half], found.real[half : 2 * half], torch.arange(half), []))
    return numbers


def _spread(measured: Measured, protocol: Protocol) -> dict[str, float]:
    """Standard deviation over the draws of each number that every one of them has, and that is finite."""
    rounds = []
    for draw in range(measured.draws):
        means = {name: float(np.nanmean(measured.values(f"score/{name}", draw))) for name in measured.scores}
        sets = {key: number.get("value", nan) for key, number in _sets(measured, protocol, draw).items()}
        rounds.append(means | sets)
    columns = {name: [one[name] for one in rounds] for name in rounds[0]}
    return {name: stdev(values) for name, values in columns.items() if all(map(isfinite, values))}
