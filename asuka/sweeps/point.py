"""Which trainings and which evaluation a command of a sweep stands for, and under which names they are kept."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from omegaconf import DictConfig, OmegaConf

from asuka.config import flattened, identity
from asuka.errors import InputError, nearest
from asuka.terminal import composed

OURS = ("sweep.", "run_dir=", "seed=")  # arguments that are no words of a point
SHARED = ("base", "data", "masks")  # groups that asuka.evaluate has as asuka.train has them
Places = dict[str, Any]  # what {names} in an experiment's words stand for


@dataclass(frozen=True)
class Leg:
    """One training, or an evaluation: arguments of its command, the run's folder among them."""

    words: list[str]
    run_dir: Path


@dataclass(frozen=True)
class Point:
    """Trainings, one after the other, and the evaluation of the last one; or an evaluation alone."""

    name: str
    words: list[str]  # that were typed for it, without the sweep's own and the seed
    seed: int
    legs: list[Leg]
    evaluate: Leg | None  # arguments of asuka.evaluate; nothing where there are none

    @property
    def folder(self) -> Path:
        """Of the last training, or of the evaluation where nothing is trained, named by the hash of its configuration;
        in it are the point's entry and evaluation."""
        return (self.legs or [self.evaluate])[-1].run_dir


def point(config: DictConfig, words: list[str]) -> Point:
    """The point that `words`, arguments of asuka.sweep without commas, stand for; `config` is composed of them.

    InputError for a name that the experiment does not have, where photographs to evaluate on are wanted and not given,
    and where a point would do nothing or leave what was typed aside. Arguments that the experiment names wrongly are no
    error here: the command that reads them says so, and its point alone fails.
    """
    sweep, run_dir, legs, known = config.sweep, Path(config.run_dir), [], None
    own = [word for word in words if not word.lstrip("+~").startswith(OURS)]
    for trained in _trainings(sweep):
        before = {"weights": legs[-1].run_dir / "weights"} if legs else {}
        arguments = _merged([_filled(word, before) for word in trained], own)
        leg, known = _leg("train", [*arguments, f"seed={config.seed}"], run_dir)
        legs.append(leg)
    said = _merged(list(sweep.evaluate), list(sweep.each.get(sweep.point, [])))
    if sweep.photos is None and any("{sweep.photos}" in word for word in said):
        raise InputError("sweep.photos is not set; give the folder of photographs to evaluate on")
    evaluate = _evaluation(sweep, said, legs[-1], known) if legs else _untrained(config, said, own)
    return Point(sweep.point, own, config.seed, legs, evaluate)


def _trainings(sweep: DictConfig) -> list[list[str]]:
    for place, name in [*(("sweep.each.", name) for name in sweep.each), ("sweep.point=", sweep.point)]:
        if name not in (sweep.points or [""]):
            names = list(sweep.points)
            remedy = nearest(name, names, f"choose one of {', '.join(names)}" if names else "give sweep.points")
            raise InputError(f"{place}{name}: there is no such point; {remedy}")
    return OmegaConf.to_container(sweep.points[sweep.point]) if sweep.points else [[]]


def _evaluation(sweep: DictConfig, said: list[str], trained: Leg, known: Places | None) -> Leg | None:
    """Of what a training leaves, on the base that it was trained on."""
    if known is None or not (said or sweep.more):
        return None  # a training that cannot be read will not come to it
    places = known | {"weights": trained.run_dir / "weights", "sweep.photos": sweep.photos}
    base = [word for word in trained.words if _group(word) == "base"]
    words = _merged(_merged(base, [_filled(word, places) for word in said]), list(sweep.more))
    return _leg("evaluate", words, trained.run_dir / "evaluation")[0]


def _untrained(config: DictConfig, said: list[str], own: list[str]) -> Leg:
    """Of what needs no training, at the sweep's seed; typed arguments take the place of what the experiment says."""
    sweep = config.sweep
    if not (said or sweep.more):
        raise InputError(f"sweep.point={sweep.point}: trains and evaluates nothing; give it a list in sweep.each")
    places = flattened(OmegaConf.to_container(config, resolve=True))
    typed = [*_shared(sweep, own), f"seed={config.seed}"]
    words = _merged(_merged([_filled(word, places) for word in said], typed), list(sweep.more))
    return _leg("evaluate", words, Path(config.run_dir))[0]


def _shared(sweep: DictConfig, own: list[str]) -> list[str]:
    """What was typed for an evaluation without a training. InputError for what no point of the experiment can use."""
    if any(sweep.points.values()):  # trainings are evaluated as the experiment says, on the base that was typed
        return [word for word in own if _group(word) == "base"]
    if strange := [word for word in own if _group(word) not in (*SHARED, "experiment")]:
        raise InputError(
            *(
                f"{word}: nothing is trained here; arguments of asuka.evaluate go into 'sweep.more=[\"…\"]'"
                for word in strange
            )
        )
    return [word for word in own if _group(word) in SHARED]


def _leg(root: str, words: list[str], folder: Path) -> tuple[Leg, Places | None]:
    """A command in a folder named by the hash of its configuration, and that, flattened; where the words make none,
    the hash is theirs."""
    try:
        config = composed(root, [*words, "run_dir=-"])
    except InputError:
        mark, known = hashlib.blake2b("\n".join(words).encode(), digest_size=6).hexdigest(), None
    else:
        mark, known = identity(config), flattened(OmegaConf.to_container(config))
    return Leg([*words, f"run_dir={folder / mark}"], folder / mark), known


def _filled(word: str, places: Places) -> str:
    """A word of the experiment with every {place} in it replaced."""

    def value(found: re.Match) -> str:
        name = found.group(1)
        if name not in places:
            raise InputError(f"{word}: {{{name}}} is no place; {nearest(name, list(places), 'see --cfg job')}")
        return "null" if places[name] is None else str(places[name])

    return re.sub(r"\{([\w.]+)\}", value, word)


def _merged(first: list[str], then: list[str]) -> list[str]:
    """Arguments of both; of a key in both those of `then` hold."""
    keys = {_key(word) for word in then}
    return [*(word for word in first if _key(word) not in keys), *then]


def _key(word: str) -> str:
    return word.partition("=")[0].lstrip("+~")


def _group(word: str) -> str:
    return _key(word).partition(".")[0]
