"""A base from a folder in diffusers' layout."""

from pathlib import Path

import torch
from diffusers import DDIMScheduler
from torch import nn
from transformers import CLIPTokenizer

from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.networks import NETWORKS
from asuka.errors import InputError, said
from asuka.loading import load
from asuka.registry import fingerprint, locate

# What the libraries raise for files that are none, or not all of it.
BROKEN = (OSError, ValueError, KeyError, TypeError)


def pretrained(weights: str) -> StableDiffusion:
    """The Stable Diffusion inpainting model in a folder (`tiny`: the embedded one), frozen, in float32."""
    folder = locate(weights, "base")
    base = read_folder(folder, None, torch.float32)
    if base.inputs != base.wanted:
        raise InputError(
            f"{folder}: its U-Net reads {base.inputs} channels, inpainting needs {base.wanted}; "
            "give an inpainting model such as Stable Diffusion 1.5 inpainting, or base=sd15"
        )
    return base.eval().requires_grad_(False)


def read_folder(folder: Path, tokenizer: str | None, dtype: torch.dtype) -> StableDiffusion:
    """The Stable Diffusion of a folder, its networks in one precision; with the tokenizer of another folder, if given.

    Only .safetensors are read, those in half precision (.fp16.) where there are no others. InputError where something
    is missing, broken, or does not fit.
    """
    base = StableDiffusion(
        **{name: _network(kind, folder / name, dtype) for name, kind in NETWORKS.items()},
        tokenizer=read_tokenizer(Path(tokenizer) if tokenizer else folder / "tokenizer"),
        scheduler=_scheduler(folder / "scheduler"),
    )
    files = [file for name in sorted(NETWORKS) for file in weight_files(folder / name)]
    base.fingerprint = fingerprint(folder, files)
    base.vae_fingerprint = fingerprint(folder / "vae", weight_files(folder / "vae"))
    return base


def read_tokenizer(folder: Path) -> CLIPTokenizer:
    """The tokenizer of a folder; InputError where there is none."""
    if not (folder / "tokenizer.json").is_file() and not (folder / "vocab.json").is_file():
        raise InputError(
            f"{folder}: there is no tokenizer (vocab.json and merges.txt); copy it there from the folder of the "
            "same model at the hub, or give base.tokenizer=FOLDER (Stable Diffusion 1.5 and 2 have different ones)"
        )
    try:
        return CLIPTokenizer.from_pretrained(folder)
    except BROKEN as error:
        raise _unreadable(folder, error) from error


def weight_files(folder: Path) -> list[Path]:
    """The .safetensors that are read of a network's folder, in order."""
    files = sorted(file for file in folder.glob("*.safetensors") if ".non_ema." not in file.name)
    return [file for file in files if ".fp16." not in file.name] or files


def _network(kind: type[nn.Module], folder: Path, dtype: torch.dtype) -> nn.Module:
    variant = "fp16" if any(".fp16." in file.name for file in weight_files(folder)) else None
    return load(kind, folder, dtype, variant)


def _scheduler(folder: Path) -> DDIMScheduler:
    try:
        # Latents have no bounds, and files written for other schedulers do not say so.
        return DDIMScheduler.from_pretrained(folder, clip_sample=False)
    except BROKEN as error:
        raise _unreadable(folder, error) from error


def _unreadable(folder: Path, error: Exception) -> InputError:
    cause = said(error)
    return InputError(f"{folder} cannot be read: {cause}; fetch it again or give another folder")
