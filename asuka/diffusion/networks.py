"""The networks of a Stable Diffusion, by their names in its folder."""

from diffusers import AutoencoderKL, UNet2DConditionModel
from torch import nn
from transformers import CLIPTextModel

NETWORKS: dict[str, type[nn.Module]] = {
    "vae": AutoencoderKL,
    "unet": UNet2DConditionModel,
    "text_encoder": CLIPTextModel,
}
