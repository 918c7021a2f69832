"""How long a person waits for `import asuka`, a page of help, or the word on a mistyped argument.

Measured in seconds of CPU, user and system: what the work takes, whoever else is on the machine.
"""

import ast
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, composed

from asuka.config import CONF, check, options
from asuka.terminal import expanded

HYDRA = sorted(file.stem for file in Path(CONF).glob("*.yaml"))


def entries() -> list[str]:
    """Every file that a person starts, relative to the root."""
    files = [*(ROOT / "asuka").glob("*.py"), *(ROOT / "scripts").glob("*.py")]
    started = [file for file in files if "__main__" in {node.value for node in constants(file)}]
    return sorted(file.relative_to(ROOT).as_posix() for file in started)


def constants(file: Path) -> list[ast.Constant]:
    return [node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.Constant)]


def started(entry: str) -> list[str]:
    """The command that starts it."""
    package = entry.startswith("asuka/")
    return [sys.executable, *(["-m", f"asuka.{Path(entry).stem}"] if package else [entry])]


def start(command: list[str], code: int) -> tuple[float, str]:
    """CPU time of a command, and what it said."""
    before = os.times()
    place = os.environ | {"PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=place, capture_output=True, text=True)
    after = os.times()
    assert done.returncode == code, done.stderr
    spent = after.children_user + after.children_system - before.children_user - before.children_system
    return spent, done.stdout + done.stderr


def soon(command: list[str], code: int, seconds: float) -> bool:
    """Whether the best of three starts takes less."""
    return any(start(command, code)[0] < seconds for _ in range(3))


def test_there_are_entries() -> None:
    assert {"asuka/train.py", "asuka/inpaint.py", "scripts/build_tiny.py"} <= set(entries())


def test_importing_asuka_takes_no_time() -> None:
    assert soon([sys.executable, "-c", "import asuka"], 0, 0.3)


@pytest.mark.parametrize("entry", entries())
def test_help_is_a_page_and_there_at_once(entry: str) -> None:
    assert soon([*started(entry), "--help"], 0, 3)
    text = start([*started(entry), "--help"], 0)[1]
    lines = text.splitlines()
    assert 5 <= len(lines) <= 50 and max(map(len, lines)) <= 140
    assert "$" not in text and "Hydra" not in text


@pytest.mark.parametrize("words", ["loop.setps=5", "stage=mae +stage.perset=1", "loop.distinct=31"])
def test_a_mistyped_argument_is_answered_at_once(words: str) -> None:
    assert soon([sys.executable, "-m", "asuka.train", *words.split()], 1, 3)


@pytest.mark.parametrize("root", HYDRA)
def test_help_is_true(root: str) -> None:
    """Its commands and its `name=value` words are read by the code, and every option of its groups stands there."""
    text = start([*started(f"asuka/{root}.py"), "--help"], 0)[1]
    commands = [shlex.split(line) for line in text.splitlines() if f"-m asuka.{root} " in line]
    assert len(commands) == 3
    for command in commands:
        for words in expanded(command[command.index(f"asuka.{root}") + 1 :]):  # of a sweep, every point
            check(composed(root, *words))
    knobs = text.partition("Knobs, set as name=value:")[2].partition("--cfg")[0]
    for word in re.findall(r"^  +(\S+)|  (\w[\w.]*=\S+)", knobs, flags=re.MULTILINE):
        name = "".join(word)
        check(composed(root, name if "=" in name else f"{name}=2"))
    for group in re.findall(r"^  (\S+)   +.*", text.partition("group=option:")[2].partition("Knobs")[0], re.MULTILINE):
        assert f"{options(group)}" in text
