"""FLUX.1's original files (`flux1-fill-dev.safetensors`, `ae.safetensors`) for diffusers' classes.

config, state = convert_transformer(foreign)
model = FluxTransformer2DModel(**config)
model.load_state_dict(state)
"""

import re

import torch
from diffusers import AutoencoderKL, FluxTransformer2DModel
from torch import Tensor

# Original name -> diffusers'. Where there are several, the original is theirs on top of each other.
TOP = {
    "img_in": "x_embedder",
    "txt_in": "context_embedder",
    "time_in.in_layer": "time_text_embed.timestep_embedder.linear_1",
    "time_in.out_layer": "time_text_embed.timestep_embedder.linear_2",
    "vector_in.in_layer": "time_text_embed.text_embedder.linear_1",
    "vector_in.out_layer": "time_text_embed.text_embedder.linear_2",
    "guidance_in.in_layer": "time_text_embed.guidance_embedder.linear_1",
    "guidance_in.out_layer": "time_text_embed.guidance_embedder.linear_2",
    "final_layer.linear": "proj_out",
    "final_layer.adaLN_modulation.1": "norm_out.linear",
}
DOUBLE = {
    "img_mod.lin": "norm1.linear",
    "txt_mod.lin": "norm1_context.linear",
    "img_attn.qkv": "attn.to_q attn.to_k attn.to_v",
    "txt_attn.qkv": "attn.add_q_proj attn.add_k_proj attn.add_v_proj",
    "img_attn.norm.query_norm": "attn.norm_q",
    "img_attn.norm.key_norm": "attn.norm_k",
    "txt_attn.norm.query_norm": "attn.norm_added_q",
    "txt_attn.norm.key_norm": "attn.norm_added_k",
    "img_attn.proj": "attn.to_out.0",
    "txt_attn.proj": "attn.to_add_out",
    "img_mlp.0": "ff.net.0.proj",
    "img_mlp.2": "ff.net.2",
    "txt_mlp.0": "ff_context.net.0.proj",
    "txt_mlp.2": "ff_context.net.2",
}
SINGLE = {
    "modulation.lin": "norm.linear",
    "linear1": "attn.to_q attn.to_k attn.to_v proj_mlp",
    "linear2": "proj_out",
    "norm.query_norm": "attn.norm_q",
    "norm.key_norm": "attn.norm_k",
}
FIRST = 16  # of a head's channels that turn with the first of three places; rows and columns share the others
# Prefix of a block -> (diffusers' prefix, names within).
BLOCKS = {
    "": ("", TOP),
    "double_blocks": ("transformer_blocks", DOUBLE),
    "single_blocks": ("single_transformer_blocks", SINGLE),
}
NAME = re.compile(r"(?:(double_blocks|single_blocks)\.(\d+)\.)?(.+)\.(weight|bias|scale)")

_END = r"(weight|bias)"
_BLOCK = rf"(norm1|conv1|norm2|conv2)\.{_END}"
# Original key (whole, as a pattern) -> diffusers'; {0} is encoder or decoder, {level} and {resnet} as in `_vae_name`.
VAE: tuple[tuple[str, str], ...] = (
    (rf"(\w+)\.(conv_in|conv_out)\.{_END}", "{0}.{1}.{2}"),
    (rf"(\w+)\.norm_out\.{_END}", "{0}.conv_norm_out.{1}"),
    (rf"(\w+)\.mid\.block_(?P<resnet>[12])\.{_BLOCK}", "{0}.mid_block.resnets.{resnet}.{2}.{3}"),
    (rf"(\w+)\.mid\.attn_1\.norm\.{_END}", "{0}.mid_block.attentions.0.group_norm.{1}"),
    (rf"(\w+)\.mid\.attn_1\.([qkv])\.{_END}", "{0}.mid_block.attentions.0.to_{1}.{2}"),
    (rf"(\w+)\.mid\.attn_1\.proj_out\.{_END}", "{0}.mid_block.attentions.0.to_out.0.{1}"),
    (rf"(encoder)\.down\.(\d)\.block\.(\d)\.{_BLOCK}", "{0}.down_blocks.{1}.resnets.{2}.{3}.{4}"),
    (rf"(encoder)\.down\.(\d)\.block\.(\d)\.nin_shortcut\.{_END}", "{0}.down_blocks.{1}.resnets.{2}.conv_shortcut.{3}"),
    (rf"(encoder)\.down\.(\d)\.downsample\.conv\.{_END}", "{0}.down_blocks.{1}.downsamplers.0.conv.{2}"),
    (rf"(decoder)\.up\.(?P<level>\d)\.block\.(\d)\.{_BLOCK}", "{0}.up_blocks.{level}.resnets.{2}.{3}.{4}"),
    (
        rf"(decoder)\.up\.(?P<level>\d)\.block\.(\d)\.nin_shortcut\.{_END}",
        "{0}.up_blocks.{level}.resnets.{2}.conv_shortcut.{3}",
    ),
    (rf"(decoder)\.up\.(?P<level>\d)\.upsample\.conv\.{_END}", "{0}.up_blocks.{level}.upsamplers.0.conv.{2}"),
)
# FLUX.1's autoencoder.
AUTOENCODER = dict(
    block_out_channels=(128, 256, 512, 512),
    down_block_types=("DownEncoderBlock2D",) * 4,
    up_block_types=("UpDecoderBlock2D",) * 4,
    layers_per_block=2,
    latent_channels=16,
    norm_num_groups=32,
    use_quant_conv=False,
    use_post_quant_conv=False,
    scaling_factor=0.3611,
    shift_factor=0.1159,
    sample_size=1024,
)


def convert_transformer(foreign: dict[str, Tensor]) -> tuple[dict[str, object], dict[str, Tensor]]:
    """(config, state) for `FluxTransformer2DModel`.

    Raises ValueError naming every unknown and every missing key.
    """
    width = len(foreign["img_in.bias"]) if "img_in.bias" in foreign else 0
    state: dict[str, Tensor] = {}
    unknown = []
    for key, value in foreign.items():
        names = _transformer_names(key)
        if not names:
            unknown.append(key)
            continue
        # Queries, keys and values are as wide as the stream, and an MLP is what is left.
        parts = value.split([width] * (len(names) - 1) + [len(value) - width * (len(names) - 1)])
        if len(parts) > 1:
            parts = [part.clone() for part in parts]  # safetensors keeps no views
        if key.startswith("final_layer.adaLN"):
            parts = [torch.cat(value.chunk(2)[::-1])]  # shift and scale there, scale and shift here
        state |= zip(names, parts, strict=True)
    config = _transformer_config(state)
    with torch.device("meta"):
        wanted = FluxTransformer2DModel(**config).state_dict()
    _check("FLUX.1's transformer", unknown, [key for key in wanted if key not in state])
    return config, state


def convert_vae(foreign: dict[str, Tensor]) -> tuple[dict[str, object], dict[str, Tensor]]:
    """(config, state) for `AutoencoderKL`. Raises ValueError naming every unknown and every missing key."""
    state: dict[str, Tensor] = {}
    unknown = []
    for key, value in foreign.items():
        name = _vae_name(key)
        if name is None:
            unknown.append(key)
        else:
            # Attention is four 1 x 1 convolutions there, linear maps here.
            state[name] = value.flatten(1) if ".attentions." in name and value.ndim > 1 else value
    biases = [state.get(f"encoder.down_blocks.{level}.resnets.0.conv1.bias") for level in range(4)]
    widths = (
        AUTOENCODER["block_out_channels"]
        if any(bias is None for bias in biases)
        else tuple(len(bias) for bias in biases)
    )
    config = AUTOENCODER | {"block_out_channels": widths}
    with torch.device("meta"):
        wanted = AutoencoderKL(**config).state_dict()
    _check("FLUX.1's autoencoder", unknown, [key for key in wanted if key not in state])
    return config, state


def _transformer_names(key: str) -> list[str]:
    match = NAME.fullmatch(key)
    kind, number, name, end = match.groups("") if match else ("", "", "", "")
    prefix, names = BLOCKS[kind]
    place = f"{prefix}.{number}." if kind else ""
    end = "weight" if end == "scale" else end
    return [f"{place}{ours}.{end}" for ours in names.get(name, "").split()]


def _transformer_config(state: dict[str, Tensor]) -> dict[str, object]:
    """The sizes, as far as shapes tell them; those of the released network where a key is missing."""
    shapes = {key: tuple(value.shape) for key, value in state.items()}
    width, channels = shapes.get("x_embedder.weight", (3072, 384))
    (head,) = shapes.get("transformer_blocks.0.attn.norm_q.weight", (128,))
    blocks = {tuple(key.split(".")[:2]) for key in shapes if "transformer_blocks." in key}
    depths = [
        sum(kind == prefix for kind, _ in blocks) for prefix in ("transformer_blocks", "single_transformer_blocks")
    ]
    return {
        "in_channels": channels,
        "out_channels": shapes.get("proj_out.weight", (64,))[0],
        "num_layers": depths[0],
        "num_single_layers": depths[1],
        "attention_head_dim": head,
        "num_attention_heads": width // head,
        "joint_attention_dim": shapes.get("context_embedder.weight", (0, 4096))[1],
        "pooled_projection_dim": shapes.get("time_text_embed.text_embedder.linear_1.weight", (0, 768))[1],
        "guidance_embeds": True,
        "axes_dims_rope": (FIRST, (head - FIRST) // 2, (head - FIRST) // 2),
    }


def _vae_name(key: str) -> str | None:
    for pattern, replacement in VAE:
        match = re.fullmatch(pattern, key)
        if match:
            named = match.groupdict()
            # There level 0 is the finest, here block 0 the coarsest; blocks of the middle count from 1.
            level, resnet = 3 - int(named.get("level", 0)), int(named.get("resnet", 1)) - 1
            return replacement.format(*match.groups(), level=level, resnet=resnet)
    return None


def _check(what: str, unknown: list[str], missing: list[str]) -> None:
    if unknown or missing:
        raise ValueError(
            f"These weights are not those of {what} (asuka.diffusion.flux_convert): "
            f"unknown keys: {', '.join(unknown) or 'none'}; "
            f"missing (diffusers' names): {', '.join(missing) or 'none'}. Give the whole file."
        )
