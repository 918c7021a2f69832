"""The conditional decoder in people's own diffusers pipelines: a VAE that decodes with the known pixels in sight.

import torch
from diffusers import StableDiffusionInpaintPipeline
from diffusers.utils import load_image
from decoder import ConditionalDecoder, ConditionalVae

pipe = StableDiffusionInpaintPipeline.from_pretrained(BASE, torch_dtype=torch.float16).to("cuda")
decoder = ConditionalDecoder.from_pretrained(DECODER)  # trained with the VAE of BASE
pipe.vae = ConditionalVae(pipe.vae, decoder)
image, mask = load_image("photo.png"), load_image("hole.png")  # white = hole
pipe("", image, mask).images[0].save("filled.png")
"""

import torch
from diffusers import AsymmetricAutoencoderKL, AutoencoderKL, ModelMixin
from diffusers.models.autoencoders.vae import DecoderOutput
from diffusers.models.modeling_outputs import AutoencoderKLOutput
from diffusers.utils.accelerate_utils import apply_forward_hook
from torch import Tensor

from decoder.model import ConditionalDecoder


class ConditionalVae(AsymmetricAutoencoderKL):
    """Encodes as `vae` does and decodes by `decoder`; its config is that of `vae`.

    An `AsymmetricAutoencoderKL` by name only: by that name StableDiffusionInpaintPipeline (and its variant with
    perturbed attention) knows that a VAE wants the picture and the mask when decoding. Other pipelines do not give
    them and get a ValueError. The decoder is moved to the device and precision of `vae`. Raises ValueError for a
    decoder of other latents, and for a `vae` set to tiles.
    """

    def __init__(self, vae: AutoencoderKL, decoder: ConditionalDecoder) -> None:
        # Not the base's own: that would build an encoder and a decoder, and demand their sizes.
        ModelMixin.__init__(self)
        sizes = [(part.config.latent_channels, *part.config.block_out_channels) for part in (vae, decoder)]
        if sizes[0] != sizes[1]:
            raise ValueError(
                f"The decoder has latent channels and widths {sizes[1]}, the VAE {sizes[0]}, in ConditionalVae; give "
                "the decoder that was trained with this VAE."
            )
        self.register_to_config(**{key: value for key, value in vae.config.items() if not key.startswith("_")})
        self.vae = vae
        self.decoder = decoder.to(vae.device).type(vae.dtype)
        self.use_slicing = vae.use_slicing
        if vae.use_tiling:
            self.enable_tiling()

    @apply_forward_hook
    def encode(self, x: Tensor, return_dict: bool = True) -> AutoencoderKLOutput | tuple[object]:
        """As `vae.encode`."""
        return self.vae.encode(x, return_dict)

    @apply_forward_hook
    def decode(
        self,
        z: Tensor,
        generator: torch.Generator | None = None,
        image: Tensor | None = None,
        mask: Tensor | None = None,
        return_dict: bool = True,
    ) -> DecoderOutput | tuple[Tensor]:
        """z: (B, channels, h, w) unscaled latents; image: (N, 3, H, W) in [-1, 1]; mask: (M, 1, H, W), 1 = hole.

        N and M divide B: row n of the latents belongs to picture n modulo N, which is how the pipeline repeats what
        the U-Net sees. Raises ValueError without image or mask, and for sizes that do not fit.
        """
        if image is None or mask is None:
            raise ValueError(
                "ConditionalVae.decode got no image or no mask; use it in StableDiffusionInpaintPipeline, which gives "
                "both, or call .vae.decode, the VAE it was made of."
            )
        image, mask = _repeated("image", image, len(z)), _repeated("mask", mask, len(z))
        size = 1 if self.use_slicing else len(z)
        rows = zip(z.split(size), image.split(size), mask.split(size), strict=True)
        result = torch.cat([self.decoder(*row) for row in rows])
        return DecoderOutput(sample=result) if return_dict else (result,)

    def enable_slicing(self) -> None:
        """Encode and decode one picture at a time."""
        self.use_slicing = True
        self.vae.enable_slicing()

    def disable_slicing(self) -> None:
        """Encode and decode a batch at once."""
        self.use_slicing = False
        self.vae.disable_slicing()

    def enable_tiling(self) -> None:
        """Refused by ValueError: tiles would not know each other's known pixels."""
        raise ValueError(
            "ConditionalVae decodes no tiles, for each would see only its own known pixels; large "
            "pictures go through in strips by themselves, and enable_vae_slicing takes them one by one."
        )

    def save_pretrained(self, save_directory: str, **options: object) -> None:
        """Refused by ValueError: a pipeline could not load it again."""
        raise ValueError(
            f"A ConditionalVae cannot be saved to {save_directory}, for no pipeline could load it; save the decoder "
            "by .decoder.save_pretrained, and a pipeline after pipe.vae = pipe.vae.vae."
        )


def _repeated(word: str, values: Tensor, rows: int) -> Tensor:
    if rows % len(values):
        raise ValueError(
            f"There are {len(values)} in {word} for {rows} latents in ConditionalVae.decode; give as many, or a "
            "number that divides it."
        )
    return values.repeat(rows // len(values), 1, 1, 1)
