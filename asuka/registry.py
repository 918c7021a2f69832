"""Where weights are: the embedded ones by the name `tiny`, everything else by folder; and what they are, by hash."""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from asuka.errors import InputError

ASSETS = Path(__file__).parent / "assets"
# Part -> what its folder's index says it is, and what trains it.
PARTS = {
    "base/vae": ("AutoencoderKL", "stage=vae"),
    "base": ("StableDiffusionInpaintPipeline", "stage=base"),
    "mae": ("MaskedAutoencoder", "stage=mae"),
    "align": ("Alignment", "stage=align"),
    "decoder": ("ConditionalDecoder", "stage=decoder"),
    "prompt": ("LearnedPrompt", "stage=prompt"),
}


def locate(weights: str, part: str) -> Path:
    """The folder of a part's weights: `tiny` names the embedded ones, anything else is a folder as diffusers writes."""
    folder = ASSETS / weights / part if weights == "tiny" else Path(weights)
    kind, stage = PARTS[part]
    index = next((file for file in (folder / "model_index.json", folder / "config.json") if file.exists()), None)
    if index is None:
        raise InputError(f"no weights at {folder}; give a folder that {stage} wrote, or 'tiny'")
    found = kind_of(index)
    if found != kind:
        raise InputError(f"{folder} holds a {found} and no {kind}; give a folder that {stage} wrote, or 'tiny'")
    return folder


def kind_of(index: Path) -> str | None:
    """The class that a folder's model_index.json or config.json names. InputError where it cannot be read."""
    try:
        return json.loads(index.read_text()).get("_class_name")
    except (ValueError, AttributeError) as error:
        raise InputError(f"{index} cannot be read; fetch it again") from error


def fingerprint(folder: Path, files: Sequence[Path] | None = None) -> str:
    """Hash of some weights below a folder, or of all: 16 hexadecimal digits of sha256 over its safetensors files in
    order. A file is the same with and without the .fp16. that a hub puts into its name."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.safetensors")) if files is None else files:
        digest.update(file.relative_to(folder).as_posix().replace(".fp16.", ".").encode())
        with file.open("rb") as stream:  # in pieces: a file may be larger than memory
            while block := stream.read(1 << 24):
                digest.update(block)
    return digest.hexdigest()[:16]


def require(part: str, expected: dict[str, str], actual: dict[str, str]) -> None:
    """InputError unless the frozen parts are those `part` was trained with."""
    for name, wanted in expected.items():
        if actual[name] != wanted:
            raise InputError(
                f"{part} was trained with {name} weights {wanted}, but these are {actual[name]}; "
                f"give the {name} it was trained with, or train {part} again"
            )
