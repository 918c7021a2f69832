"""Every option file: flat, at home, all knobs shown, composable; and what `asuka.config` refuses."""

import importlib
import inspect
import re
import sys
from argparse import Namespace
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
import yaml
from conftest import arguments, composed
from layouts import misato_zip
from omegaconf import OmegaConf
from PIL import Image
from standins import stand_in

from asuka.commands.make_shards import make
from asuka.config import CONF, build, build_all, check, guard
from asuka.data.files import Files
from asuka.data.made import Made, Photographs
from asuka.data.manifest import freeze
from asuka.errors import InputError
from asuka.signature import KINDS, misfit, parameters
from asuka.training.knobs import LEAST, LoopConfig

FOLDER = Path(CONF)
ROOTS = sorted(file.stem for file in FOLDER.glob("*.yaml"))
EXPERIMENTS = sorted((FOLDER / "experiment").glob("*.yaml"))
# accelerate/ is for `accelerate launch`, which tests/test_launch.py reads.
APART = (FOLDER, FOLDER / "experiment", FOLDER / "accelerate")
OPTIONS = sorted(file for file in FOLDER.rglob("*.yaml") if file.parent not in APART)
# Where the targets of a group live; a stage file lives in the module of its own name.
HOMES = {
    "base": "asuka.diffusion",
    "data": "asuka.data",
    "masks": "asuka.data.masks",
    "method": "asuka.methods",
    "method/condition": "asuka.condition",
    "method/decode": "asuka.decode",
    "method/sampler": ("asuka.diffusion", "asuka.methods"),  # the latter where one knows ASUKA's own parts
    "stage": "asuka.stages",
}

# What an option, or every option of a group, must be told to be built small and from toy parts; a stage's is SMALL, a
# method's in tests/standins.py.
TOY = {
    "base": ["base.weights={toy}/base"],
    "base/flux_fill": ["base.weights={toy}/flux"],
    "base/sd15": ["base.weights={toy}/text"],
    "data/folder": ["data.root={photos}", "data.size=32", "data.dev=0.3"],
    "data/manifest": ["data.path={bench}/manifest.jsonl", "data.root={bench}/misato.zip"],
    "data/misato": ["data.root={bench}/misato.zip"],
    "data/mixed": ["data.root={photos}", "data.size=32", "data.dev=0.3"],
    "data/pairs": ["data.root={bench}/misato.zip"],
    "data/places2": ["data.root={photos}", "data.size=32"],
    "data/webdataset": ["data.root={photos}/shards", "data.size=32", "data.dev=0.3"],
    "data/synthetic": ["data.size=32", "data.count=8", "data.val_count=8"],
    "masks": [],
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
    homes = f"{HOMES[group]}.{file.stem}" if group == "stage" else HOMES[group]
    assert any(node["_target_"].startswith(f"{home}.") for home in np.atleast_1d(homes))
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
def test_an_option_is_checked_by_the_arguments_its_target_has(file: Path) -> None:
    target = node_of(file)["_target_"]
    module, _, name = target.rpartition(".")
    real = inspect.signature(getattr(importlib.import_module(module), name)).parameters
    assert list(parameters(target)) == list(real)
    for key, annotation in parameters(target).items():
        assert inspect.formatannotation(real[key].annotation).rpartition(".")[2] == annotation.rpartition(".")[2]


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty noisy pictures, enough for some to be held out, and shards/ of them."""
    folder, rng = tmp_path_factory.mktemp("photos"), np.random.default_rng(0)
    for number in range(20):
        Image.fromarray(rng.integers(0, 256, (40, 50, 3), dtype=np.uint8)).save(folder / f"{number}.png")
    make(Namespace(root=folder, target=folder / "shards", megabytes=1))
    return folder


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All of MISATO, grey, and a manifest that lists none of it."""
    folder = tmp_path_factory.mktemp("bench")
    files = Files(misato_zip(folder / "misato.zip", 512, ""))
    freeze(Made(Photographs(files), [], {"data": "pairs"}), folder / "manifest.jsonl")
    return folder


@by_option
def test_an_option_is_built_at_toy_size(file: Path, toy: Path, photos: Path, bench: Path, tmp_path: Path) -> None:
    group = group_of(file)
    root, choice = next(case for case in cases() if case[1] == f"{group}={file.stem}")
    if group == "stage":
        config = composed(root, *arguments(file.stem, toy, tmp_path))
    elif group.startswith("method"):
        config = composed(root, *stand_in(choice if group == "method" else f"method=sd {choice}", toy))
    else:
        parts = {"toy": toy, "photos": photos, "bench": bench}
        small = [word.format(**parts) for word in TOY.get(f"{group}/{file.stem}") or TOY.get(group, [])]
        assert f"{group}/{file.stem}" in TOY or group in TOY, f"give {group}/{file.stem} a row in TOY"
        base = [] if group == "base" else [word.format(**parts) for word in TOY["base"]]
        config = composed(root, choice, *base, *small)
    check(config)
    assert build(OmegaConf.select(config, group.replace("/", "."))) is not None


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
    for place in ("stage", "loop", "data", "sweep"):
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


@pytest.mark.parametrize(
    ("annotation", "right", "wrong"),
    [
        ("int", [0, -3], [0.5, "1", None, True, [1]]),
        ("float", [0, 0.5, 1e9], ["0.5", None, False, [0.5]]),
        ("bool", [True, False], [0, "true", None]),
        ("str", ["", "word"], [7, None, ["word"]]),
        ("str | None", ["word", None], [7, ["word"]]),
        ("list[int]", [[], [8, 16]], [8, "[8]", [0.5], None, {}]),
        ("list[float]", [[0.5, 1]], [0.5, ["a"]]),
        ("LatentDiffusion", [0, "anything"], []),
    ],
)
def test_a_value_is_of_the_kind_its_argument_is(annotation: str, right: list, wrong: list) -> None:
    assert [misfit(value, annotation) for value in [*right, "${seed}"]] == [""] * (len(right) + 1)
    for value in wrong:
        assert KINDS[annotation.partition(" ")[0]] in misfit(value, annotation)


def test_every_wrong_kind_and_every_illegal_pair_is_told_at_once() -> None:
    words = "stage.drop=much stage.preset=[1] masks.lo=null loop.batch=30 loop.distinct=31 loop.accumulate=4"
    with pytest.raises(InputError) as caught:
        check(composed("train", "stage=mae", *words.split(), "loop.precision=fp16", "loop.ema=1.5", "loop.steps=0"))
    assert caught.value.args == (
        "stage.drop=much: must be a number; give another value",
        "stage.preset=[1]: must be text (./7 for a folder named 7); give another value",
        "masks.lo=None: must be a number; give another value",
        "loop.steps=0: must be 1 or more; give another number",
        "loop.ema=1.5: must lie from 0 to 1; give another number",
        "loop.precision=fp16: there is no such choice; did you mean bf16?",
        "loop.distinct=31 is no multiple of loop.batch=30; give one, or 0 for never",
        "loop.batch=30 does not split over 1 processes and loop.accumulate=4; give a multiple of 4",
    )


@pytest.mark.parametrize("name", LEAST)
def test_no_knob_may_be_less_than_its_least_or_no_number(name: str) -> None:
    kind = type(getattr(LoopConfig(), name))
    for value in (kind(LEAST[name] - 1), *(["nan"] if kind is float else [])):
        with pytest.raises(InputError, match=f"loop.{name}={value}: must be {LEAST[name]} or more"):
            check(composed("train", f"loop.{name}={value}"))


def test_a_batch_must_split_over_the_processes_that_were_started(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "3")
    with pytest.raises(InputError, match="loop.batch=32 does not split over 3 processes and loop.accumulate=1"):
        check(composed("train"))


@pytest.mark.parametrize("name", ["tensorboard", "wandb"])
def test_a_tracker_that_is_not_there_is_told_with_what_installs_it(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(InputError, match=rf"loop.tracker={name}: not installed; pip install -e '.\[{name}\]'"):
        check(composed("train", f"loop.tracker={name}"))


def test_data_and_holes_complain_together() -> None:
    config = composed("train", "data=folder", "masks=boxes", "masks.max_count=0")
    with pytest.raises(InputError) as caught:
        build_all(config.data, config.masks)
    assert len(caught.value.args) == 2


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


@pytest.mark.parametrize("word", ["loop.steps=101", "loop.workers=0", "loop.save_every=7", "loop.tracker=tensorboard"])
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
