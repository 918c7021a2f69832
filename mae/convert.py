"""Weights of the released checkpoint (`mae_300.pth`, entry "model") for our classes, nothing lost silently.

config, state = convert(foreign)
model = CLASSES[config["_class_name"]](**config)
model.load_state_dict(state)
"""

import re

import torch
from torch import Tensor

from mae.model import MaskedAutoencoder, PlainAutoencoder, position_table

CLASSES: dict[str, type[PlainAutoencoder]] = {c.__name__: c for c in (PlainAutoencoder, MaskedAutoencoder)}

_BLOCK = r"(?:decoder_)?blocks\.\d+\.(?:norm[12]|attn\.(?:qkv|proj)|mlp\.fc[12])\.(?:weight|bias)"
# Released key (whole, as a pattern) -> ours.
KEYS: tuple[tuple[str, str], ...] = (
    (rf"({_BLOCK})", r"\1"),
    (r"((?:patch_embed\.proj|norm|decoder_embed|decoder_norm|decoder_pred)\.(?:weight|bias))", r"\1"),
    (r"(mask_token|alpha)", r"hole_token.\1"),
    (r"decoder_(patch_embed\.proj\.(?:weight|bias))", r"hole_token.\1"),
)
# Only in the form with partial patches.
PARTIAL = ("alpha", "decoder_patch_embed.proj.weight", "decoder_patch_embed.proj.bias")
# Fixed tables, which the release stores and we compute.
TABLES = ("pos_embed", "decoder_pos_embed")
# The number of heads cannot be read from shapes: (width, depth) -> heads of the released sizes. The depth is
# part of the key so that a file that lost its last block is no smaller network, but an error.
HEADS = {(768, 12): 12, (1024, 24): 16, (512, 8): 16}


def convert(foreign: dict[str, Tensor]) -> tuple[dict[str, int | str], dict[str, Tensor]]:
    """(config, state) of a released state dict; `config["_class_name"]` names the class in CLASSES.

    Raises ValueError naming every unknown and every missing key, for sizes that the release does not have,
    and for position tables that are not ours.
    """
    state: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key, value in foreign.items():
        ours = _translate(key)
        if ours is not None:
            state[ours] = value
        elif key not in TABLES:
            unknown.append(key)
    name = (MaskedAutoencoder if any(key in foreign for key in PARTIAL) else PlainAutoencoder).__name__
    depth, decoder_depth = _depth(foreign, "blocks."), _depth(foreign, "decoder_blocks.")
    missing = [key for key in TABLES if key not in foreign]
    missing += [key for key in _names(name, depth, decoder_depth) if key not in state]
    if unknown or missing:
        raise ValueError(
            "These weights are not those of a released masked autoencoder (mae.convert): "
            f"unknown keys: {', '.join(unknown) or 'none'}; "
            f"missing (our names): {', '.join(missing) or 'none'}. "
            "Give the entry 'model' of the checkpoint, complete."
        )
    for table in TABLES:
        _check_table(table, foreign[table])
    return {"_class_name": name, **_sizes(foreign, depth, decoder_depth)}, state


def _translate(key: str) -> str | None:
    for pattern, replacement in KEYS:
        match = re.fullmatch(pattern, key)
        if match:
            return match.expand(replacement)
    return None


def _depth(foreign: dict[str, Tensor], prefix: str) -> int:
    numbers = [key.removeprefix(prefix).split(".")[0] for key in foreign if key.startswith(prefix)]
    return 1 + max((int(number) for number in numbers if number.isdecimal()), default=-1)


def _names(name: str, depth: int, decoder_depth: int) -> list[str]:
    """Our keys for these depths; they do not depend on the widths."""
    with torch.device("meta"):
        small = CLASSES[name](
            image_size=4,
            patch_size=4,
            width=4,
            depth=depth,
            heads=1,
            decoder_width=4,
            decoder_depth=decoder_depth,
            decoder_heads=1,
        )
    return list(small.state_dict())


def _sizes(foreign: dict[str, Tensor], depth: int, decoder_depth: int) -> dict[str, int]:
    width, _, patch_size, _ = foreign["patch_embed.proj.weight"].shape
    decoder_width = foreign["decoder_embed.weight"].shape[0]
    for size in ((width, depth), (decoder_width, decoder_depth)):
        if size not in HEADS:
            raise ValueError(
                f"The weights have {size[1]} blocks of width {size[0]} in mae.convert, and only the released "
                f"sizes tell their number of heads; (width, blocks) known: {', '.join(map(str, HEADS))}."
            )
    return {
        "image_size": round(foreign["pos_embed"].shape[1] ** 0.5) * patch_size,
        "patch_size": patch_size,
        "width": width,
        "depth": depth,
        "heads": HEADS[width, depth],
        "decoder_width": decoder_width,
        "decoder_depth": decoder_depth,
        "decoder_heads": HEADS[decoder_width, decoder_depth],
    }


def _check_table(name: str, table: Tensor) -> None:
    count, width = table.shape[-2:]
    ours = position_table(round(count**0.5), width)
    if ours.shape != table.shape or (ours - table.float().cpu()).abs().max() > 1e-5:
        raise ValueError(
            f"The table '{name}' of shape {tuple(table.shape)} is not the fixed sin-cos table of mae.model; "
            "these weights were trained with other positions and cannot be used here (mae.convert)."
        )
