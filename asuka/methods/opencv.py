"""method=opencv: the two classics that continue colours from the hole's border; nothing is learned or drawn."""

import cv2
import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.errors import InputError
from asuka.image import paste, to_uint8
from asuka.methods.inpainter import Inpainter

ALGORITHMS = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}


class OpenCV(Inpainter):
    """Whole pictures of any size, on the CPU, at 8 bits; known pixels stay. All of it hole: it stays grey."""

    def __init__(self, algorithm: str, radius: float):
        """`telea`: fast marching (Telea 2004); `ns`: Navier-Stokes (Bertalmio et al. 2001).

        radius: pixels around each point that it is made from. InputError for another algorithm or a radius that is not
        above 0.
        """
        super().__init__()
        if algorithm not in ALGORITHMS or not radius > 0:
            raise InputError(
                f"method.algorithm={algorithm}, method.radius={radius}: the algorithm is one of "
                f"{', '.join(ALGORITHMS)}, the radius above 0"
            )
        self.algorithm, self.radius = algorithm, radius

    def forward(self, batch: Batch) -> Tensor:
        rows = [self._row(image, mask) for image, mask in zip(batch.image.cpu(), batch.mask.cpu(), strict=True)]
        return paste(batch.image, batch.mask, torch.stack(rows).to(batch.image))

    def _row(self, image: Tensor, mask: Tensor) -> Tensor:
        """One picture (3, H, W) and its mask (1, H, W)."""
        if mask.all():
            return image
        hole = mask[0].numpy().astype("uint8")
        levels = cv2.inpaint(to_uint8(image), hole, self.radius, ALGORITHMS[self.algorithm])
        return torch.from_numpy(levels).permute(2, 0, 1).float() / 127.5 - 1
