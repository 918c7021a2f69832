"""Every option file: flat, at home, all knobs shown, composable; and what `asuka.config` refuses."""

import importlib
import inspect
import re
from dataclasses import fields
from pathlib import Path

import pytest
import yaml
from conftest import composed
from omegaconf import OmegaConf

from asuka.config import CONF, build, check, guard
from asuka.errors import InputError
from asuka.training.loop import LoopConfig

FOLDER = Path(CONF)
ROOTS = sorted(file.stem for file in FOLDER.glob("*.yaml"))
EXPERIMENTS = sorted((FOLDER / "experiment").glob("*.yaml"))
OPTIONS = sorted(file for file in FOLDER.rglob("*.yaml") if file.parent not in (FOLDER, FOLDER / "experiment"))
# Where the targets of a group live; a stage file lives in the module of its own name.
HOMES = {
    "base": "asuka.diffusion",
    "data": "asuka.data",
    "masks": "asuka.data.masks",
    "method": "asuka.methods",
    "method/condition": "asuka.condition",
    "method/decode": "asuka.decode",
    "stage": "asuka.stages",
}

by_option = pytest.mark.parametrize("file", OPTIONS, ids=lambda file: file.relative_to(FOLDER).as_posix())


def group_of(file: Path) -> str:
    return file.parent.relative_to(FOLDER).as_posix()


def node_of(file: Path) -> dict:
    """What an option gives to its target: the file's keys, or those below `stage:`."""
    shown = yaml.safe_load(file.read_text())
    return shown["stage"] if group_of(file) == "stage" else shown


def cases() -> list[tuple[str, str]]:
    """Every (root, group=option) that a command line may hold."""
    found = []
    for root in ROOTS:
        defaults = yaml.safe_load((FOLDER / f"{root}.yaml").read_text())["defaults"]
        groups = {group for entry in defaults if isinstance(entry, dict) for group in entry}
        below = [file for file in OPTIONS if group_of(file).split("/")[0] in groups]
        found += [(root, f"{group_of(file)}={file.stem}") for file in below]
    return found


def test_there_is_something_to_test() -> None:
    assert "train" in ROOTS
    assert {group_of(file) for file in OPTIONS} == set(HOMES)
    assert len(cases()) >= len(OPTIONS)


@by_option
def test_an_option_is_short_flat_and_at_home(file: Path) -> None:
    group, node = group_of(file), node_of(file)
    assert len(node) <= 16  # the target and 15 knobs
    assert len(file.read_text().splitlines()) <= 20
    assert not [key for key, value in node.items() if isinstance(value, dict)]
    home = f"{HOMES[group]}.{file.stem}" if group == "stage" else HOMES[group]
    assert node["_target_"].startswith(f"{home}.")
    if group == "stage":
        shown = yaml.safe_load(file.read_text())
        assert file.read_text().startswith("# @package _global_\n")
        assert shown.keys() <= {"stage", "loop"}
        assert shown["loop"].keys() <= {knob.name for knob in fields(LoopConfig)}


@by_option
def test_an_option_shows_every_argument_of_its_target(file: Path) -> None:
    node = dict(node_of(file))
    module, _, name = node.pop("_target_").rpartition(".")
    arguments = set(inspect.signature(getattr(importlib.import_module(module), name)).parameters)
    nested = {group for entry in node.pop("defaults", []) if isinstance(entry, dict) for group in entry}
    for group in nested:
        assert (file.parent / group).is_dir()
    assert not nested & node.keys()
    assert nested | node.keys() == arguments


@by_option
def test_an_option_refers_to_words_of_the_root_and_to_each_once(file: Path) -> None:
    words = re.findall(r"\$\{(.*?)\}", file.read_text())
    assert set(words) <= {"base", "data", "seed"}
    assert len(words) == len(set(words))  # ${base} twice would be two models in memory


@pytest.mark.parametrize("file", EXPERIMENTS, ids=lambda file: file.stem)
def test_an_experiment_overrides_and_nothing_else(file: Path) -> None:
    shown = yaml.safe_load(file.read_text())
    assert file.read_text().startswith("# @package _global_\n")
    assert "_target_" not in file.read_text()
    config = composed("train", f"experiment={file.stem}", f"run_dir={shown['run_dir']}")
    check(config)
    values = OmegaConf.to_container(config, resolve=True)
    for place in ("stage", "loop"):
        assert shown.get(place, {}).items() <= values[place].items()


@pytest.mark.parametrize(("root", "choice"), cases())
def test_every_choice_composes_and_checks(root: str, choice: str) -> None:
    config = composed(root, choice)
    check(config)
    values = OmegaConf.to_container(config, resolve=True)
    assert "${" not in str(values)
    if root == "train":
        assert isinstance(OmegaConf.to_object(config.loop), LoopConfig)


def test_every_unknown_argument_is_named_with_the_nearest_word() -> None:
    with pytest.raises(InputError) as caught:
        check(composed("train", "stage=mae", "+stage.perset=1", "+masks.border_width=3", "+stage.dorp=0"))
    text = str(caught.value)
    assert "stage.perset: asuka.stages.mae.MaeStage has no such argument; did you mean preset?" in text
    assert "stage.dorp: asuka.stages.mae.MaeStage has no such argument; did you mean drop?" in text
    assert "masks.border_width: asuka.data.masks.Mixed has no such argument; " in text


def test_an_argument_like_no_other_is_told_all() -> None:
    with pytest.raises(InputError, match="stage.zzz: .* no such argument; it has preset, init, drop, seed$"):
        check(composed("train", "stage=mae", "+stage.zzz=1"))


def test_what_a_target_complains_about_comes_out_as_it_said_it() -> None:
    with pytest.raises(InputError, match="^data.root is not set; give a folder"):
        build(composed("train", "data=folder").data)
    with pytest.raises(InputError, match="^Boxes: min_count=1 is out of range; give .*max_count=0"):
        build(composed("train", "masks=boxes", "masks.max_count=0").masks)


@pytest.fixture
def held(tmp_path: Path) -> Path:
    """A run's folder with the memory of `stage=mae loop.lr=0.001 loop.steps=100`, and a checkpoint."""
    guard(tmp_path, composed("train", "stage=mae", "loop.lr=0.001", "loop.steps=100"))
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    return tmp_path


def again(held: Path, *overrides: str) -> None:
    guard(held, composed("train", "stage=mae", "loop.lr=0.001", "loop.steps=100", *overrides))


@pytest.mark.parametrize("lr", ["1e-3", "0.001"])
def test_the_same_run_goes_on(held: Path, lr: str) -> None:
    before = (held / "config.yaml").read_text()
    again(held, f"loop.lr={lr}")
    assert (held / "config.yaml").read_text() == before


def test_a_small_number_is_remembered_as_it_is(tmp_path: Path) -> None:
    for _ in range(2):
        guard(tmp_path, composed("train", "stage=mae", "loop.lr=1e-5"))


@pytest.mark.parametrize("word", ["loop.steps=101", "loop.workers=0", "loop.save_every=7", "loop.device=cpu"])
def test_what_makes_no_other_run_is_allowed_and_remembered(held: Path, word: str) -> None:
    again(held, word)
    key, value = word.removeprefix("loop.").split("=")
    assert str(yaml.safe_load((held / "config.yaml").read_text())["loop"][key]) == value


@pytest.mark.parametrize(
    ("word", "change"),
    [
        ("loop.lr=0.002", "loop.lr: was 0.001, is 0.002"),
        ("loop.steps=99", "loop.steps: was 100, is 99"),
        ("loop.batch=32", "loop.batch: was 64, is 32"),
        ("seed=1", "seed: was 0, is 1; stage.seed: was 0, is 1"),
        ("stage.init=folder", "stage.init: was None, is folder"),
        ("masks=patches", "masks.ratio: was None, is 0.75"),
        ("stage=vae", "stage.preset: was tiny, is None"),
    ],
)
def test_another_run_is_refused_and_nothing_is_touched(held: Path, word: str, change: str) -> None:
    before = (held / "config.yaml").read_bytes()
    with pytest.raises(InputError) as caught:
        again(held, word)
    assert str(caught.value).startswith(f"{held} holds another run; choose a new run_dir, or undo: ")
    assert change in str(caught.value)
    assert (held / "config.yaml").read_bytes() == before
    assert sorted(file.name for file in held.iterdir()) == ["checkpoint.pt", "config.yaml"]


def test_a_run_that_never_began_may_be_changed(tmp_path: Path) -> None:
    guard(tmp_path, composed("train", "stage=mae", "loop.batch=30"))
    guard(tmp_path, composed("train", "stage=mae", "loop.batch=32"))
