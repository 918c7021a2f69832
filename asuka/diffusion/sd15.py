"""The sizes of Stable Diffusion 1.5 inpainting, without its weights: what can be known of it before a download."""

from diffusers import AutoencoderKL, UNet2DConditionModel


def unet() -> UNet2DConditionModel:
    """Its U-Net (860 million parameters), untrained, on the default device; the meta device costs no memory."""
    return UNet2DConditionModel(
        sample_size=64,
        in_channels=9,
        out_channels=4,
        down_block_types=(*("CrossAttnDownBlock2D",) * 3, "DownBlock2D"),
        up_block_types=("UpBlock2D", *("CrossAttnUpBlock2D",) * 3),
        block_out_channels=(320, 640, 1280, 1280),
        layers_per_block=2,
        cross_attention_dim=768,
        attention_head_dim=8,
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
