"""Promises of reading files from elsewhere: tensors and arrays come out, and nothing in a file is run."""

import argparse
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from asuka.errors import InputError
from asuka.foreign.reading import read_weights

STATE = {"layer.weight": torch.arange(6.0).reshape(2, 3)}


class Malicious:
    """Its pickle makes a folder when it is read."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def __reduce__(self) -> tuple:
        return os.mkdir, (str(self.folder),)


class Doubled(torch.nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.layer = torch.nn.Linear(3, 2, bias=False)
        self.layer.weight = torch.nn.Parameter(STATE["layer.weight"])

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.layer(x)


@pytest.mark.filterwarnings("ignore:.*deprecated")  # scripting, which some files that exist need
def test_every_kind_gives_back_the_same_tensors(tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "a.safetensors")
    torch.save(STATE, tmp_path / "a.pt")
    torch.save(STATE, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    torch.jit.save(torch.jit.script(Doubled()), tmp_path / "scripted.pt")
    for name in ("a.safetensors", "a.pt", "old.pth", "scripted.pt"):
        found = read_weights(tmp_path / name)
        assert list(found) == list(STATE), name
        assert torch.equal(found["layer.weight"], STATE["layer.weight"]), name


def test_a_pickle_of_arrays_and_a_checkpoint_with_its_command_line(tmp_path: Path) -> None:
    array = np.arange(6, dtype=np.float32).reshape(2, 3)
    with (tmp_path / "arrays.ckpt").open("wb") as file:
        pickle.dump({"Conv_0": {"kernel": array}}, file, protocol=3)
    assert np.array_equal(read_weights(tmp_path / "arrays.ckpt")["Conv_0"]["kernel"], array)
    torch.save({"model": STATE, "args": argparse.Namespace(lr=0.1)}, tmp_path / "training.pth")
    assert read_weights(tmp_path / "training.pth")["args"].lr == 0.1


def test_a_malicious_pickle_is_refused_by_name_and_not_run(tmp_path: Path) -> None:
    made = tmp_path / "made"
    bad = {"weight": Malicious(made)}
    torch.save(bad, tmp_path / "zip.pt")
    torch.save(bad, tmp_path / "old.pth", _use_new_zipfile_serialization=False)
    (tmp_path / "plain.ckpt").write_bytes(pickle.dumps(bad))
    (tmp_path / "object.ckpt").write_bytes(pickle.dumps({"array": np.array([Malicious(made)])}, protocol=3))
    for name in ("zip.pt", "old.pth", "plain.ckpt", "object.ckpt"):
        with pytest.raises(InputError, match=rf"{name} cannot be read: it asks for (posix|nt)\.mkdir, .* was not run"):
            read_weights(tmp_path / name)
    assert not made.exists()
    assert pickle.loads((tmp_path / "plain.ckpt").read_bytes())  # so that the test would notice
    assert made.exists()


def test_a_whole_module_is_refused_by_name(tmp_path: Path) -> None:
    torch.save(Doubled(), tmp_path / "module.pt")
    with pytest.raises(InputError, match=r"asks for .*\.Doubled, which is more than tensors"):
        read_weights(tmp_path / "module.pt")


@pytest.mark.parametrize("name", ["a.safetensors", "a.pt", "a.ckpt"])
def test_half_a_file_and_a_web_page_are_refused(name: str, tmp_path: Path) -> None:
    save_file(STATE, tmp_path / "a.safetensors")
    torch.save(STATE, tmp_path / "a.pt")
    (tmp_path / "a.ckpt").write_bytes(pickle.dumps({"a": np.zeros(100)}, protocol=3))
    whole = (tmp_path / name).read_bytes()
    for content in (whole[: len(whole) // 2], b"<html><body>404 Not Found</body></html>", b""):
        (tmp_path / name).write_bytes(content)
        with pytest.raises(InputError, match=f"{name} cannot be read: .*; fetch it again or give another file"):
            read_weights(tmp_path / name)


def test_a_missing_file_says_where_to_look(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nowhere.pt does not exist; python -m asuka.weights list"):
        read_weights(tmp_path / "nowhere.pt")
