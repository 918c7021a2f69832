"""Several methods measured on the same pairs, and how each differs from one of them."""

from dataclasses import dataclass, field

import numpy as np
import torch

from asuka.errors import InputError, nearest
from asuka.evaluation.finished import Finished
from asuka.evaluation.report import Number
from asuka.metrics.interval import bootstrap, jackknife
from asuka.metrics.metric import LOWER, MisleadingError
from asuka.metrics.table import PROTOCOLS
from asuka.stems import shown

RAW = "raw_"  # prefix of the numbers of raw results
# What must be the same for numbers to be comparable: word of the provenance -> that of a line of the manifest.
SAME = {"images": "sha256", "holes": "hole"}
ARROWS = {"higher": "↑", "lower": "↓"}


@dataclass(frozen=True)
class Comparison:
    """Evaluations that belong side by side, the baseline among them."""

    runs: list[Finished]
    baseline: Finished
    # (name, key) -> difference: two tables show it, and of many pictures the bootstrap takes seconds.
    _known: dict[tuple[str, str], Number] = field(default_factory=dict, init=False, repr=False, compare=False)

    @classmethod
    def of(cls, runs: list[Finished], baseline: str | None) -> "Comparison":
        """InputError, every fault a sentence, where their numbers are not of the same pairs; `baseline` is a name, the
        first one's if None."""
        names = [run.name for run in runs]
        if baseline is not None and baseline not in names:
            remedy = nearest(baseline, names, f"choose one of {', '.join(names)}")
            raise InputError(f"baseline={baseline}: there is no such evaluation among the folders; {remedy}")
        chosen = runs[0] if baseline is None else runs[names.index(baseline)]
        problems = [problem for run in runs if run is not chosen for problem in _unlike(run, chosen)]
        if problems:
            raise InputError(*problems)
        return cls(runs, chosen)

    @property
    def others(self) -> list[Finished]:
        return [run for run in self.runs if run is not self.baseline]

    @property
    def keys(self) -> list[str]:
        """Every number that some evaluation has, raw ones last."""
        keys = list(dict.fromkeys(key for run in self.runs for key in run.overall))
        return sorted(keys, key=lambda key: key.startswith(RAW))

    def better(self, key: str) -> str | None:
        """Which way is better, as asuka.metrics.metric has it; a name means the same in every protocol."""
        ways = {"stability": LOWER}
        for protocol in PROTOCOLS.values():
            ways |= {name: score.better for name, score in protocol.scores.items()}
            ways |= {name: way for score in protocol.sets.values() for name, way in score.better.items()}
        return ways.get(key.removeprefix(RAW))

    def head(self, key: str) -> str:
        """A number's name with an arrow to where it is better."""
        return f"{key} {ARROWS.get(self.better(key) or '', '')}".strip()

    def difference(self, run: Finished, key: str) -> Number:
        """What an evaluation's number is more than the baseline's, from the same pairs: value, low, high, pictures, or
        why there is none. Scores by bootstrap, those of whole sets by jackknife over the same folds of photographs."""
        if (run.name, key) not in self._known:
            self._known[run.name, key] = self._difference(run, key)
        return self._known[run.name, key]

    def _difference(self, run: Finished, key: str) -> Number:
        pair = (run.number(key), self.baseline.number(key))
        if refused := [number for number in pair if "refused" in number]:
            return refused[0]
        return _of_scores(run, self.baseline, key) if key in run.columns else _of_sets(run, self.baseline, key)

    def remarks(self) -> list[str]:
        """What differs and may matter: commits and versions of libraries."""
        found, base = [], self.baseline
        for run in self.others:
            if run.about["commit"] != base.about["commit"]:
                commits = f"{run.about['commit'][:12]} and {base.about['commit'][:12]}"
                found.append(f"{run.name} and {base.name} were measured by different commits ({commits})")
            ours, theirs = run.about["versions"], base.about["versions"]
            other = [name for name in sorted(ours.keys() | theirs.keys()) if ours.get(name) != theirs.get(name)]
            if other:
                words = ", ".join(f"{name} {ours.get(name)} and {theirs.get(name)}" for name in other)
                found.append(f"{run.name} and {base.name} were measured with different versions ({words})")
        return found


def _unlike(run: Finished, base: Finished) -> list[str]:
    """Why the numbers of two evaluations cannot be compared. Where pairs differ, that says why hashes do."""
    problems = []
    for one, two in ((run, base), (base, run)):
        if alone := sorted(set(one.names) - set(two.names)):
            problems.append(
                f"{one.folder} has {len(alone)} pairs that {two.folder} has not ({shown(alone)}); evaluate both with "
                "the same data, holes and count"
            )
    protocols = (run.about["protocol"], base.about["protocol"])
    if protocols[0] != protocols[1]:
        problems.append(
            f"{run.folder} was measured with protocol={protocols[0]} and {base.folder} with {protocols[1]}; evaluate "
            "both with the same"
        )
    ours, theirs = run.about["networks"], base.about["networks"]
    if other := sorted(name for name in ours.keys() & theirs.keys() if ours[name] != theirs[name]):
        problems.append(
            f"{run.folder} was measured by other weights of {', '.join(other)} than {base.folder}; evaluate both with "
            "the same"
        )
    for key, word in SAME.items():
        if run.about[key] != base.about[key] and run.manifest.keys() == base.manifest.keys():
            other = [name for name in base.names if run.manifest[name][word] != base.manifest[name][word]]
            problems.append(
                f"{run.folder} was measured on other {key} than {base.folder} (pairs {shown(other)}); evaluate both "
                f"with the same {key}"
            )
    return problems


def _of_scores(run: Finished, base: Finished, key: str) -> Number:
    """Mean of the differences of the pictures that have such a number in both."""
    place = {name: row for row, name in enumerate(base.names)}
    order = [place[name] for name in run.names]
    ours, theirs = run.columns[key], base.columns[key][order]
    if np.isinf(ours).any() or np.isinf(theirs).any():
        return {"refused": f"{key} is infinite for some pictures, which has no mean difference"}
    there = np.flatnonzero(~np.isnan(ours - theirs))
    if not len(there):
        return {"refused": f"no picture has {key} in both {run.name} and {base.name}"}
    values = (ours - theirs)[there]
    photos = {photo: number for number, photo in enumerate(dict.fromkeys(base.photos))}
    owners = torch.tensor([photos[base.photos[order[row]]] for row in there])
    number: Number = {"value": float(values.mean()), "pictures": len(there)}
    try:
        low, high = bootstrap(torch.from_numpy(values), owners, base.about["seed"])
    except MisleadingError:  # a single photograph: the number stands, its interval does not
        return number
    return number | {"low": low, "high": high}


def _of_sets(run: Finished, base: Finished, key: str) -> Number:
    """Difference of two numbers of the same set of photographs."""
    ours, theirs = run.number(key), base.number(key)
    number: Number = {"value": ours["value"] - theirs["value"], "pictures": ours["pictures"]}
    if key not in run.folds or key not in base.folds:
        return number
    pairs = zip(run.folds[key], base.folds[key], strict=True)
    width = jackknife({key: number["value"]}, [{key: one - two} for one, two in pairs])[key]
    return number | {"low": number["value"] - width, "high": number["value"] + width}
