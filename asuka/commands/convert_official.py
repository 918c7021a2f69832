"""What scripts/convert_official.py does."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from asuka.alignment import Alignment
from asuka.convert import convert_alignments
from asuka.diffusion.flux_folder import EMPTY, write_empty, write_flux
from asuka.diffusion.quiet import quiet_libraries
from asuka.errors import InputError
from asuka.foreign.reading import read_weights
from asuka.registry import fingerprint, locate
from decoder import ConditionalDecoder
from decoder.convert import convert as convert_decoder
from decoder.convert import convert_asymmetric
from mae import MaskedAutoencoder
from mae.convert import convert as convert_mae
from mae.convert import convert_facebook, with_partial_patches

State = dict[str, Tensor]
# Files that make one part together.
GROUPS = (
    ("flux1-fill-dev.safetensors", "ae.safetensors"),
    ("asuka_alignment_t5.pt", "asuka_alignment_clip.pt"),
    ("txt_256.pt", "vec.pt"),
    ("diffusion_pytorch_model.safetensors",),
)


@dataclass(frozen=True)
class Kind:
    """What a state dict is, by a key that no other kind has, and what becomes of it."""

    name: str
    key: str
    files: int
    write: Callable[[list[State], Path, Path], Path]  # (states, target, base) -> the folder that was written


def convert(source: Path, target: Path, base: Path | None) -> None:
    """All of it, as the script's page of help says."""
    quiet_libraries()
    paths = _files(source)
    states = [_read(path) for path in paths]
    kind = next((kind for kind in KINDS if kind.key in states[0]), None)
    if kind is None:
        raise InputError(
            f"{paths[0]}: none of its {len(states[0])} keys ({', '.join(list(states[0])[:3])}, …) is of weights known "
            f"here, which are {', '.join(kind.name for kind in KINDS)}; give one of these"
        )
    if len(states) != kind.files:
        raise InputError(f"{paths[0]}: {kind.name} is made of {kind.files} files under the names that --help shows")
    try:
        print(f"{kind.name}: {kind.write(states, target, base or target / 'base')}")
    except InputError:
        raise
    except ValueError as error:
        raise InputError(f"{paths[0]}: {error}") from error


def _files(source: Path) -> list[Path]:
    """The files of one part, in the order of GROUPS. InputError where they are not all there."""
    if source.is_file():
        group = next((group for group in GROUPS if source.name in group), (source.name,))
        source = source.parent
    elif not source.is_dir():
        raise InputError(f"{source}: no such file or folder; python -m asuka.weights list shows where fetched ones are")
    else:
        found = [group for group in GROUPS if any((source / name).exists() for name in group)]
        if len(found) != 1:
            raise InputError(
                f"{source}: holds the files of {len(found)} parts that are known here "
                f"({'; '.join(', '.join(group) for group in GROUPS)}); give one file of one part"
            )
        group = found[0]
    missing = [name for name in group if not (source / name).is_file()]
    if missing:
        raise InputError(f"{source}: {', '.join(missing)} is not there, and {', '.join(group)} belong together; add it")
    return [source / name for name in group]


def _read(path: Path) -> State:
    """The state dict of a file; that of a file with one tensor has its name."""
    stored = read_weights(path)
    if isinstance(stored, Tensor):
        return {path.stem: stored}
    # Training checkpoints keep theirs under a word, beside much else.
    state = next((stored[word] for word in ("model", "state_dict") if isinstance(stored.get(word), dict)), stored)
    wrong = [str(key) for key, value in state.items() if not isinstance(value, Tensor)]
    if wrong or not state:
        raise InputError(f"{path}: {', '.join(wrong[:5]) or 'all of it'} is no tensor; give a file of weights")
    return state


def _write_mae(states: list[State], target: Path, base: Path) -> Path:
    facebook = "cls_token" in states[0]
    config, state = with_partial_patches(*(convert_facebook if facebook else convert_mae)(states[0]))
    return _save(MaskedAutoencoder, config, state, target / "mae")


def _write_alignment(states: list[State], target: Path, base: Path) -> Path:
    mae = target / "mae"
    for folder, what in ((base / "transformer", "the base"), (mae, "the MAE")):
        if not folder.is_dir():
            raise InputError(f"{folder}: {what} that the alignment is for is not there; convert it first")
    marks = {"base": fingerprint(base / "transformer"), "mae": fingerprint(locate(str(mae), "mae"))}
    config, state = convert_alignments(*states)
    return _save(Alignment, config | {"trained_with": marks}, state, target / "align")


def _write_decoder(states: list[State], target: Path, base: Path) -> Path:
    if not (base / "vae").is_dir():
        raise InputError(
            f"{base}: no vae/, and the decoder belongs to that of its base; convert that first or give --base"
        )
    asymmetric = "decoder.condition_encoder.layers.0.weight" in states[0]
    config, state = (convert_asymmetric if asymmetric else convert_decoder)(states[0])
    marks = {"vae": fingerprint(base / "vae")}
    return _save(ConditionalDecoder, config | {"trained_with": marks}, state, target / "decoder")


def _write_empty(states: list[State], target: Path, base: Path) -> Path:
    return write_empty(base, *(value for state in states for value in state.values()))


def _write_flux(states: list[State], target: Path, base: Path) -> Path:
    return _whole(target / "base", lambda folder: write_flux(folder, *states))


KINDS = (
    Kind("FLUX.1 Fill", "img_in.weight", 2, _write_flux),
    Kind("the empty text", "txt_256", 2, _write_empty),
    Kind("masked autoencoder", "patch_embed.proj.weight", 1, _write_mae),
    Kind("alignment", "1.linear1.weight", 2, _write_alignment),
    Kind("diffusers' asymmetric decoder", "decoder.condition_encoder.layers.0.weight", 1, _write_decoder),
    Kind("conditional decoder", "decoder.encoder.layers.0.weight", 1, _write_decoder),
)


def _save(network: type[nn.Module], config: dict[str, object], state: State, folder: Path) -> Path:
    """The network with these weights, every one of them, in a folder as diffusers writes it."""
    with torch.device("meta"):
        model = network(**{key: value for key, value in config.items() if key != "_class_name"})
    wrong = [
        f"{key} is {tuple(state[key].shape)}, not {tuple(value.shape)}"
        for key, value in model.state_dict().items()
        if key in state and state[key].shape != value.shape
    ]
    if wrong:
        raise InputError(f"{folder}: shapes that no network of this kind has: {'; '.join(wrong)}; give the whole file")
    model.load_state_dict(state, strict=True, assign=True)
    return _whole(folder, model.save_pretrained)


def _whole(folder: Path, write: Callable[[Path], object]) -> Path:
    """A folder that has its name only once it is whole; InputError where there is one already."""
    kept = sorted(path.name for path in folder.iterdir()) if folder.is_dir() else []
    if kept and kept != [EMPTY]:
        raise InputError(f"{folder}: is there already; delete it first or give another TARGET")
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True)
    write(part)
    for name in kept:
        (folder / name).replace(part / name)
    if folder.is_dir():
        folder.rmdir()
    return part.replace(folder)
