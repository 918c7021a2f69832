"""Networks from folders: every weight that a network has, from safetensors alone, or a sentence."""

from pathlib import Path
from typing import TypeVar

import torch
from safetensors import SafetensorError
from torch import nn

from asuka.errors import InputError, said

Network = TypeVar("Network", bound=nn.Module)


def load(network: type[Network], folder: Path, dtype: torch.dtype | None = None, variant: str | None = None) -> Network:
    """A network of diffusers or transformers, or of ours, from a folder that its `save_pretrained` wrote.

    dtype: None keeps that of the file; variant: as in both libraries, a word in the names of the files. Pickles
    (`.bin`, `.pt`, …) are never opened, whatever is in them. InputError for a folder without safetensors, a file that
    is not whole, a weight that is missing, has another shape or is no finite number: the libraries would warn, and draw
    missing ones at random.
    """
    try:
        model, found = network.from_pretrained(
            folder,
            torch_dtype=dtype,
            variant=variant,
            use_safetensors=True,
            output_loading_info=True,
            local_files_only=True,
        )
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, AttributeError, SafetensorError) as error:
        cause = said(error)
        raise InputError(
            f"{folder}: no {network.__name__} can be read there ({cause}); give a folder with its config.json and "
            "whole weights in safetensors, the only kind that is opened"
        ) from error
    wrong = sorted(str(key) for key in (*found["missing_keys"], *found["mismatched_keys"]))
    if wrong:
        raise InputError(
            f"{folder}: {len(wrong)} weights of its {network.__name__} are missing or have another shape "
            f"({', '.join(wrong[:3])}{', …' if wrong[3:] else ''}); give the whole folder as it was written"
        )
    check_finite(str(folder), model)
    return model


def check_finite(place: str, network: nn.Module) -> None:
    """InputError that names the weights in which there is NaN or infinity; `place` is where they were read."""
    broken = [name for name, value in network.state_dict().items() if not value.isfinite().all()]
    if broken:
        raise InputError(
            f"{place}: {', '.join(broken[:3])}{', …' if broken[3:] else ''} of its {type(network).__name__} holds NaN "
            "or infinity; fetch it again, or give an earlier one"
        )
