"""How alike CLIP finds two pictures: the cosine of their embeddings (Radford et al. 2021)."""

from functools import lru_cache
from pathlib import Path

import torch
from safetensors import SafetensorError
from torch import Tensor, nn
from torch.nn import functional
from transformers import CLIPImageProcessor, CLIPVisionModelWithProjection
from transformers.utils.logging import disable_progress_bar

from asuka.errors import InputError, said
from asuka.foreign.place import offline
from asuka.foreign.store import fetch
from asuka.metrics.box import of_boxes
from asuka.metrics.metric import Rows
from asuka.metrics.region import levels

# Repository on the hub -> the name that asuka.weights has for it.
KNOWN = {"openai/clip-vit-large-patch14": "clip-vit-large-patch14"}
# What transformers raises for what is not there, or is no such model.
BROKEN = (OSError, ValueError, KeyError, RuntimeError, SafetensorError)


def clip_whole(weights: str, device: torch.device) -> Rows:
    """Cosine of result and truth as wholes: (B,), 1 for equals. `weights` as for `clip`; the mask is not looked at."""
    network = clip(weights, device)
    return lambda truth, mask, result: _cosine(network(levels(truth)), network(levels(result)))


def clip_hole(weights: str, device: torch.device) -> Rows:
    """The same between the bounding boxes of the hole, squared where there is room. InputError for no hole."""
    network = clip(weights, device)
    return lambda truth, mask, result: _cosine(*(of_boxes(levels(image), mask, network) for image in (truth, result)))


@lru_cache(maxsize=1)
def clip(weights: str, device: torch.device) -> nn.Module:
    """CLIP's image side: pictures uint8 (B, 3, H, W) of any size -> embeddings (B, K); frozen, in float32.

    `weights` is a folder as transformers writes it, or `user/name` on the hub, which is asked only for what is not on
    this machine. InputError where the weights cannot be had or are no CLIP.
    """
    return Clip(weights).to(device)


class Clip(nn.Module):
    """The vision model and what its own image processor does to a picture first."""

    def __init__(self, weights: str) -> None:
        super().__init__()
        self.network, self.processor = _parts(weights)
        self.requires_grad_(False).eval()

    def forward(self, image: Tensor) -> Tensor:
        ready = self.processor(images=image, return_tensors="pt")["pixel_values"]
        with torch.autocast(image.device.type, enabled=False):
            return self.network(ready).image_embeds


class _Vision(CLIPVisionModelWithProjection):
    _keys_to_ignore_on_load_unexpected = [r"^text_model\.", r"^text_projection\.", "logit_scale"]  # CLIP's other half


def _parts(weights: str) -> tuple[nn.Module, CLIPImageProcessor]:
    try:
        return _found(weights)
    except BROKEN as error:
        if isinstance(error, InputError):
            raise
        raise InputError(
            f"clip={weights}: no CLIP can be read from there ({said(error)}); give a folder as "
            "transformers writes it, or user/name on the hub"
        ) from error


def _found(weights: str) -> tuple[nn.Module, CLIPImageProcessor]:
    try:
        return _read(weights, local=True)
    except BROKEN:
        if Path(weights).is_dir() or (offline() and weights not in KNOWN):
            raise
    if weights in KNOWN:
        return _read(str(fetch(KNOWN[weights])), local=True)
    return _read(weights, local=False)


def _read(where: str, local: bool) -> tuple[nn.Module, CLIPImageProcessor]:
    disable_progress_bar()
    network, found = _Vision.from_pretrained(
        where, local_files_only=local, output_loading_info=True, dtype=torch.float32
    )
    if lacking := sorted(found["missing_keys"]):
        raise ValueError(f"it has no {lacking[0]}")
    return network, CLIPImageProcessor.from_pretrained(where, local_files_only=local)


def _cosine(first: Tensor, second: Tensor) -> Tensor:
    return functional.cosine_similarity(first, second)
