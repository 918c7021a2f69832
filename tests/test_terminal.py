"""What a person reads who mistypes: one sentence with the value and the remedy, and exit code 1."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from accelerate.state import AcceleratorState
from conftest import composed
from hydra import compose, initialize_config_dir

from asuka.config import CONF, guard, options, register
from asuka.errors import said
from asuka.inpaint import inpaint
from asuka.terminal import run, spoken
from asuka.train import train

ROOT = Path(__file__).parents[1]
TASKS = {"train": spoken(train), "inpaint": spoken(inpaint)}
NOWHERE = "/nowhere.png: no such file; give the path of a picture"
NO_SUCH = "there is no such argument"
HELP = "the same command with --cfg job shows all arguments"


@pytest.fixture
def heard(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Iterator[Callable[..., str]]:
    """Compose and run a command in this process, all but Hydra's own `main`; what it said."""
    monkeypatch.setenv("HYDRA_FULL_ERROR", "1")  # `run` sets it for good
    register()

    def command(root: str, words: list[str]) -> None:
        with initialize_config_dir(CONF, version_base="1.3"):
            config = compose(root, words)
        TASKS[root](config)

    def hear(root: str, *words: str) -> str:
        given = [*([f"run_dir={tmp_path}/run"] if root == "train" else []), *words]
        monkeypatch.setattr(sys, "argv", [f"asuka/{root}.py", *given])
        with pytest.raises(SystemExit) as stopped:
            run(lambda: command(root, given))
        assert stopped.value.code == 1
        return sentences(capsys.readouterr().err)

    yield hear
    AcceleratorState._reset_state(reset_partial_state=True)  # other tests may want another precision


def sentences(text: str) -> str:
    """What was said, a line for each mistake."""
    assert text.endswith("\n")
    assert "Traceback" not in text
    assert "Error executing job" not in text
    return text.removesuffix("\n")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("loop.setps=5", f"loop.setps: {NO_SUCH}; did you mean loop.steps?"),
        ("sede=5", f"sede: {NO_SUCH}; did you mean seed?"),
        ("qqqq=5", f"qqqq: {NO_SUCH}; {HELP}"),
        ("stage=algin", "stage=algin: there is no such stage; did you mean align?"),
        ("stage=zzz", f"stage=zzz: there is no such stage; choose one of {options('stage')}"),
        ("masks=strokse", "masks=strokse: there is no such masks; did you mean strokes?"),
        ("loop.lr=fast", "loop.lr=fast: must be a number; give another value"),
        ("loop.steps=1.5", "loop.steps=1.5: must be a whole number; give another value"),
        ("seed=one", "seed=one: must be a whole number; give another value"),
        ("loop.lr", "loop.lr: cannot be read; arguments look like key=value"),
        ("data=folder", "data.root is not set; give a folder of photographs: data=folder data.root=DIR"),
        (
            "data=folder data.root=/nowhere",
            "data.root=/nowhere: no such folder; give a folder of photographs, or data=synthetic",
        ),
        (
            "stage=mae +stage.perset=1",
            "stage.perset: asuka.stages.mae.MaeStage has no such argument; did you mean preset?",
        ),
        ("stage=mae stage.perset=1", f"stage.perset: {NO_SUCH}; did you mean stage.preset?"),
        (
            "stage=base stage.vae=/nowhere data.count=8",
            "no weights at /nowhere; give a folder that stage=vae wrote, or 'tiny'",
        ),
        (
            "stage=mae loop.batch=30 loop.accumulate=4 loop.device=cpu loop.precision=no",
            "loop.batch=30 does not split over 1 processes and loop.accumulate=4; give a multiple of 4",
        ),
        (
            "stage=mae loop.batch=30 loop.distinct=31 loop.device=cpu loop.precision=no",
            "loop.distinct=31 is no multiple of loop.batch=30; give one, or 0 for never",
        ),
    ],
)
def test_a_mistyped_training_command(heard: Callable[..., str], words: str, said: str) -> None:
    assert heard("train", *words.split()) == said


def test_every_mistake_of_a_command_is_a_line(heard: Callable[..., str]) -> None:
    words = "loop.setps=5 stage=mea stage.drop=0.5 masks.lo=x +masks.width=3 loop.batch=30 loop.distinct=31"
    assert heard("train", *words.split(), "loop.lr=fast", "loop.steps", "sede=1").splitlines() == [
        "stage=mea: there is no such stage; did you mean mae?",  # and no word of stage.drop, which mae has
        f"loop.setps: {NO_SUCH}; did you mean loop.steps?",
        "loop.lr=fast: must be a number; give another value",
        "loop.steps: cannot be read; arguments look like key=value",
        f"sede: {NO_SUCH}; did you mean seed?",
        "masks.width: asuka.data.masks.Mixed has no such argument; it has lo, hi, strokes, objects, union, boxes, "
        "border, complement",
        "masks.lo=x: must be a number; give another value",
        "loop.distinct=31 is no multiple of loop.batch=30; give one, or 0 for never",
    ]


def test_a_folder_that_holds_another_run(heard: Callable[..., str], tmp_path: Path) -> None:
    with initialize_config_dir(CONF, version_base="1.3"):
        guard(tmp_path / "run", compose("train", ["stage=mae", "loop.lr=0.01", f"run_dir={tmp_path}/run"]))
    (tmp_path / "run" / "checkpoint.pt").write_bytes(b"")
    said = heard("train", "stage=mae", "loop.lr=0.02")
    undo = "choose a new run_dir, or undo: loop.lr: was 0.01, is 0.02"
    assert said == f"{tmp_path}/run holds another run; {undo}"


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ("image=/nowhere.png mask=/m.png out=o.png", NOWHERE),
        ("mask=/m.png out=o.png", "image is not set; give image=…"),
        ("image=/m.png", "out is not set; give out=…"),
        ("method=asuak", "method=asuak: there is no such method; did you mean asuka?"),
        (
            "method/condition=capption",
            "method/condition=capption: there is no such method/condition; did you mean caption?",
        ),
        ("qqqq=5", f"qqqq: {NO_SUCH}; {HELP}"),
    ],
)
def test_a_mistyped_inpainting_command(heard: Callable[..., str], words: str, said: str) -> None:
    assert heard("inpaint", *words.split()) == said


@pytest.mark.parametrize(
    ("root", "said"),
    [
        ("train", "the same command goes on from the last checkpoint"),
        ("inpaint", "what is written is whole, and the same command goes on"),
    ],
)
def test_control_c_says_what_is_left(root: str, said: str, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(_: object) -> None:
        raise KeyboardInterrupt

    with pytest.raises(SystemExit):
        spoken(interrupted)(composed(root))
    assert capsys.readouterr().err == f"stopped; {said}\n"


@pytest.mark.parametrize(
    ("entry", "words", "said"),
    [
        ("train", "loop.setps=5", f"loop.setps: {NO_SUCH}; did you mean loop.steps?"),
        ("inpaint", "image=/nowhere.png mask=/m.png", NOWHERE),
    ],
)
def test_a_real_terminal(tmp_path: Path, entry: str, words: str, said: str) -> None:
    place = f"run_dir={tmp_path}/run" if entry == "train" else f"out={tmp_path}/o.png"
    done = subprocess.run(
        [sys.executable, "-m", f"asuka.{entry}", *words.split(), place],
        cwd=ROOT,
        env={key: value for key, value in os.environ.items() if key != "HYDRA_FULL_ERROR"},
        capture_output=True,
        text=True,
        timeout=600,
    )
    assert done.returncode == 1
    assert sentences(done.stderr) == said
    assert not (tmp_path / "run" / "weights").exists()


def test_what_a_library_says_is_one_line_with_an_end() -> None:
    assert said(OSError("no\n  such file ")) == "no such file"
    assert said(KeyError()) == "KeyError"
    assert len(said("word " * 500)) == 200
