"""Whenever a process dies while it writes, and however full the disk is, nothing is lost and nothing lies half done."""

import itertools
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

import pytest
import torch
from conftest import arguments, composed, weights
from safetensors.torch import load_file, save_file
from torch import nn

import asuka.data.stream
from asuka.disk import mend, write_file, write_folder
from asuka.errors import InputError
from asuka.train import train
from asuka.training.checkpoint import Checkpoint
from asuka.training.log import Log

CHANGES = {"open", "os.mkdir", "os.rename", "os.remove", "os.rmdir", "shutil.rmtree"}
NUMBERS = 100  # in the vector that stands for the weights: its file is far longer than any header


def save(folder: Path, step: int) -> None:
    """What the loop does after a step: the weights, then the checkpoint; all numbers are the step."""
    part = nn.Linear(NUMBERS, NUMBERS)
    nn.init.constant_(part.weight, step)
    write_folder(folder / "weights", lambda half: save_file(dict(part.state_dict()), half / "part.safetensors"))
    Checkpoint(folder / "checkpoint.pt", part=part).save(step)


def start(folder: Path) -> tuple[int, int]:
    """What the next process finds: the step of its checkpoint, and that of its weights folder."""
    part = nn.Linear(NUMBERS, NUMBERS)
    step = Checkpoint(folder / "checkpoint.pt", part=part).load()
    for name in ("weights", "checkpoint.pt"):
        mend(folder / name)
    assert (part.weight == step).all()
    shown = load_file(folder / "weights" / "part.safetensors")["weight"]
    assert len(shown.unique()) == 1
    assert {file.name for file in folder.iterdir()} == {"weights", "checkpoint.pt"}
    assert {file.name for file in (folder / "weights").iterdir()} == {"part.safetensors"}
    return step, int(shown[0, 0])


def died(action: Callable[[], None], prepare: Callable[[], None]) -> bool:
    """Whether a child process that prepares and acts is killed before it is done."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            prepare()
            action()
            code = 0
        finally:
            os._exit(code)
    status = os.waitpid(child, 0)[1]
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0
    return os.WIFSIGNALED(status)


def kill_at_change(number: int) -> None:
    """`kill -9` to this process, before it opens, renames or removes anything for the nth time."""
    changes = itertools.count()

    def watch(event: str, _: tuple) -> None:
        if event in CHANGES and next(changes) == number:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(watch)


def kill_at_byte(number: int) -> None:
    """The kernel ends this process as it writes that byte of any file."""
    signal.signal(signal.SIGXFSZ, signal.SIG_DFL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_FSIZE, (number, number))


def test_a_kill_between_any_two_changes_loses_nothing(tmp_path: Path) -> None:
    found = []
    for number in itertools.count():
        folder = tmp_path / str(number)
        save(folder, 1)
        killed = died(partial(save, folder, 2), partial(kill_at_change, number))
        found.append(start(folder))
        assert found[-1] in ((1, 1), (1, 2), (2, 2))
        if not killed:
            break
    assert number > 8
    assert set(found) == {(1, 1), (1, 2), (2, 2)}  # the kills fell into every phase


@pytest.mark.parametrize("number", [0, 1, 100, 4000, 30_000])
def test_a_kill_in_the_middle_of_a_file_loses_nothing(tmp_path: Path, number: int) -> None:
    save(tmp_path, 1)
    assert died(lambda: save(tmp_path, 2), lambda: kill_at_byte(number))
    assert start(tmp_path) == (1, 1)


def test_a_kill_in_the_middle_of_a_checkpoint_loses_nothing(tmp_path: Path) -> None:
    save(tmp_path, 1)
    part = nn.Linear(NUMBERS, NUMBERS)
    assert died(lambda: Checkpoint(tmp_path / "checkpoint.pt", part=part).save(2), lambda: kill_at_byte(20_000))
    assert (tmp_path / ".checkpoint.pt.part").stat().st_size == 20_000
    assert start(tmp_path) == (1, 1)


@pytest.mark.parametrize("size", [0, 10, 2000, -1000, -1])
def test_a_checkpoint_that_lost_its_end_is_told(tmp_path: Path, size: int) -> None:
    save(tmp_path, 1)
    file = tmp_path / "checkpoint.pt"
    whole = file.read_bytes()
    file.write_bytes(whole[:size])
    with pytest.raises(InputError, match=r"checkpoint.pt: cannot be read .*; put a whole copy in its place, or delete"):
        start(tmp_path)


def test_a_checkpoint_of_another_network_is_told(tmp_path: Path) -> None:
    save(tmp_path, 1)
    with pytest.raises(InputError, match="cannot be read as this run's checkpoint"):
        Checkpoint(tmp_path / "checkpoint.pt", part=nn.Linear(3, 3)).load()
    with pytest.raises(InputError, match="cannot be read as this run's checkpoint .'other'"):
        Checkpoint(tmp_path / "checkpoint.pt", other=nn.Linear(NUMBERS, NUMBERS)).load()


@contextmanager
def full_disk(room: int) -> Iterator[None]:
    """Within, no file of this process grows beyond so many bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


WRITERS: dict[str, Callable[[Path], None]] = {
    "checkpoint": lambda folder: Checkpoint(folder / "checkpoint.pt", part=nn.Linear(NUMBERS, NUMBERS)).save(2),
    "weights": lambda folder: save(folder, 2),
    "text": lambda folder: write_file(folder / "config.yaml", "word\n" * 1000),
    "statistics": lambda folder: Log(folder, 1).write(2, **{f"loss{number}": 0.5 for number in range(1000)}),
    "grid": lambda folder: Log(folder, 1).grid(2, {"noise": torch.rand(8, 3, 64, 64) * 2 - 1}),
    "curves": lambda folder: Log(folder, 1).curves(),
}


@pytest.mark.parametrize("what", WRITERS)
def test_a_full_disk_is_a_sentence_and_what_was_there_stays(tmp_path: Path, what: str) -> None:
    save(tmp_path, 1)
    with full_disk(2000), pytest.raises(InputError, match=r"cannot be written \(.*[Ff]ile too large.*\); .+"):
        WRITERS[what](tmp_path)
    for file in (*tmp_path.glob("*.jsonl"), *tmp_path.glob("grids")):
        assert what in ("statistics", "grid", "curves")
        if file.is_dir():
            file.rmdir()  # empty
        else:
            file.unlink()
    assert start(tmp_path) == (1, 1)


def test_a_run_goes_on_exactly_where_the_disk_was_full(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    train(composed("train", *arguments("mae", toy, whole)))
    item, limit = asuka.data.stream.Visits.__getitem__, resource.getrlimit(resource.RLIMIT_FSIZE)

    def filling(self: asuka.data.stream.Visits, visit: int) -> object:
        if visit == 3 * 4:  # in step 4: what was saved after step 2 is the last there is room for
            resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
        return item(self, visit)

    with monkeypatch.context() as patch:
        patch.setattr(asuka.data.stream.Visits, "__getitem__", filling)
        try:
            with pytest.raises(InputError, match="cannot be written"):
                train(composed("train", *arguments("mae", toy, broken)))
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    train(composed("train", *arguments("mae", toy, broken)))
    first, second = weights(whole), weights(broken)
    assert first.keys() == second.keys()
    assert all(torch.equal(first[name], second[name]) for name in first)
