"""Weights of the released decoder (`asuka_decoder.ckpt`, entry "state_dict") for our class, nothing lost silently.

config, state = convert(foreign)
model = ConditionalDecoder(**config)
model.load_state_dict(state)
"""

import re

import torch
from torch import Tensor

from decoder.model import ConditionalDecoder
from decoder.presets import PRESETS

_END = r"(weight|bias)"
_BLOCK = rf"(norm1|conv1|norm2|conv2)\.{_END}"
# Released key (whole, as a pattern) -> ours; {level} and {resnet} count the other way round or from another start.
KEYS: tuple[tuple[str, str], ...] = (
    (rf"(conv_in|conv_out)\.{_END}", "decoder.{0}.{1}"),
    (rf"norm_out\.{_END}", "decoder.conv_norm_out.{0}"),
    (rf"mid\.block_(?P<resnet>[12])\.{_BLOCK}", "decoder.mid_block.resnets.{resnet}.{1}.{2}"),
    (rf"mid\.attn_1\.norm\.{_END}", "decoder.mid_block.attentions.0.group_norm.{0}"),
    (rf"mid\.attn_1\.([qkv])\.{_END}", "decoder.mid_block.attentions.0.to_{0}.{1}"),
    (rf"mid\.attn_1\.proj_out\.{_END}", "decoder.mid_block.attentions.0.to_out.0.{0}"),
    (rf"up\.(?P<level>[0-3])\.block\.(\d)\.{_BLOCK}", "decoder.up_blocks.{level}.resnets.{1}.{2}.{3}"),
    (
        rf"up\.(?P<level>[0-3])\.block\.(\d)\.nin_shortcut\.{_END}",
        "decoder.up_blocks.{level}.resnets.{1}.conv_shortcut.{2}",
    ),
    (rf"up\.(?P<level>[0-3])\.upsample\.conv\.{_END}", "decoder.up_blocks.{level}.upsamplers.0.conv.{1}"),
    (rf"encoder\.layers\.([0-4])\.{_END}", "known_encoder.layers.{0}.{1}"),
)
# In the released file, never used by the released network.
UNUSED = re.compile(rf"up_layers\.[0-3]\.deconv\.{_END}")
# In a whole checkpoint, beside `decoder.`: the VAE's own encoder and what only training needs.
OTHERS = ("encoder.", "loss.", "discriminator.")


def convert(foreign: dict[str, Tensor]) -> tuple[dict[str, object], dict[str, Tensor]]:
    """(config, state) of a released state dict: that of the whole checkpoint, or of its `decoder.` alone.

    Raises ValueError naming every unknown and every missing key.
    """
    state: dict[str, Tensor] = {}
    unknown: list[str] = []
    prefix = "decoder." if any(key.startswith("decoder.") for key in foreign) else ""
    for key, value in foreign.items():
        if prefix and key.startswith(OTHERS):
            continue
        name = key.removeprefix(prefix) if key.startswith(prefix) else ""
        ours = _translate(name)
        if ours is not None:
            # Attention is four 1 x 1 convolutions there, linear maps here.
            state[ours] = value.flatten(1) if ".attentions." in ours and value.ndim > 1 else value
        elif not UNUSED.fullmatch(name):
            unknown.append(key)
    with torch.device("meta"):
        wanted = ConditionalDecoder(**PRESETS["asuka"]).state_dict()
    missing = [key for key in wanted if key not in state]
    if unknown or missing:
        raise ValueError(
            "These weights are not those of a released decoder (decoder.convert): "
            f"unknown keys: {', '.join(unknown) or 'none'}; "
            f"missing (our names): {', '.join(missing) or 'none'}. "
            "Give the entry 'state_dict' of the checkpoint, complete."
        )
    widths = tuple(len(state[f"known_encoder.layers.{number}.bias"]) for number in range(4))
    sizes = {"latent_channels": state["decoder.conv_in.weight"].shape[1], "block_out_channels": widths}
    return PRESETS["asuka"] | sizes, state


def convert_asymmetric(foreign: dict[str, Tensor]) -> tuple[dict[str, object], dict[str, Tensor]]:
    """(config, state) of the decoder in diffusers' `AsymmetricAutoencoderKL`.

    Its encoder of the known pixels does not see the mask: our fourth input channel gets zeros. It shrinks masks by
    picking a pixel of each cell where ours takes any, so that the two agree where holes fill whole cells.
    Raises ValueError naming every unknown and every missing key.
    """
    known = "decoder.condition_encoder."
    state = {
        key.replace(known, "known_encoder."): value
        for key, value in foreign.items()
        if not key.startswith(("encoder.", "quant_conv."))
    }
    first = "known_encoder.layers.0.weight"
    if first in state:
        state[first] = torch.cat([state[first], torch.zeros_like(state[first][:, :1])], dim=1)
    biases = [state.get(f"known_encoder.layers.{number}.bias") for number in range(4)]
    resnets = {key.split(".")[4] for key in state if key.startswith("decoder.up_blocks.0.resnets.")}
    config = PRESETS["asuka"] | {"use_post_quant_conv": True, "layers_per_block": max(len(resnets) - 1, 0)}
    if all(bias is not None for bias in biases) and "decoder.conv_in.weight" in state:
        config["block_out_channels"] = tuple(len(bias) for bias in biases)
        config["latent_channels"] = state["decoder.conv_in.weight"].shape[1]
    with torch.device("meta"):
        wanted = ConditionalDecoder(**config).state_dict()
    unknown, missing = [key for key in state if key not in wanted], [key for key in wanted if key not in state]
    if unknown or missing:
        raise ValueError(
            "These weights are not those of an AsymmetricAutoencoderKL (decoder.convert): "
            f"unknown keys: {', '.join(unknown) or 'none'}; "
            f"missing: {', '.join(missing) or 'none'}. Give the whole file."
        )
    return config, state


def _translate(key: str) -> str | None:
    for pattern, replacement in KEYS:
        match = re.fullmatch(pattern, key)
        if match:
            named = match.groupdict()
            # There level 0 is the finest, here block 0 the coarsest; blocks of the middle count from 1.
            level, resnet = 3 - int(named.get("level", 0)), int(named.get("resnet", 1)) - 1
            return replacement.format(*match.groups(), level=level, resnet=resnet)
    return None
