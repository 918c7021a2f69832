"""Made sets of features for the tests of metrics of whole sets."""

import torch
from torch import Tensor


def made(
    photographs: int, width: int, holes: int = 1, apart: float = 0.5, decay: float = -0.5, seed: int = 0
) -> tuple[Tensor, Tensor, Tensor]:
    """A Reduce's arguments: `holes` results of each photograph that share .8 of it, `apart` standard deviations off.

    Standard deviations fall as a power `decay` of their rank; photographs are in no order.
    """
    rng = torch.Generator().manual_seed(seed)
    scale = torch.arange(1, width + 1) ** decay
    turn = torch.linalg.qr(torch.randn(width, width, generator=rng)).Q
    photo = torch.arange(photographs).repeat_interleave(holes)[torch.randperm(photographs * holes, generator=rng)]
    real = torch.randn(photographs, width, generator=rng) * scale
    other = torch.randn(len(photo), width, generator=rng) * scale
    shift = torch.randn(width, generator=rng)
    result = 0.8 * real[photo] + 0.6 * other + apart * shift / shift.norm() * scale
    return real @ turn + 0.4, result @ turn + 0.4, photo
