"""Weights files from elsewhere, read without running any Python that is in them."""

import argparse
import pickle
import re
import warnings
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file

from asuka.errors import InputError, said

Read = TypeVar("Read")
# The first bytes of what torch.save wrote before it wrote zip archives: its magic number, pickled.
OLD_TORCH = b"\x80\x02\x8a\nl\xfc\x9cF\xf9 j\xa8P\x19"
# Beside tensors and plain containers: training checkpoints keep their command line, a bag of names and values.
ALLOWED = [argparse.Namespace]
# What the readers raise for bytes that are no such file, or not all of it.
BROKEN = (
    *(pickle.UnpicklingError, SafetensorError, zipfile.BadZipFile, RuntimeError, EOFError),
    *(ValueError, KeyError, IndexError, AttributeError, TypeError),
)
# All that a pickle of plain arrays asks for, under numpy's old and new names.
ARRAYS = {
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
    ("numpy.core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
    ("numpy._core.multiarray", "_reconstruct"): np.zeros(0).__reduce__()[0],
}


def read_weights(path: Path) -> dict:
    """What a .safetensors file, a torch checkpoint, a TorchScript archive (its state dict) or a pickle of numpy arrays
    holds, on the CPU.

    A pickle that asks for anything but tensors, arrays and plain containers is refused by the name of what it asks
    for, and nothing of it is run: InputError, as for a file that is none of these.
    """
    return _tried(path, _read)


def read_script(path: Path) -> torch.jit.ScriptModule:
    """The module of a TorchScript archive, on the CPU: a program of tensor operations, which no Python runs.

    InputError where the file is no such archive.
    """
    return _tried(path, _scripted)


def _tried(path: Path, read: Callable[[Path], Read]) -> Read:
    try:
        return read(path)
    except FileNotFoundError as error:
        raise InputError(f"{path} does not exist; python -m asuka.weights list shows what is where") from error
    except BROKEN as error:
        raise InputError(f"{path} cannot be read: {_cause(error)}; fetch it again or give another file") from error


def _read(path: Path) -> dict:
    if path.suffix == ".safetensors":
        return load_file(path)
    with path.open("rb") as file:
        head = file.read(len(OLD_TORCH))
        if head.startswith(b"PK"):
            return _scripted(path).state_dict() if _is_script(path) else _checkpoint(path)
        if head == OLD_TORCH:
            return _checkpoint(path)
        file.seek(0)
        return _ArrayUnpickler(file).load()


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> object:
        if (module, name) not in ARRAYS:
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is more than arrays, and was not run")
        return ARRAYS[module, name]


def _is_script(path: Path) -> bool:
    with zipfile.ZipFile(path) as archive:
        return any(name.partition("/")[2] == "constants.pkl" for name in archive.namelist())


def _scripted(path: Path) -> torch.jit.ScriptModule:
    with warnings.catch_warnings():
        # Files of this kind are what there is, whatever torch wants new ones to be.
        warnings.filterwarnings("ignore", "`torch.jit.load` is deprecated", FutureWarning)
        return torch.jit.load(path, map_location="cpu")


def _checkpoint(path: Path) -> dict:
    with torch.serialization.safe_globals(ALLOWED):
        return torch.load(path, map_location="cpu", weights_only=True)


def _cause(error: Exception) -> str:
    """Torch's page of advice, which includes how to switch safety off, as what it found."""
    text = str(error)
    if found := re.search(r"GLOBAL (\S+)", text):
        return f"it asks for {found.group(1)}, which is more than tensors, and was not run"
    return said(text)
