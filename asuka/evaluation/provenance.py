"""What a number rests on: code, weights, data, rules; written beside it, so that two numbers can be told apart."""

import hashlib
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import torch
from torch import nn

VERSIONS = ("torch", "torchvision", "diffusers", "transformers", "timm", "lpips", "torch-fidelity", "kornia", "numpy")


def commit() -> str:
    """The commit of this code, with `+` where files were changed since; the package's version outside a checkout."""
    root = Path(__file__).parents[2]
    try:
        asked = dict(cwd=root, capture_output=True, text=True, check=True)
        head = subprocess.run(["git", "rev-parse", "HEAD"], **asked).stdout.strip()
        changed = subprocess.run(["git", "status", "--porcelain", "--untracked-files=no"], **asked).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return f"asuka {version('asuka')}"
    return f"{head}{'+' if changed else ''}"


def versions() -> dict[str, str]:
    """Of Python and of the libraries whose arithmetic is in the numbers."""
    return {"python": platform.python_version(), **{name: version(name) for name in VERSIONS}}


def digest(module: nn.Module) -> str:
    """Hash of all weights of a method, 16 hexadecimal digits; that of nothing where it has none."""
    hashed = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        hashed.update(f"{name} {value.dtype} {tuple(value.shape)}".encode())
        hashed.update(value.detach().cpu().contiguous().flatten().view(torch.uint8).numpy().tobytes())
    return hashed.hexdigest()[:16]
