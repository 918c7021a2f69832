"""Stable Diffusion at real size: from a folder, one file, the hub, or a name of the weight table."""

import re
from pathlib import Path

from asuka.diffusion import sd2, sd15
from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.precision import precision
from asuka.diffusion.pretrained import read_folder, weight_files
from asuka.diffusion.single_file import Sizes, read_file
from asuka.errors import InputError
from asuka.foreign.hub import snapshot
from asuka.foreign.store import fetch
from asuka.foreign.table import TABLE
from asuka.registry import kind_of

PIPELINES = ("StableDiffusionInpaintPipeline", "StableDiffusionPipeline", "StableDiffusionImg2ImgPipeline")
SD15 = Sizes(sd15.unet, sd15.vae, sd15.text, sd15.scheduler)
SD2 = Sizes(sd2.unet, sd15.vae, sd2.text, sd15.scheduler)
PARTS = ("model_index.json", "scheduler/*", "tokenizer/*", "text_encoder/*", "unet/*", "vae/*")
# Other forms of the same weights.
OTHERS = ("*.bin", "*.msgpack", "*.onnx*", "*.non_ema.*")


def sd15_inpaint(weights: str, tokenizer: str | None, dtype: str) -> StableDiffusion:
    """`base=sd15_inpaint`: Stable Diffusion 1.5 inpainting, frozen; arguments as in `loaded`."""
    return loaded(weights, tokenizer, dtype, SD15, 9)


def sd2_inpaint(weights: str, tokenizer: str | None, dtype: str) -> StableDiffusion:
    """`base=sd2_inpaint`: Stable Diffusion 2 inpainting, frozen; arguments as in `loaded`."""
    return loaded(weights, tokenizer, dtype, SD2, 9)


def sd15_text(weights: str, tokenizer: str | None, dtype: str) -> StableDiffusion:
    """`base=sd15`: Stable Diffusion 1.5 for texts, frozen; arguments as in `loaded`."""
    return loaded(weights, tokenizer, dtype, SD15, 4)


def loaded(weights: str, tokenizer: str | None, dtype: str, sizes: Sizes, channels: int) -> StableDiffusion:
    """A Stable Diffusion whose U-Net reads so many channels, frozen.

    weights: a name of the weight table, a folder in diffusers' layout (of any sizes), one .safetensors file in the
    makers' own layout (of `sizes`), or user/name on the hub. tokenizer: a folder; None: tokenizer/ in the folder, or
    beside the file. dtype: bf16, fp16 or fp32, of the three networks. InputError for what is none of these.
    """
    kind, place = precision(dtype), _place(weights)
    if place.is_file():
        base = read_file(place, sizes, Path(tokenizer) if tokenizer else place.parent / "tokenizer", kind)
    else:
        _check_pipeline(place)
        base = read_folder(place, tokenizer, kind)
    if base.inputs != channels:
        raise InputError(
            f"base.weights={weights}: its U-Net reads {base.inputs} channels, {channels} are wanted; inpainting models "
            "have 9 (base=sd15_inpaint, sd2_inpaint), those for texts 4 (base=sd15)"
        )
    known, count = base.text_encoder.config.vocab_size, len(base.tokenizer)
    if count > known:
        raise InputError(
            f"base.tokenizer={tokenizer}: has {count} words, and the text encoder of {weights} knows {known}; give the "
            "one of the same model"
        )
    return base.eval().requires_grad_(False)


def _place(weights: str) -> Path:
    """The folder or the file that is meant."""
    if weights in TABLE:
        return fetch(weights)
    if Path(weights).exists():
        return Path(weights)
    if not re.fullmatch(r"[\w-][\w.-]*/[\w.-]+", weights):
        raise InputError(
            f"base.weights={weights}: there is no such folder or file; give one, user/name on the hub, or a name of "
            "python -m asuka.weights list"
        )
    folder = snapshot(weights, PARTS, (*OTHERS, "*.fp16.*"), {})
    if not weight_files(folder / "unet"):  # this repository has them in half precision alone
        folder = snapshot(weights, PARTS, OTHERS, {})
    return folder


def _check_pipeline(folder: Path) -> None:
    index = folder / "model_index.json"
    kind = kind_of(index) if index.exists() else "no model_index.json"
    if kind not in PIPELINES:
        raise InputError(
            f"base.weights={folder}: holds {kind} where one of {', '.join(PIPELINES)} is wanted; give the folder of a "
            "Stable Diffusion 1 or 2"
        )
