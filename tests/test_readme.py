"""The README's commands are read by the code as they stand there."""

import re
import shlex
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from conftest import composed
from hydra import compose, initialize_config_dir
from PIL import Image

import asuka.methods
from asuka import compare, weights
from asuka.config import CONF, check
from asuka.foreign.table import TABLE
from asuka.inpaint import inpaint
from asuka.terminal import expanded

README = Path(__file__).parents[1] / "README.md"


def commands() -> list[tuple[str, ...]]:
    """(root, argument, …) of every `python -m asuka.ROOT …` in a shell block."""
    blocks = re.findall(r"```sh\n(.*?)```", README.read_text(), flags=re.DOTALL)
    found = []
    for line in "\n".join(blocks).splitlines():
        words = shlex.split(line, comments=True)
        if "-m" in words and words[words.index("-m") + 1].startswith("asuka."):
            start = words.index("-m") + 1
            found.append((words[start].removeprefix("asuka."), *words[start + 1 :]))
    return found


def test_there_are_commands() -> None:
    assert ("train", "stage=align") in commands() and len(commands()) >= 6


HYDRA = {path.stem for path in Path(CONF).glob("*.yaml")}


@pytest.mark.parametrize("command", [words for words in commands() if words[0] in HYDRA], ids=" ".join)
def test_a_command_composes_and_checks(command: tuple[str, ...]) -> None:
    for words in expanded(list(command[1:])):  # with commas it stands for several
        check(composed(command[0], *words))


@pytest.mark.parametrize("command", [words for words in commands() if words[0] not in HYDRA], ids=" ".join)
def test_other_commands_are_read(command: tuple[str, ...]) -> None:
    READ[command[0]](command[1:])


def _weights(words: tuple[str, ...]) -> None:
    assert set(weights._parser().parse_args(words).names) <= set(TABLE)


def _compare(words: tuple[str, ...]) -> None:
    folders, _, _ = compare.read(compare._parser().parse_args(words).words)
    assert not [folder for folder in folders if "=" in folder.name]  # a mistyped word


READ = {"weights": _weights, "compare": _compare}


def test_a_method_is_added_by_the_two_files_shown(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    section = README.read_text().split("## Adding a method\n")[1].split("\n## ")[0]
    source, option = (re.search(rf"```{kind}\n(.*?)```", section, re.DOTALL)[1] for kind in ("python", "yaml"))
    module, name = re.search(r"`asuka/methods/((\w+)\.py)`", section).groups()
    (tmp_path / "methods").mkdir()
    (tmp_path / "methods" / module).write_text(source)
    shutil.copytree(CONF, tmp_path / "conf")
    (tmp_path / "conf/method" / f"{name}.yaml").write_text(option)
    monkeypatch.setattr(asuka.methods, "__path__", [*asuka.methods.__path__, str(tmp_path / "methods")])
    pixels, hole = np.full((37, 61, 3), (200, 40, 90), np.uint8), np.zeros((37, 61), np.uint8)
    hole[5:20, 30:] = 255
    pixels[hole > 0] = 7
    for what, levels in (("photo", pixels), ("mask", hole)):
        Image.fromarray(levels).save(tmp_path / f"{what}.png")
    words = [f"{word}={tmp_path}/{file}.png" for word, file in (("image", "photo"), ("mask", "mask"), ("out", "out"))]
    with initialize_config_dir(str(tmp_path / "conf"), version_base="1.3"):
        config = compose("inpaint", [f"method={name}", "device=cpu", *words])
    check(config)
    inpaint(config)
    del sys.modules[f"asuka.methods.{name}"]
    assert (np.array(Image.open(tmp_path / "out.png")) == (200, 40, 90)).all()
    assert len(source.splitlines()) <= 25
