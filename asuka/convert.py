"""Weights of the released alignment checkpoints for `asuka.alignment.Alignment`, nothing lost silently.

config, state = convert_alignment(foreign)
alignment = Alignment(**config)
alignment.load_state_dict(state)
"""

import re

import torch
from torch import Tensor

from asuka.alignment import Alignment

# Released key (whole, as a pattern) -> ours; {layer} is the released number less one.
KEYS: tuple[tuple[str, str], ...] = (
    (r"0\.(weight|bias)", "project.{0}"),
    (r"([1-4])\.(linear[12])\.(weight|bias)", "layers.{layer}.{1}.{2}"),
    (r"([1-4])\.norm\.(query|key)_norm\.scale", "layers.{layer}.{1}_scale"),
    (r"5\.(weight|bias)", "norm.{0}"),
)
# In the released files, never used by the released network: a fifth of the parameters.
UNUSED = re.compile(r"[1-4]\.modulation\.lin\.(weight|bias)")


def convert_alignment(foreign: dict[str, Tensor]) -> tuple[dict[str, int | str], dict[str, Tensor]]:
    """(config, state) for `Alignment` from a released state dict.

    Raises ValueError naming every unknown and every missing key.
    """
    state: dict[str, Tensor] = {}
    unknown: list[str] = []
    for key, value in foreign.items():
        if UNUSED.fullmatch(key):
            continue
        ours = _translate(key)
        if ours is None:
            unknown.append(key)
        else:
            state[ours] = value
    with torch.device("meta"):
        # The names do not depend on the widths.
        wanted = Alignment(token_dim=64, context_dim=64, variant="self4").state_dict()
    missing = [key for key in wanted if key not in state]
    if unknown or missing:
        raise ValueError(
            "These weights are not those of a released alignment (asuka.convert): "
            f"unknown keys: {', '.join(unknown) or 'none'}; "
            f"missing (our names): {', '.join(missing) or 'none'}. "
            "Give the whole file of one alignment."
        )
    context_dim, token_dim = state["project.weight"].shape
    return {"token_dim": token_dim, "context_dim": context_dim, "variant": "self4"}, state


def convert_alignments(
    sequence: dict[str, Tensor], pooled: dict[str, Tensor]
) -> tuple[dict[str, int | str], dict[str, Tensor]]:
    """(config, state) for one `Alignment` of the two released for FLUX: `asuka_alignment_t5.pt` makes the sequence,
    `asuka_alignment_clip.pt` the pooled vector. Raises ValueError as `convert_alignment` does."""
    config, state = convert_alignment(sequence)
    second, vectors = convert_alignment(pooled)
    state |= {f"pooled.{key}": value for key, value in vectors.items()}
    return config | {"pooled_dim": second["context_dim"]}, state


def _translate(key: str) -> str | None:
    for pattern, replacement in KEYS:
        match = re.fullmatch(pattern, key)
        if match:
            groups = match.groups()
            layer = int(groups[0]) - 1 if "{layer}" in replacement else None
            return replacement.format(*groups, layer=layer)
    return None
