"""A base from a folder in diffusers' layout."""

from diffusers import AutoencoderKL, DDIMScheduler, UNet2DConditionModel
from transformers import CLIPTextModel, CLIPTokenizer

from asuka.diffusion.base import StableDiffusion
from asuka.errors import InputError
from asuka.loading import load
from asuka.registry import fingerprint, locate


def pretrained(weights: str) -> StableDiffusion:
    """The Stable Diffusion inpainting model in a folder (`tiny`: the embedded one), frozen, in float32."""
    folder = locate(weights, "base")
    unet = load(UNet2DConditionModel, folder / "unet")
    if unet.config.in_channels != 9:
        raise InputError(
            f"{folder}: its U-Net reads {unet.config.in_channels} channels, inpainting needs 9; "
            "give an inpainting model such as Stable Diffusion 1.5 inpainting"
        )
    scheduler = DDIMScheduler.from_pretrained(folder, subfolder="scheduler")
    if scheduler.config.prediction_type != "epsilon":
        raise InputError(
            f"{folder}: its U-Net predicts '{scheduler.config.prediction_type}', and only noise ('epsilon') is "
            "supported so far; give a model such as Stable Diffusion 1.5 inpainting"
        )
    base = StableDiffusion(
        vae=load(AutoencoderKL, folder / "vae"),
        unet=unet,
        text_encoder=load(CLIPTextModel, folder / "text_encoder"),
        tokenizer=CLIPTokenizer.from_pretrained(folder, subfolder="tokenizer"),
        scheduler=scheduler,
    )
    base.float().eval().requires_grad_(False)
    base.fingerprint, base.vae_fingerprint = fingerprint(folder), fingerprint(folder / "vae")
    return base
