"""How much of each spatial frequency a decoder keeps."""

import torch
from torch import Tensor

from asuka.metrics.region import require_finite

# What rounding to 8 bits puts into every frequency: below it nothing can be told apart.
FLOOR = 2 / 255 / 12**0.5


def frequencies(height: int, width: int) -> Tensor:
    """The columns of `relative_log_amplitude` in cycles per pixel, from 0 to 1/2 (Nyquist): (S // 2 + 1,)."""
    short = min(height, width)
    return torch.arange(short // 2 + 1) / short


def relative_log_amplitude(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """Natural logarithm of the result's Fourier amplitude over the truth's, by frequency: (B, S // 2 + 1).

    Pictures are (B, 3, H, W) in [-1, 1] with short side S; the mask is not looked at. Logarithms are averaged over
    colour channels and rings of equal frequency, the lowest of which (the mean colour) is put at 0: what is left is
    what a decoder loses (below 0) or adds against it (after Park and Kim 2022, figure 2). Amplitudes that 8 bits
    cannot show count as the least they can.
    """
    require_finite(result)
    change = _rings(_log_amplitude(result.clamp(-1, 1)) - _log_amplitude(truth))
    return change - change[:, :1]


def _log_amplitude(image: Tensor) -> Tensor:
    """(B, H, W), mean over channels. Black is 0, so that the lowest frequency is the brightness and never near 0."""
    return torch.fft.fft2(image.float() + 1, norm="ortho").abs().clamp(min=FLOOR).log().mean(1)


def _rings(values: Tensor) -> Tensor:
    """Means of (B, H, W), an FFT's layout, over rings of 1 / S cycles per pixel: (B, S // 2 + 1)."""
    height, width = values.shape[-2:]
    short = min(height, width)
    down, across = (torch.fft.fftfreq(side, device=values.device) * short for side in (height, width))
    ring = (down[:, None].square() + across.square()).sqrt().round().long().flatten()
    sums = values.new_zeros(len(values), int(ring.max()) + 1).index_add_(1, ring, values.flatten(1))
    return (sums / torch.bincount(ring).clamp(min=1))[:, : short // 2 + 1]
