"""FLUX.1 Fill from a folder in diffusers' layout, and the empty text's embeddings beside it in one small file."""

import json
from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxTransformer2DModel
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import AutoTokenizer, CLIPTextModel, T5EncoderModel

from asuka.diffusion.base import Context
from asuka.diffusion.flux import FluxFill
from asuka.diffusion.flux_convert import convert_transformer, convert_vae
from asuka.diffusion.precision import precision
from asuka.disk import growing
from asuka.errors import InputError
from asuka.loading import load
from asuka.registry import fingerprint, kind_of

EMPTY = "empty_text.safetensors"
LENGTH = 256  # of the empty text's sequence: as long as the alignment's, so that the two can be mixed
PIPELINE = "FluxFillPipeline"
# FLUX.1's own; how far it is shifted, the number of patches tells.
SHIFTED = dict(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15)


def flux_fill(weights: str, size: int, guidance: float, dtype: str) -> FluxFill:
    """`base=flux_fill`: the FLUX Fill of a folder, frozen.

    size: side of the pictures it is shown, in pixels; guidance: what the distilled network is told (30 as released);
    dtype: bf16, fp16 or fp32, of the transformer and the autoencoder. InputError where there is no such folder, or none
    of the empty text's embeddings in it.
    """
    kind, folder = precision(dtype), folder_of(weights)
    transformer = load(FluxTransformer2DModel, folder / "transformer", kind)
    vae = load(AutoencoderKL, folder / "vae", kind)
    scheduler = FlowMatchEulerDiscreteScheduler.from_pretrained(folder, subfolder="scheduler")
    base = FluxFill(vae, transformer, scheduler, read_empty(folder), size, guidance).eval().requires_grad_(False)
    if base.inputs != base.wanted:
        raise InputError(
            f"{folder}: its transformer reads {base.inputs} channels, filling needs {base.wanted}; give FLUX.1 Fill, "
            "not another FLUX"
        )
    base.fingerprint, base.vae_fingerprint = fingerprint(folder / "transformer"), fingerprint(folder / "vae")
    return base


def folder_of(weights: str) -> Path:
    """The folder of a FLUX Fill; InputError where it is none."""
    folder, index = Path(weights), Path(weights, "model_index.json")
    kind = kind_of(index) if index.exists() else "no model_index.json"
    if kind != PIPELINE:
        raise InputError(
            f"base.weights={weights}: holds {kind} where a {PIPELINE} is wanted; give the folder of 'hf download "
            "black-forest-labs/FLUX.1-Fill-dev --local-dir FOLDER', or the one that scripts/convert_official.py makes "
            "of the original flux1-fill-dev.safetensors and ae.safetensors"
        )
    return folder


def write_flux(folder: Path, transformer: dict[str, Tensor], vae: dict[str, Tensor]) -> None:
    """The original weights of FLUX.1 Fill as a folder in diffusers' layout. ValueError naming keys that do not fit."""
    for name, network, (config, state) in (
        ("transformer", FluxTransformer2DModel, convert_transformer(transformer)),
        ("vae", AutoencoderKL, convert_vae(vae)),
    ):
        with torch.device("meta"):
            model = network(**config)
        model.load_state_dict(state, strict=True, assign=True)
        model.save_pretrained(folder / name)
    FlowMatchEulerDiscreteScheduler(**SHIFTED).save_pretrained(folder / "scheduler")
    kinds = {
        "scheduler": ["diffusers", "FlowMatchEulerDiscreteScheduler"],
        "transformer": ["diffusers", "FluxTransformer2DModel"],
        "vae": ["diffusers", "AutoencoderKL"],
    }
    (folder / "model_index.json").write_text(json.dumps({"_class_name": PIPELINE, **kinds}, indent=2))


def read_empty(folder: Path) -> Context:
    """The empty text's sequence (1, T, D) and pooled vector (1, P); InputError where they are not there."""
    path = folder / EMPTY
    if not path.exists():
        raise InputError(
            f"{folder}: no {EMPTY}, the empty text's embeddings, which are computed once; run python "
            f"scripts/cache_empty_text.py {folder} where text_encoder/ and text_encoder_2/ are, or python "
            f"scripts/convert_official.py FILES {folder} with the released vec.pt and txt_256.pt in FILES"
        )
    stored = load_file(path)
    return Context(stored["sequence"], stored["pooled"])


def write_empty(folder: Path, sequence: Tensor, pooled: Tensor) -> Path:
    """Keep the empty text's sequence (1, T, D) and pooled vector (1, P) in a folder. InputError for other shapes."""
    if sequence.ndim != 3 or pooled.ndim != 2 or len(sequence) != 1 or len(pooled) != 1 or sequence.shape[1] != LENGTH:
        raise InputError(
            f"{folder}: the empty text's embeddings have shapes {tuple(sequence.shape)} and {tuple(pooled.shape)}, and "
            f"(1, {LENGTH}, width) and (1, width) are wanted; give txt_256.pt and vec.pt, not txt.pt"
        )
    with growing(folder / EMPTY) as half:
        save_file({"sequence": sequence.contiguous(), "pooled": pooled.contiguous()}, half)
    return folder / EMPTY


@torch.no_grad()
def encode_empty(folder: Path) -> tuple[Tensor, Tensor]:
    """What a folder's own text encoders, T5 and CLIP, make of the empty text: (1, 256, D) and (1, P).

    InputError where the encoders are not there.
    """
    folder_of(str(folder))
    missing = [
        name for name in ("text_encoder", "text_encoder_2", "tokenizer", "tokenizer_2") if not (folder / name).is_dir()
    ]
    if missing:
        raise InputError(
            f"{folder}: there is no {', '.join(missing)}; fetch the whole repository, or give the released vec.pt and "
            "txt_256.pt to scripts/convert_official.py"
        )
    pooled = load(CLIPTextModel, folder / "text_encoder")(_ids(folder, "tokenizer", None))
    # Without an attention mask, as FLUX was trained: padding is read like words.
    sequence = load(T5EncoderModel, folder / "text_encoder_2")(_ids(folder, "tokenizer_2", LENGTH))
    return sequence.last_hidden_state, pooled.pooler_output


def _ids(folder: Path, name: str, length: int | None) -> Tensor:
    tokenizer = AutoTokenizer.from_pretrained(folder / name)
    most = length or tokenizer.model_max_length
    return tokenizer([""], padding="max_length", max_length=most, truncation=True, return_tensors="pt").input_ids
