"""The README's commands are read by the code as they stand there."""

import re
import shlex
from pathlib import Path

import pytest
from conftest import composed

from asuka import compare, weights
from asuka.config import CONF, check
from asuka.foreign.table import TABLE

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
    check(composed(*command))


@pytest.mark.parametrize("command", [words for words in commands() if words[0] not in HYDRA], ids=" ".join)
def test_other_commands_are_read(command: tuple[str, ...]) -> None:
    READ[command[0]](command[1:])


def _weights(words: tuple[str, ...]) -> None:
    assert set(weights._parser().parse_args(words).names) <= set(TABLE)


def _compare(words: tuple[str, ...]) -> None:
    folders, _, _ = compare.read(compare._parser().parse_args(words).words)
    assert not [folder for folder in folders if "=" in folder.name]  # a mistyped word


READ = {"weights": _weights, "compare": _compare}
