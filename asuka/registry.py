"""Where weights are: the embedded ones by the name `tiny`, everything else by folder; and what they are, by hash."""

import hashlib
from pathlib import Path

from asuka.errors import InputError

ASSETS = Path(__file__).parent / "assets"
# What trains each part, for the remedy in the message.
TRAINED_BY = {
    "base/vae": "stage=vae",
    "base": "stage=base",
    "mae": "stage=mae",
    "align": "stage=align",
}


def locate(weights: str, part: str) -> Path:
    """The folder of a part's weights: `tiny` names the embedded ones, anything else is a folder."""
    folder = ASSETS / weights / part if weights == "tiny" else Path(weights)
    if not any(folder.glob("**/*.safetensors")):
        raise InputError(f"no weights at {folder}; give a folder that {TRAINED_BY[part]} wrote, or 'tiny'")
    return folder


def fingerprint(folder: Path) -> str:
    """Hash of all weights below a folder: 16 hexadecimal digits of sha256 over its safetensors files in order."""
    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.safetensors")):
        digest.update(file.relative_to(folder).as_posix().encode())
        digest.update(file.read_bytes())
    return digest.hexdigest()[:16]


def require(part: str, expected: dict[str, str], actual: dict[str, str]) -> None:
    """InputError unless the frozen parts are those `part` was trained with."""
    for name, wanted in expected.items():
        if actual[name] != wanted:
            raise InputError(
                f"{part} was trained with {name} weights {wanted}, but these are {actual[name]}; "
                f"give the {name} it was trained with, or train {part} again"
            )
