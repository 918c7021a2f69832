"""Ways to lay a window's result over the photo, on uint8 (H, W, 3); hole and own are (H, W) bool."""

from collections.abc import Callable

import cv2
import numpy as np

# (photo, result, hole, own, width) -> (where the result is laid, what is laid there (H, W, 3) uint8).
# `hole` is all that is hole in view, `own` the islands this window answers for.
Paste = Callable[[np.ndarray, np.ndarray, np.ndarray, np.ndarray, int], tuple[np.ndarray, np.ndarray]]


def exact(
    photo: np.ndarray, result: np.ndarray, hole: np.ndarray, own: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """The result in the hole, the photo outside, to the byte."""
    return own, result


def feather(
    photo: np.ndarray, result: np.ndarray, hole: np.ndarray, own: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """As `exact`, but what the photo differs by along the border fades out over `width` pixels inside the hole.

    The photo's own pixels in the rim are never read: they belong to what is to vanish, and would leave its outline.
    """
    known = (~hole).astype(np.float32)
    if not known.any():
        return own, result
    difference = (photo.astype(np.float32) - result) * known[..., None]
    spread = max(width, 1) / 2
    step = cv2.GaussianBlur(difference, (0, 0), spread) / cv2.GaussianBlur(known, (0, 0), spread)[..., None].clip(1e-6)
    depth = cv2.distanceTransform(hole.astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)  # 1 at the border
    share = (1 - depth / (width + 1)).clip(0)
    return own, np.rint(result + share[..., None] * step).clip(0, 255).astype(np.uint8)


def none(
    photo: np.ndarray, result: np.ndarray, hole: np.ndarray, own: np.ndarray, width: int
) -> tuple[np.ndarray, np.ndarray]:
    """All that the window shows, known pixels as the model redraws them; other windows' islands are theirs."""
    return own | ~hole, result


PASTES: dict[str, Paste] = {"exact": exact, "feather": feather, "none": none}
