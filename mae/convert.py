"""Weights of the released checkpoint (`mae_300.pth`, entry "model") for our classes, nothing lost silently.

config, state = convert(foreign)
model = CLASSES[config["_class_name"]](**config)
model.load_state_dict(state)
"""

import re

import torch
from torch import Tensor

from mae.model import MaskedAutoencoder, PartialHoleToken, PlainAutoencoder, position_table

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


def convert_facebook(foreign: dict[str, Tensor]) -> tuple[dict[str, int | str], dict[str, Tensor]]:
    """(config, state) of facebook's MAE with its decoder (`mae_visualize_vit_base.pth`), for 16 x 16 patches.

    Its class token, which our network has none of, is dropped, and so are its tables for 14 x 14 patches: fixed sin-cos
    ones like ours, they are computed anew for 16 x 16. Whether it was trained on normalised patches, the file does not
    say (`mae_pretrain_vit_base_full.pth` was): then its pictures are of no use, though its tokens are.
    Raises ValueError as `convert` does, and for an encoder alone.
    """
    if not any(key.startswith("decoder_") for key in foreign):
        raise ValueError(
            "These weights are the encoder of facebook's MAE alone, without the decoder whose features the alignment "
            "reads (mae.convert). Give mae_visualize_vit_base.pth, not mae_pretrain_vit_base.pth."
        )
    rest = {key: value for key, value in foreign.items() if key != "cls_token"}
    for name in TABLES:
        if name in foreign:
            table = foreign[name][:, 1:]  # the class token's place comes first
            _check_table(name, table)
            rest[name] = position_table(16, table.shape[-1])
    return convert(rest)


def with_partial_patches(
    config: dict[str, int | str], state: dict[str, Tensor]
) -> tuple[dict[str, int | str], dict[str, Tensor]]:
    """A `MaskedAutoencoder` that computes what a `PlainAutoencoder` does, and can learn more; others as they are.

    What a partly known patch reads is the mask token at first, whatever is known: the embedding of its pixels has zero
    weights and the mask token for its bias. So alpha may stand in the middle, where both can learn.
    """
    if config["_class_name"] == MaskedAutoencoder.__name__:
        return config, state
    token, size = state["hole_token.mask_token"].flatten(), config["patch_size"]
    more = {
        "hole_token.alpha": torch.tensor(PartialHoleToken.ALPHA_START),
        "hole_token.patch_embed.proj.weight": token.new_zeros(len(token), 4, size, size),
        "hole_token.patch_embed.proj.bias": token.clone(),
    }
    return config | {"_class_name": MaskedAutoencoder.__name__}, state | more


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
