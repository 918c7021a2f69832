"""The sizes of Stable Diffusion 1.5, without its weights: what can be known of it before a download."""

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextConfig


def unet(channels: int) -> UNet2DConditionModel:
    """Its U-Net (860 million parameters) that reads so many channels, 9 for inpainting and 4 for texts."""
    return shaped_unet(channels, 768, 8, linear=False)


def shaped_unet(channels: int, context_dim: int, heads: int | list[int], linear: bool) -> UNet2DConditionModel:
    """The U-Net of all Stable Diffusions up to 2, untrained, on the default device; the meta device costs no memory.

    heads: what diffusers calls `attention_head_dim`; linear: projections around the attention in place of convolutions.
    """
    return UNet2DConditionModel(
        sample_size=64,
        in_channels=channels,
        out_channels=4,
        down_block_types=(*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
        cross_attention_dim=context_dim,
        attention_head_dim=heads,
        use_linear_projection=linear,
    )


def vae() -> AutoencoderKL:
    """Its autoencoder (84 million parameters), likewise."""
    return AutoencoderKL(
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        block_out_channels=(128, 256, 512, 512),
        layers_per_block=2,
        latent_channels=4,
        sample_size=512,
    )


def text() -> CLIPTextConfig:
    """Its text encoder (123 million parameters): that of CLIP ViT-L/14."""
    return CLIPTextConfig(
        hidden_size=768,
        intermediate_size=3072,
        num_hidden_layers=12,
        num_attention_heads=12,
        max_position_embeddings=77,
        vocab_size=49408,
        hidden_act="quick_gelu",
        projection_dim=768,
    )


def scheduler() -> DDIMScheduler:
    """Its noise schedule; it predicts noise."""
    return DDIMScheduler(
        num_train_timesteps=1000,
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
