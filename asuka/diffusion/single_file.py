"""A Stable Diffusion from one file in its makers' own layout, by diffusers' tables of names."""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from diffusers.loaders.single_file_utils import (
    convert_ldm_clip_checkpoint,
    convert_ldm_unet_checkpoint,
    convert_ldm_vae_checkpoint,
    convert_open_clip_checkpoint,
)
from safetensors import SafetensorError, safe_open
from torch import Tensor, nn
from transformers import CLIPTextConfig, CLIPTextModel

from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.pretrained import read_tokenizer
from asuka.errors import InputError, said
from asuka.foreign.check import sha256_of

UNET, VAE, CLIP, OPEN_CLIP = (
    *("model.diffusion_model.", "first_stage_model."),
    *("cond_stage_model.transformer.", "cond_stage_model.model."),
)
FIRST = f"{UNET}input_blocks.0.0.weight"


class Sizes(NamedTuple):
    """What no file of weights says about the networks in it."""

    unet: Callable[[int], UNet2DConditionModel]  # by the channels it reads
    vae: Callable[[], AutoencoderKL]
    text: Callable[[], CLIPTextConfig]
    scheduler: Callable[[], DDIMScheduler]


def read_file(file: Path, sizes: Sizes, tokenizer: Path, dtype: torch.dtype) -> StableDiffusion:
    """The Stable Diffusion of a .safetensors file, with the tokenizer of a folder. Where the file has averaged weights
    of the U-Net, those, as the folders at the hub.

    InputError for a file of another kind, a broken one, and networks that are not those of `sizes`.
    """
    if file.suffix != ".safetensors":
        raise InputError(
            f"{file}: only .safetensors files are read, for others may hold programs; give the .safetensors of the "
            "same model"
        )
    words, state = read_tokenizer(tokenizer), _tensors(file, dtype)
    if FIRST not in state:
        raise InputError(
            f"{file}: holds no Stable Diffusion in its makers' layout; give one, or a folder in diffusers' layout"
        )
    with torch.device("meta"):
        unet, vae = sizes.unet(state[FIRST].shape[1]), sizes.vae()
    _fill(file, "U-Net", unet, convert_ldm_unet_checkpoint(state, unet.config))
    _fill(file, "autoencoder", vae, convert_ldm_vae_checkpoint(state, vae.config))
    text = _text_encoder(file, sizes.text(), state, dtype)
    base = StableDiffusion(vae, unet, text, words, sizes.scheduler())
    base.fingerprint = base.vae_fingerprint = sha256_of(file)[:16]
    return base


def _tensors(file: Path, dtype: torch.dtype) -> dict[str, Tensor]:
    """What the three networks need, one tensor after the other, so that the whole file is never in memory twice."""
    try:
        with safe_open(file, "pt") as stored:
            names = set(stored.keys())
            wanted = [name for name in names if name.startswith((UNET, VAE, CLIP, OPEN_CLIP))]
            return {name: stored.get_tensor(_averaged(name, names)).to(dtype) for name in sorted(wanted)}
    except SafetensorError as error:
        raise InputError(f"{file} cannot be read: {error}; fetch it again or give another file") from error


def _averaged(name: str, names: set[str]) -> str:
    """The averaged weight of that name, where there is one."""
    flat = "model_ema." + name.removeprefix("model.").replace(".", "")
    return flat if name.startswith(UNET) and flat in names else name


def _text_encoder(file: Path, config: CLIPTextConfig, state: dict[str, Tensor], dtype: torch.dtype) -> CLIPTextModel:
    # Not on the meta device: it has buffers that no file holds.
    network = CLIPTextModel(config).to(dtype)
    if any(name.startswith(OPEN_CLIP) for name in state):
        named = convert_open_clip_checkpoint(network, state, OPEN_CLIP)
    else:
        named = convert_ldm_clip_checkpoint(state)
    # Of older versions: a prefix, and the numbers 0, 1, 2, …
    named = {name.removeprefix("text_model."): value for name, value in named.items()}
    named.pop("embeddings.position_ids", None)
    _fill(file, "text encoder", network, named)
    return network


def _fill(file: Path, what: str, network: nn.Module, state: dict[str, Tensor]) -> None:
    try:
        network.load_state_dict(state, strict=True, assign=True)
    except RuntimeError as error:
        cause = said(error, 300)
        raise InputError(
            f"{file}: its {what} is not of the sizes that this base has ({cause}); give another base, or another file"
        ) from error
