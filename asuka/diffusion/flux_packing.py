"""How FLUX reads pictures: latents in patches of 2 x 2, their places, and how the way from noise is stepped through."""

import math

import torch
from torch import Tensor
from torch.nn import functional

PATCH = 2  # cells of a patch's side
# The shift's exponent is a straight line through these (patches of a picture, exponent).
SHIFTS = ((256, 0.5), (4096, 1.15))


def pack(latents: Tensor) -> Tensor:
    """(B, C, h, w) -> (B, h/2 w/2, 4 C): a row for each patch, row-major; within a patch channel, row, column."""
    return functional.pixel_unshuffle(latents, PATCH).flatten(2).transpose(1, 2)


def unpack(patches: Tensor, height: int, width: int) -> Tensor:
    """The way back from `pack`, to latents (B, C, height, width)."""
    squares = patches.transpose(1, 2).unflatten(2, (height // PATCH, width // PATCH))
    return functional.pixel_shuffle(squares, PATCH)


def image_ids(height: int, width: int) -> Tensor:
    """(h/2 w/2, 3): the place (0, row, column) of every patch of latents `height` x `width`; a text's places are 0."""
    rows, columns = torch.meshgrid(torch.arange(height // PATCH), torch.arange(width // PATCH), indexing="ij")
    return torch.stack([torch.zeros_like(rows), rows, columns], dim=-1).flatten(0, 1).float()


def shift_of(patches: int) -> float:
    """The exponent mu by which the schedule of a picture of so many patches is shifted towards noise."""
    (first, low), (last, high) = SHIFTS
    return low + (high - low) * (patches - first) / (last - first)


def shifted(place: Tensor, mu: float) -> Tensor:
    """Places in [0, 1] on an even way to noise -> shares of noise in [0, 1]: e^mu / (e^mu + 1 / place - 1)."""
    return math.exp(mu) * place / (math.exp(mu) * place + 1 - place)
