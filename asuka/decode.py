"""From latents to pixels: (base, latents, batch) -> image."""

from torch import Tensor, nn

from asuka.batch import Batch
from asuka.diffusion.base import LatentDiffusion
from asuka.errors import InputError
from asuka.loading import load
from asuka.registry import locate, require
from decoder import ConditionalDecoder


class Decode(nn.Module):
    """(base, scaled latents (B, C, h, w), batch) -> (B, 3, H, W), about [-1, 1]."""

    def __init__(self) -> None:  # nn.Module's own would take any argument
        super().__init__()

    def fits(self, base: LatentDiffusion) -> None:
        """InputError where this was trained for the latents of another autoencoder."""

    def parts(self) -> dict[str, nn.Module]:
        """The networks that it brings along, by their name in a pipeline's folder."""
        return {}


class Plain(Decode):
    """The base's own decoder, which sees latents alone."""

    def forward(self, base: LatentDiffusion, latents: Tensor, batch: Batch) -> Tensor:
        return base.decode(latents)


class Conditional(Decode):
    """ASUKA's decoder, which sees the known pixels too and brings the hole to their colours."""

    def __init__(self, decoder: ConditionalDecoder):
        super().__init__()
        self.decoder = decoder

    def fits(self, base: LatentDiffusion) -> None:
        require("decoder", self.decoder.config.trained_with, {"vae": base.vae_fingerprint})

    def parts(self) -> dict[str, nn.Module]:
        return {"decoder": self.decoder}

    def forward(self, base: LatentDiffusion, latents: Tensor, batch: Batch) -> Tensor:
        return self.decoder(base.unscale(latents), batch.image, batch.mask)


def conditional(weights: str) -> Conditional:
    """`decode=conditional`: the decoder of a folder that stage=decoder wrote, or `tiny`, frozen, in float32."""
    folder = locate(weights, "decoder")
    decoder = load(ConditionalDecoder, folder).float().eval().requires_grad_(False)
    if decoder.config.trained_with is None:
        raise InputError(f"{folder}: does not say which autoencoder it was trained with; train it with stage=decoder")
    return Conditional(decoder)
