"""Whether edges run on where the hole begins, as the released ASUKA judges it (its "Grad")."""

from kornia.filters import spatial_gradient
from torch import Tensor

from asuka.metrics.region import border, mean_over, require_finite, require_hole, require_known


def edge_gradient(truth: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """How far the gradients of result and truth lie apart along the hole's outline: (B,), 0 for the truth.

    Pictures are (B, 3, H, W) in [-1, 1], masks (B, 1, H, W) with 1 = hole. Length of the difference of the Sobel
    gradients, the sums of the 3 x 3 kernel as they are, of levels 0 .. 255; mean over the outline (hole pixels with a
    known one above, below, left or right) and colour channels. The outline reads known pixels too, so give the
    composite. InputError for a mask without a hole or without known pixels.
    """
    require_hole(mask)
    require_known(mask)
    require_finite(result)
    change = 127.5 * (result.clamp(-1, 1) - truth)  # the difference's gradient is the gradients' difference
    lengths = spatial_gradient(change, mode="sobel", order=1, normalized=False).norm(dim=2)
    return mean_over(lengths, border(mask)).mean(1)
