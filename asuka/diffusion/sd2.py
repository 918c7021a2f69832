"""The sizes of Stable Diffusion 2 inpainting that are not those of 1.5: autoencoder and noise schedule are."""

from diffusers import UNet2DConditionModel
from transformers import CLIPTextConfig

from asuka.diffusion.sd15 import shaped_unet


def unet(channels: int) -> UNet2DConditionModel:
    """Its U-Net (866 million parameters) that reads so many channels, untrained, on the default device: heads of 64
    channels, linear projections, and a wider context."""
    return shaped_unet(channels, 1024, [5, 10, 20, 20], linear=True)


def text() -> CLIPTextConfig:
    """Its text encoder (340 million parameters): that of OpenCLIP ViT-H/14 up to its last layer but one, which is what
    the U-Net was trained to read."""
    return CLIPTextConfig(
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=23,
        num_attention_heads=16,
        max_position_embeddings=77,
        vocab_size=49408,
        hidden_act="gelu",
        projection_dim=512,
    )
