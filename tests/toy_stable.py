"""Stable Diffusion at toy size, untrained, of any kind; and its weights under the names that its makers gave them."""

import re
from pathlib import Path

import torch
from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from torch import Tensor
from toy_flux import shake
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer

from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.sd15 import scheduler
from asuka.diffusion.single_file import Sizes
from asuka.diffusion.tiny import CONTEXT_DIM, TEXT_LENGTH, build_tokenizer
from asuka.stages.base import export_base

# What stands at the end of a name in a residual block: ours, and theirs in the U-Net.
RESIDUAL = (
    *(("norm1", "in_layers.0"), ("conv1", "in_layers.2"), ("time_emb_proj", "emb_layers.1")),
    *(("norm2", "out_layers.0"), ("conv2", "out_layers.3"), ("conv_shortcut", "skip_connection")),
)
WHOLE = (
    *(("time_embedding.linear_1", "time_embed.0"), ("time_embedding.linear_2", "time_embed.2")),
    *(("conv_in", "input_blocks.0.0"), ("conv_norm_out", "out.0"), ("conv_out", "out.2")),
)
ATTENTION = (("group_norm", "norm"), ("to_q", "q"), ("to_k", "k"), ("to_v", "v"), ("to_out.0", "proj_out"))
OPEN_CLIP = (
    *(("layer_norm1", "ln_1"), ("layer_norm2", "ln_2"), ("mlp.fc1", "mlp.c_fc"), ("mlp.fc2", "mlp.c_proj")),
    ("self_attn", "attn"),
)


def toy_unet(channels: int, linear: bool = False) -> UNet2DConditionModel:
    """As Stable Diffusion 1.5's, and with `linear` as 2's: linear projections, other numbers of heads by level."""
    return UNet2DConditionModel(
        sample_size=8,
        in_channels=channels,
        out_channels=4,
        layers_per_block=1,
        block_out_channels=(16, 16, 32),
        down_block_types=("CrossAttnDownBlock2D", "CrossAttnDownBlock2D", "DownBlock2D"),
        up_block_types=("UpBlock2D", "CrossAttnUpBlock2D", "CrossAttnUpBlock2D"),
        cross_attention_dim=CONTEXT_DIM,
        attention_head_dim=[2, 4, 4] if linear else 4,
        use_linear_projection=linear,
        norm_num_groups=8,
    )


def toy_vae() -> AutoencoderKL:
    """With attention in its middle, as the real one."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(8, 8, 8, 16),
        layers_per_block=1,
        norm_num_groups=8,
    )


def toy_text(linear: bool = False) -> CLIPTextConfig:
    return CLIPTextConfig(
        vocab_size=512,
        hidden_size=CONTEXT_DIM,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=TEXT_LENGTH,
        hidden_act="gelu" if linear else "quick_gelu",
    )


SIZES = Sizes(toy_unet, toy_vae, toy_text, scheduler)
SIZES2 = Sizes(lambda channels: toy_unet(channels, True), toy_vae, lambda: toy_text(True), scheduler)


def toy_tokenizer() -> CLIPTokenizer:
    return build_tokenizer(["a red ball", "snow"])


def toy_stable(channels: int, prediction: str = "epsilon", sizes: Sizes = SIZES) -> StableDiffusion:
    """With noise on every weight, so that nothing is zero; its autoencoder's posterior has next to no width."""
    torch.manual_seed(2)
    noise = DDIMScheduler.from_config(sizes.scheduler().config, prediction_type=prediction)
    base = StableDiffusion(sizes.vae(), sizes.unet(channels), CLIPTextModel(sizes.text()), toy_tokenizer(), noise)
    shake(base)
    with torch.no_grad():
        base.vae.encoder.conv_out.weight[4:], base.vae.encoder.conv_out.bias[4:] = 0, 0
        base.vae.quant_conv.weight[4:], base.vae.quant_conv.bias[4:] = 0, -30
    return base.eval().requires_grad_(False)


def write_toy_stable(folder: Path, channels: int, prediction: str = "epsilon") -> Path:
    """One in diffusers' layout."""
    export_base(toy_stable(channels, prediction), folder)
    return folder


def states(base: StableDiffusion) -> dict[str, Tensor]:
    """Every weight of the three networks."""
    parts = {"unet": base.unet, "vae": base.vae, "text": base.text_encoder}
    return {f"{part}.{name}": value for part, one in parts.items() for name, value in one.state_dict().items()}


def original(base: StableDiffusion) -> dict[str, Tensor]:
    """Its weights as the makers' own file has them, with what else is in such files."""
    if base.unet.config.use_linear_projection:
        text = _open_clip(base.text_encoder.state_dict())
    else:
        text = {f"transformer.text_model.{name}": value for name, value in base.text_encoder.state_dict().items()}
        text["transformer.text_model.embeddings.position_ids"] = torch.arange(TEXT_LENGTH)[None]
    named = {
        "model.diffusion_model": {unet_name(base.unet, name): value for name, value in base.unet.state_dict().items()},
        "first_stage_model": dict(vae_part(base.vae, *part) for part in base.vae.state_dict().items()),
        "cond_stage_model": text,
    }
    state = {f"{part}.{name}": value.contiguous() for part, one in named.items() for name, value in one.items()}
    return state | {"alphas_cumprod": torch.ones(1000), "model_ema.decay": torch.ones(1)}


def unet_name(unet: UNet2DConditionModel, name: str) -> str:
    for ours, theirs in WHOLE:
        name = re.sub(rf"^{ours}\.", f"{theirs}.", name)
    layers = unet.config.layers_per_block + 1
    if found := re.match(r"(down|up)_blocks\.(\d+)\.(resnets|attentions|downsamplers|upsamplers)\.(\d+)\.(.*)", name):
        way, block, kind, layer, rest = found.groups()
        number = int(block) * layers + int(layer)
        if kind == "downsamplers":
            return f"input_blocks.{(int(block) + 1) * layers}.0.op.{rest.removeprefix('conv.')}"
        if kind == "upsamplers":
            attends = unet.config.up_block_types[int(block)].startswith("CrossAttn")
            return f"output_blocks.{int(block) * layers + layers - 1}.{2 if attends else 1}.{rest}"
        place = f"input_blocks.{number + 1}" if way == "down" else f"output_blocks.{number}"
        return f"{place}.{_residual(rest, 0) if kind == 'resnets' else f'1.{rest}'}"
    if found := re.match(r"mid_block\.(resnets|attentions)\.(\d+)\.(.*)", name):
        kind, layer, rest = found.groups()
        return f"middle_block.{_residual(rest, 2 * int(layer)) if kind == 'resnets' else f'1.{rest}'}"
    return name


def _residual(rest: str, place: int) -> str:
    for ours, theirs in RESIDUAL:
        rest = re.sub(rf"^{ours}\.", f"{theirs}.", rest)
    return f"{place}.{rest}"


def vae_part(vae: AutoencoderKL, name: str, value: Tensor) -> tuple[str, Tensor]:
    levels = len(vae.config.block_out_channels)
    name = name.replace("conv_shortcut", "nin_shortcut").replace("conv_norm_out", "norm_out")
    name = re.sub(r"down_blocks\.(\d+)\.resnets\.", r"down.\1.block.", name)
    name = re.sub(r"down_blocks\.(\d+)\.downsamplers\.0", r"down.\1.downsample", name)
    for block in range(levels):
        name = name.replace(f"up_blocks.{block}.resnets.", f"up.{levels - 1 - block}.block.")
        name = name.replace(f"up_blocks.{block}.upsamplers.0", f"up.{levels - 1 - block}.upsample")
    name = name.replace("mid_block.resnets.0", "mid.block_1").replace("mid_block.resnets.1", "mid.block_2")
    if "mid_block.attentions.0." in name:
        name = name.replace("mid_block.attentions.0", "mid.attn_1")
        for ours, theirs in ATTENTION:
            name = name.replace(f".{ours}.", f".{theirs}.")
        if value.ndim == 2:
            value = value[:, :, None, None]  # a convolution of one pixel
    return name, value


def _open_clip(state: dict[str, Tensor]) -> dict[str, Tensor]:
    named: dict[str, Tensor] = {
        "model.positional_embedding": state["embeddings.position_embedding.weight"],
        "model.token_embedding.weight": state["embeddings.token_embedding.weight"],
        "model.ln_final.weight": state["final_layer_norm.weight"],
        "model.ln_final.bias": state["final_layer_norm.bias"],
        "model.text_projection": torch.eye(CONTEXT_DIM, device=state["final_layer_norm.bias"].device),
        "model.logit_scale": torch.ones(()),
    }
    for name, value in state.items():
        if not name.startswith("encoder.layers."):
            continue
        name = f"model.transformer.resblocks.{name.removeprefix('encoder.layers.')}"
        for ours, theirs in OPEN_CLIP:
            name = name.replace(f".{ours}.", f".{theirs}.")
        if found := re.match(r"(.*)\.([qkv])_proj\.(weight|bias)", name):
            start, part, kind = found.groups()
            rows = named.setdefault(f"{start}.in_proj_{kind}", torch.cat([value] * 3).clone())
            width, place = len(value), "qkv".index(part)
            rows[place * width : (place + 1) * width] = value
        else:
            named[name] = value
    return named
