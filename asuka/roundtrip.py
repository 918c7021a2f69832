"""A picture encoded and decoded, once or again and again: what each way of decoding does to it."""

from collections.abc import Callable

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.decode import Decode, Plain
from asuka.diffusion.base import LatentDiffusion
from asuka.image import paste

# (base, batch that shows the truth, picture (B, 3, H, W)) -> the picture after one round trip, in [-1, 1].
Way = Callable[[LatentDiffusion, Batch, Tensor], Tensor]


def ways(conditional: Decode) -> dict[str, Way]:
    """Both decoders' pictures whole, and `pasted`: with the known pixels of the truth, as inpainting uses them."""
    decoders = {"plain VAE": Plain(), "conditional": conditional}
    whole = {name: _whole(decode) for name, decode in decoders.items()}
    return {**whole, **{f"{name}, pasted": _pasted(way) for name, way in whole.items()}}


@torch.no_grad()
def round_trips(base: LatentDiffusion, way: Way, batch: Batch, count: int) -> list[Tensor]:
    """What is left of the truth after 1 .. `count` round trips, each starting from the last one's picture."""
    pictures = [batch.image]
    for _ in range(count):
        pictures.append(way(base, batch, pictures[-1]))
    return pictures[1:]


def _whole(decode: Decode) -> Way:
    def trip(base: LatentDiffusion, batch: Batch, image: Tensor) -> Tensor:
        return decode(base, base.encode(image), batch.blind()).clamp(-1, 1)

    return trip


def _pasted(way: Way) -> Way:
    def trip(base: LatentDiffusion, batch: Batch, image: Tensor) -> Tensor:
        return paste(batch.image, batch.mask, way(base, batch, image))

    return trip
