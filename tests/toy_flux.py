"""FLUX Fill at toy size: diffusers' own classes, untrained, in a folder as `save_pretrained` writes it."""

from pathlib import Path

import torch
from diffusers import AutoencoderKL, FlowMatchEulerDiscreteScheduler, FluxFillPipeline, FluxTransformer2DModel
from transformers import CLIPTextConfig, CLIPTextModel, CLIPTokenizer, T5Config, T5EncoderModel

from asuka.alignment import Alignment
from asuka.diffusion.flux_folder import write_empty
from asuka.diffusion.tiny import build_tokenizer
from asuka.registry import fingerprint
from decoder import ConditionalDecoder
from mae import MaskedAutoencoder

SEQUENCE, POOLED = 128, 64  # widths of the context
SIZE = 64
WITHOUT = dict.fromkeys(("text_encoder", "tokenizer", "text_encoder_2", "tokenizer_2"))
WORDS = [f"base.size={SIZE}", "base.dtype=fp32"]


def toy_vae() -> AutoencoderKL:
    return AutoencoderKL(
        block_out_channels=(8, 8, 8, 8),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        layers_per_block=1,
        latent_channels=16,
        norm_num_groups=8,
        use_quant_conv=False,
        use_post_quant_conv=False,
        mid_block_add_attention=False,
        scaling_factor=0.3611,
        shift_factor=0.1159,
    )


def toy_transformer() -> FluxTransformer2DModel:
    return FluxTransformer2DModel(
        in_channels=384,
        out_channels=64,
        num_layers=1,
        num_single_layers=1,
        attention_head_dim=32,
        num_attention_heads=2,
        joint_attention_dim=SEQUENCE,
        pooled_projection_dim=POOLED,
        guidance_embeds=True,
        axes_dims_rope=(16, 8, 8),
    )


def toy_scheduler() -> FlowMatchEulerDiscreteScheduler:
    """FLUX.1's own."""
    return FlowMatchEulerDiscreteScheduler(shift=3.0, use_dynamic_shifting=True, base_shift=0.5, max_shift=1.15)


def toy_encoders() -> tuple[CLIPTextModel, T5EncoderModel, CLIPTokenizer]:
    """Both text encoders, and the one tokenizer that each reads."""
    tokenizer = build_tokenizer(["a red ball", "snow"])
    clip = CLIPTextConfig(
        vocab_size=len(tokenizer),
        hidden_size=POOLED,
        intermediate_size=64,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=32,
        bos_token_id=tokenizer.bos_token_id,
        eos_token_id=tokenizer.eos_token_id,
        pad_token_id=tokenizer.pad_token_id,
    )
    t5 = T5Config(vocab_size=len(tokenizer), d_model=SEQUENCE, d_kv=16, d_ff=64, num_layers=1, num_heads=2)
    return CLIPTextModel(clip).eval(), T5EncoderModel(t5).eval(), tokenizer


@torch.no_grad()
def write_toy_flux(folder: Path, mae: MaskedAutoencoder, mark: str) -> None:
    """flux/, flux_align/ for an MAE of fingerprint `mark`, and flux_decoder/; with noise on every weight."""
    torch.manual_seed(1)
    vae, transformer = toy_vae(), toy_transformer()
    for module in (vae, transformer):
        shake(module)
    pipeline = FluxFillPipeline(scheduler=toy_scheduler(), vae=vae, transformer=transformer, **WITHOUT)
    pipeline.save_pretrained(folder / "flux")
    write_empty(folder / "flux", torch.randn(1, 256, SEQUENCE), torch.randn(1, POOLED))
    marks = {"base": fingerprint(folder / "flux/transformer"), "mae": mark}
    alignment = Alignment(mae.token_dim, SEQUENCE, trained_with=marks, pooled_dim=POOLED)
    shake(alignment)
    alignment.save_pretrained(folder / "flux_align")
    decoder = ConditionalDecoder.like(vae, trained_with={"vae": fingerprint(folder / "flux/vae")})
    shake(decoder)
    decoder.save_pretrained(folder / "flux_decoder")


@torch.no_grad()
def shake(module: torch.nn.Module) -> None:
    """Noise on every weight, so that nothing is zero."""
    for parameter in module.parameters():
        parameter.add_(0.02 * torch.randn_like(parameter))
