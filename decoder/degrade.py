"""The colour damage a decoder must learn to undo: the tints that latents pick up on their way.

It falls on the picture whose latents are decoded; what the decoder is shown around the hole, and its target, stay true.
"""

from dataclasses import dataclass

from kornia.enhance import (
    adjust_brightness,
    adjust_contrast_with_mean_subtraction,
    adjust_hue,
    adjust_saturation_with_gray_subtraction,
)
from torch import Tensor


@dataclass(frozen=True)
class ColourShift:
    """Random brightness, contrast, saturation and hue of a whole picture, by the largest change of each."""

    brightness: float  # added to values in [0, 1]
    contrast: float  # share of the distance to the mean grey
    saturation: float  # share of the distance to each pixel's own grey
    hue: float  # radians

    def __post_init__(self) -> None:
        if not all(0 <= value <= 1 for value in (self.brightness, self.contrast, self.saturation, self.hue)):
            raise ValueError(f"{self}: each must lie between 0 and 1; give smaller changes")

    def __call__(self, image: Tensor, draws: Tensor) -> Tensor:
        """Pictures (B, 3, H, W) in [-1, 1], changed as `draws` (B, 4) in [0, 1) say; 0.5 changes nothing."""
        swing = 2 * draws.to(image) - 1
        values = adjust_brightness((image + 1) / 2, self.brightness * swing[:, 0])
        values = adjust_contrast_with_mean_subtraction(values, 1 + self.contrast * swing[:, 1])
        values = adjust_saturation_with_gray_subtraction(values, 1 + self.saturation * swing[:, 2])
        return adjust_hue(values, self.hue * swing[:, 3]) * 2 - 1
