"""method=opencv: the two classics that continue colours from the hole's border; nothing is learned or drawn."""

import cv2
import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.diffusion.known import continued
from asuka.errors import InputError
from asuka.image import paste, to_uint8
from asuka.methods.inpainter import Inpainter
from asuka.methods.padding import mirrored_to

LEAST = 3  # pixels of a side
ALGORITHMS = {"telea": cv2.INPAINT_TELEA, "ns": cv2.INPAINT_NS}


class OpenCV(Inpainter):
    """Whole pictures of any size, on the CPU, at 8 bits; known pixels stay. All of it hole: it stays grey.

    Where a hole reaches the picture's border, OpenCV reads some of what lies in it: here a smooth continuation of what
    is known (`continued`), and not the grey of a blind picture.
    """

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
        # Of a single row or column OpenCV reads beyond the picture: another result each time.
        whole = mirrored_to(batch, *(max(length, LEAST) for length in batch.image.shape[-2:]))
        images, masks = continued(whole.image, whole.mask).float().cpu(), whole.mask.cpu()
        rows = torch.stack([self._row(image, mask) for image, mask in zip(images, masks, strict=True)])
        height, width = batch.image.shape[-2:]
        return paste(batch.image, batch.mask, rows[..., :height, :width].to(batch.image))

    def _row(self, image: Tensor, mask: Tensor) -> Tensor:
        """One picture (3, H, W) and its mask (1, H, W)."""
        if mask.all():
            return image
        hole = mask[0].numpy().astype("uint8")
        levels = cv2.inpaint(to_uint8(image), hole, self.radius, ALGORITHMS[self.algorithm])
        return torch.from_numpy(levels).permute(2, 0, 1).float() / 127.5 - 1
