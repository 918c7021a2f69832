"""The front door: a photo and a mask of any size in, the filled photo out."""

from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image

from asuka.batch import Batch
from asuka.condition import aligned
from asuka.decode import Plain
from asuka.diffusion.pretrained import pretrained
from asuka.errors import InputError
from asuka.image import paste, to_tensor, to_uint8, upright_rgb
from asuka.methods.diffusion import DiffusionInpainter
from asuka.window import scale, unscale, window


@dataclass(frozen=True)
class Filled:
    """What a pipeline returns."""

    images: list[Image.Image]


class AsukaPipeline:
    """Fills holes in photos by a method: window around the hole, method at its size, paste. Known pixels stay."""

    def __init__(self, method: DiffusionInpainter, device: torch.device | str = "cpu"):
        self.method, self.device = method.to(device), torch.device(device)

    @classmethod
    def from_pretrained(cls, weights: str = "tiny", steps: int = 50, seed: int = 0) -> "AsukaPipeline":
        """ASUKA with the embedded weights (`tiny`) or those of a folder that holds base/, mae/ and align/."""
        parts = {part: weights if weights == "tiny" else f"{weights}/{part}" for part in ("base", "mae", "align")}
        condition = aligned(parts["align"], parts["mae"])
        return cls(DiffusionInpainter(pretrained(parts["base"]), condition, Plain(), steps, seed))

    def __call__(self, image: Image.Image, mask_image: Image.Image, name: str = "image", caption: str = "") -> Filled:
        """A photo and its mask (white = hole, threshold at half), of one size -> the photo, RGB, with its hole filled.

        Noise is a function of seed and `name`; only `condition=caption` reads the caption. Both pictures are turned
        upright as their EXIF says. InputError for a mask of another size or without a hole.
        """
        image = upright_rgb(image)
        truth, mask = to_tensor(image), _mask(upright_rgb(mask_image), image.size)
        view = window(mask, self.method.base.size)
        square, cells = scale(view.cut(truth)[None], view.cut(mask)[None], self.method.base.size)
        batch = Batch(square, cells, (name,), (caption,)).blind().to(self.device)
        result = unscale(self.method(batch).cpu().float(), view.side)[0]
        filled = paste(truth, mask, view.put(truth, result))
        return Filled([Image.fromarray(to_uint8(filled))])


def _mask(mask_image: Image.Image, size: tuple[int, int]) -> torch.Tensor:
    if mask_image.size != size:
        raise InputError(
            f"the mask has {mask_image.width} x {mask_image.height} pixels and the image {size[0]} x {size[1]}; "
            "give a mask of the image's size"
        )
    mask = torch.from_numpy(np.array(mask_image.convert("L")) >= 128)[None].float()
    if not mask.any():
        raise InputError("the mask holds no white pixel, so there is nothing to fill; paint the hole white")
    return mask
