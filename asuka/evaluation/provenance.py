"""What a number rests on: code, weights, data, rules; written beside it, so that two numbers can be told apart."""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

from asuka.foreign.check import sha256_of
from asuka.foreign.store import fetch
from asuka.metrics.principal import fingerprint
from asuka.metrics.table import Protocol

VERSIONS = ("torch", "torchvision", "diffusers", "transformers", "timm", "lpips", "torch-fidelity", "kornia", "numpy")
# How pictures come to the metrics.
RULES = {
    "standard": {
        "mask": "hole where a level is 128 of 255 or more",
        "composite": "the raw result in the hole, the photograph outside",
        "resize": "none; Inception's own to 299 x 299 is that of TensorFlow 1, bilinear without antialiasing",
    },
    "official": {
        "mask": "as each of the released scripts has it: >= 0.5, > 0.5, soft, or 255 alone",
        "composite": "by each metric's own mask",
        "resize": "none; Inception's own is to 342, bilinear with antialiasing, then the central 299 x 299",
    },
}


def networks(protocol: Protocol) -> dict[str, str]:
    """The sha256 of every file of weights that numbers were measured with, by the name of the weights."""
    names = {part.reads for part in (*protocol.scores.values(), *protocol.spaces.values())} - {""}
    found = {name: sha256_of(fetch(name)) for name in sorted(names)}
    return found | ({"pca64": fingerprint()} if "ids_pca64" in protocol.sets else {})


def commit() -> str:
    """The commit of this code, with `+` where files were changed since; the package's version outside a checkout."""
    root = Path(__file__).parents[2]
    try:
        asked = dict(cwd=root, capture_output=True, text=True, check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], **asked).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain"], **asked).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return f"asuka {version('asuka')}"
    return f"{head}{'+' if changed else ''}"


def versions() -> dict[str, str]:
    """Of Python and of the libraries whose arithmetic is in the numbers."""
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}}


def digest(module: nn.Module) -> str:
    """Hash of all weights of a method, 16 hexadecimal digits; `none` where it has none."""
    hashed, state = hashlib.sha256(), module.state_dict()
    if not state:
        return "none"
    for name, value in sorted(state.items()):
        hashed.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        hashed.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return hashed.hexdigest()[:16]
