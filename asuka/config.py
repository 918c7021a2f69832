"""Configuration: typed roots, a check of every argument before anything is built, and the memory of a run."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from textwrap import fill
from typing import Any

import yaml
from hydra.core.config_store import ConfigStore
from hydra.errors import InstantiationException
from hydra.utils import instantiate
from omegaconf import MISSING, DictConfig, OmegaConf

from asuka.disk import write_file
from asuka.errors import InputError, nearest, said
from asuka.registry import require
from asuka.signature import misfit, parameters
from asuka.training import knobs, world
from asuka.training.knobs import LoopConfig

CONF = str(Path(__file__).parents[1] / "conf")
# What the same run may be continued with; everything else makes it another run.
FREE = {
    "run_dir",
    "device",
    "sweep",
    "data.max_bad",
    "loop.workers",
    "loop.device",
    "loop.frozen",
    "loop.tracker",
    "loop.log_every",
    "loop.save_every",
    "loop.preview_every",
    "loop.validate_every",
}


@dataclass
class SweepConfig:
    """What `python -m asuka.sweep` makes of a training; the training itself reads none of it."""

    # Name -> trainings, one after the other, arguments of asuka.train, {weights} those of the one before; [] for none.
    points: dict[str, list[list[str]]] = field(default_factory=dict)
    point: str = ""
    # Arguments of asuka.evaluate; {weights} are the trained ones, {base.weights} and the like the last training's own.
    evaluate: list[str] = field(default_factory=list)
    each: dict[str, list[str]] = field(default_factory=dict)  # name -> such arguments of a point's own
    more: list[str] = field(default_factory=list)  # further ones
    photos: str | None = None  # what is evaluated on, as {sweep.photos}
    processes: int = 1  # of each training and evaluation


@dataclass
class TrainConfig:
    """Root of `python -m asuka.train`."""

    stage: Any = MISSING
    base: Any = MISSING
    data: Any = MISSING
    masks: Any = MISSING
    loop: LoopConfig = field(default_factory=LoopConfig)
    sweep: SweepConfig = field(default_factory=SweepConfig)
    seed: int = 0
    run_dir: str = MISSING


@dataclass
class InpaintConfig:
    """Root of `python -m asuka.inpaint`."""

    method: Any = MISSING
    base: Any = MISSING
    image: str = MISSING
    mask: str | None = None
    out: str = MISSING
    prior: str | None = None
    caption: str = ""
    hole: str = "white"
    dilate: int = 0
    fill_holes: bool = False
    resize_mask: bool = False
    paste: str = "exact"
    feather: int = 8
    num_candidates: int = 1
    batch_size: int = 1
    format: str = "png"
    quality: int = 95
    seed: int = 0
    device: str = "auto"


@dataclass
class EvaluateConfig:
    """Root of `python -m asuka.evaluate`."""

    method: Any = MISSING
    base: Any = MISSING
    data: Any = MISSING
    masks: Any = None
    holes: int = 1
    count: int | None = None
    draws: int = 1
    protocol: str = "standard"
    metrics: list[str] | None = None
    clip: str = "openai/clip-vit-large-patch14"
    batch_size: int = 8
    seed: int = 0
    device: str = "auto"
    run_dir: str = MISSING


def register() -> None:
    """Make the typed roots known to Hydra, `${options:GROUP}`, the words of a group, to the page of --help, and
    `${names:POINTS}` and `${seeds:POINTS}`, the points and their seeds as choice sweeps, to asuka.sweep."""
    for name, resolver in {"options": options, "names": ",".join, "seeds": _seeds}.items():
        OmegaConf.register_new_resolver(name, resolver, replace=True)
    for name, root in {"train": TrainConfig, "inpaint": InpaintConfig, "evaluate": EvaluateConfig}.items():
        ConfigStore.instance().store(name=f"{name}_schema", node=root)


def _seeds(points: DictConfig) -> str:
    """Those of a sweep where none are typed: of what trains nothing the one that evaluations have."""
    return "0" if points and not any(points.values()) else "0,1,2"


def options(group: str) -> str:
    """The options of a group, as a person would read them; on a page of help many take several lines."""
    words = ", ".join(sorted(file.stem for file in Path(CONF, group).glob("*.yaml")))
    return fill(words, 116, subsequent_indent=" " * 21)


def check(config: DictConfig) -> None:
    """InputError, all problems at once, where an object would be built with an argument that it does not have or cannot
    take, or where the loop's knobs do not go together. Nothing is built or imported for it."""
    problems = _problems(OmegaConf.to_container(config, resolve=False), "")
    if "loop" in config:
        problems += knobs.problems(OmegaConf.to_object(config.loop), world.size())
    if problems:
        raise InputError(*problems)


def build(node: DictConfig) -> Any:
    """The object an option describes; its own complaints come out as InputError."""
    try:
        return instantiate(node, _convert_="all")
    except InstantiationException as error:
        cause = error.__cause__
        if isinstance(cause, ValueError | OSError):
            raise InputError(said(cause, None)) from error
        raise cause or error from None


def build_all(*nodes: DictConfig) -> list[Any]:
    """The objects of several options, and the complaints of all of them together."""
    built, problems = [], []
    for node in nodes:
        try:
            built.append(build(node))
        except InputError as error:
            problems += error.args
    if problems:
        raise InputError(*problems)
    return built


def option(group: str, name: str) -> Any:
    """The object of conf/GROUP/NAME.yaml as it stands there. InputError where there is no such file."""
    choices = sorted(file.stem for file in Path(CONF, group).glob("*.yaml"))
    if name not in choices:
        remedy = nearest(name, choices, f"choose one of {', '.join(choices)}")
        raise InputError(f"{group}={name}: there is no such {group}; {remedy}")
    return build(OmegaConf.load(Path(CONF, group, f"{name}.yaml")))


def identity(config: DictConfig) -> str:
    """Twelve hex digits of all that makes a run what it is: its resolved configuration without the FREE keys."""
    own = _own(OmegaConf.to_container(config, resolve=True))
    return hashlib.blake2b(json.dumps(own, sort_keys=True).encode(), digest_size=6).hexdigest()


def guard(run_dir: Path, config: DictConfig, work: str = "checkpoint.pt") -> None:
    """Remember a run's configuration; InputError with the differences where the folder holds another run's.

    `work`: what is in the folder as soon as another configuration could spoil anything.
    """
    now = OmegaConf.to_container(config, resolve=True)
    file = run_dir / "config.yaml"
    if file.exists() and (run_dir / work).exists():
        before = yaml.safe_load(file.read_text())
        changes = _changes(_own(before), _own(now))
        if changes:
            raise InputError(f"{run_dir} holds another run; choose a new run_dir, or undo: {'; '.join(changes)}")
    if world.rank() == 0:
        write_file(file, yaml.safe_dump(now, sort_keys=False))


def guard_parts(run_dir: Path, reads: dict[str, str], work: str = "checkpoint.pt") -> None:
    """Remember the fingerprints of what a run reads; InputError where the same path now holds other weights."""
    file = run_dir / "reads.yaml"
    if file.exists() and (run_dir / work).exists():
        require(f"the run in {run_dir}", yaml.safe_load(file.read_text()), reads)
    if world.rank() == 0:
        write_file(file, yaml.safe_dump(reads))


def flattened(node: Any, place: str = "") -> dict[str, Any]:
    """A nested configuration as `group.key` -> value."""
    if not isinstance(node, dict):
        return {place: node}
    flat = {}
    for name, part in node.items():
        flat |= flattened(part, f"{place}.{name}".lstrip("."))
    return flat


def _problems(node: Any, place: str) -> list[str]:
    if not isinstance(node, dict):
        return []
    found = []
    if "_target_" in node:
        known = parameters(node["_target_"])
        for key in sorted(node.keys() - {"_target_", *known}):
            remedy = nearest(key, list(known), f"it has {', '.join(known)}")
            found.append(f"{place}{key}: {node['_target_']} has no such argument; {remedy}")
        for key in sorted(node.keys() & known.keys()):
            if wanted := misfit(node[key], known[key]):
                found.append(f"{place}{key}={node[key]}: must be {wanted}; give another value")
    for key, value in node.items():
        found += _problems(value, f"{place}{key}.")
    return found


def _own(node: dict) -> dict[str, Any]:
    """A configuration, flattened, without what the same run may be continued with."""
    own = flattened(node).items()
    return {key: value for key, value in own if not any(f"{key}.".startswith(f"{free}.") for free in FREE)}


def _changes(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    changes = []
    for key in sorted(before.keys() | now.keys()):
        old, new = before.get(key), now.get(key)
        grows = key == "loop.steps" and new >= old
        if old != new and not grows:
            changes.append(f"{key}: was {old}, is {new}")
    return changes
