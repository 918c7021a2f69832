"""Whether a filled hole agrees with what surrounds it, in colour differences that the eye would see (CIE-Lab).

Row functions (truth, mask, result) -> (B,): pictures (B, 3, H, W) in [-1, 1], values beyond taken as -1 or 1, and masks
(B, 1, H, W) with 1 = hole. dE76 is the distance in CIE-Lab (white D65); about 2.3 can just be seen. Mean colours are
means in CIE-Lab, not in RGB. InputError for a mask without the part that is measured (hole, known pixels, or both) and
for pictures that are not finite.
"""

import torch
from kornia.color import rgb_to_lab
from torch import Tensor
from torch.nn import functional

from asuka.metrics.region import border, mean_over, require_finite, require_hole, require_known


def seam_de(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """dE76 between the mean colours on the two sides of the hole's border, averaged along it: (B,).

    At every border pixel (a hole pixel with a known one above, below, left or right of it), the means are taken over
    the known and over the hole pixels of a disc of radius max(3, S / 64) around it, S the short side; what of the disc
    lies outside the picture is left out. Both sides are `result`'s, so give the composite; `truth` is not looked at.
    A picture's own contrasts count too: see `excess_seam_de`.
    """
    require_hole(mask)
    require_known(mask)
    known, lab = 1 - mask, _lab(result)
    sums = _disc_sums(torch.cat([lab * known, known, lab * mask, mask], dim=1), max(3.0, min(mask.shape[-2:]) / 64))
    outside, inside = (sums[:, at : at + 3] / sums[:, at + 3 : at + 4].clamp(min=1) for at in (0, 4))
    return mean_over((outside - inside).norm(dim=1, keepdim=True), border(mask)).squeeze(1)


def excess_seam_de(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """`seam_de` of the composite minus the truth's own along the same border: (B,); 0 for the truth, may be below."""
    return seam_de(truth, mask, result) - seam_de(truth, mask, truth)


def colour_shift(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """dE76 between the hole's mean colour in result and truth: (B,).

    Meaningful where the hole holds the same things in both: real latents decoded, not generated ones.
    """
    require_hole(mask)
    return _shift(truth, mask, result)


def known_shift(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """dE76 between the known pixels' mean colour in result, the raw decode before any pasting, and truth: (B,)."""
    require_known(mask)
    return _shift(truth, 1 - mask, result)


def hole_de(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """dE76 between result and truth pixel by pixel, averaged over the hole: (B,), never below `colour_shift`."""
    require_hole(mask)
    return mean_over((_lab(result) - _lab(truth)).norm(dim=1, keepdim=True), mask).squeeze(1)


def preservation(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """Largest and mean absolute change of the known pixels in the raw decode: (B, 2), in levels of 0 .. 255."""
    require_known(mask)
    require_finite(result)
    change = 127.5 * (result.clamp(-1, 1) - truth).abs() * (1 - mask)
    return torch.stack([change.flatten(1).amax(1), mean_over(change, 1 - mask).mean(1)], dim=1)


def preservation_max(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """Largest absolute change of the known pixels in the raw decode: (B,), in levels of 0 .. 255."""
    return preservation(truth, mask, result)[:, 0]


def preservation_mean(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """Mean absolute change of the known pixels in the raw decode: (B,), in levels of 0 .. 255."""
    return preservation(truth, mask, result)[:, 1]


def _shift(truth: Tensor, part: Tensor, result: Tensor) -> Tensor:
    return (mean_over(_lab(result), part) - mean_over(_lab(truth), part)).norm(dim=1)


def _lab(image: Tensor) -> Tensor:
    require_finite(image)
    return rgb_to_lab((image.float().clamp(-1, 1) + 1) / 2)


def _disc_sums(values: Tensor, radius: float) -> Tensor:
    """Sums of values (B, C, H, W) over the disc around every pixel, 0 outside the picture."""
    reach, channels = int(radius), values.shape[1]
    line = torch.arange(-reach, reach + 1, device=values.device)
    disc = (line[:, None] ** 2 + line**2 <= radius**2).to(values).expand(channels, 1, -1, -1)
    # Channels last: on a CPU ten times as fast for one filter per channel.
    values = values.contiguous(memory_format=torch.channels_last)
    return functional.conv2d(values, disc, padding=reach, groups=channels)
