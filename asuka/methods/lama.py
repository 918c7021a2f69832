"""method=lama: LaMa (Suvorov et al. 2022), a network of Fourier convolutions, from its TorchScript file."""

from pathlib import Path

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.foreign.reading import read_script
from asuka.foreign.store import fetch
from asuka.methods.inpainter import Inpainter
from asuka.methods.padding import padded

MULTIPLE = 8  # what its three halvings ask of a side


class Lama(Inpainter):
    """Whole pictures of any size, mirrored to a multiple of 8 and cut again, never resized; nothing is drawn."""

    def __init__(self, weights: str):
        """`weights`: a name of `python -m asuka.weights list`, fetched if it is not here, or a file.

        The file is a TorchScript module (picture (B, 3, H, W) in [0, 1], mask (B, 1, H, W), 1 = hole) -> picture in
        [0, 1]. InputError where it is none.
        """
        super().__init__()
        path = Path(weights)
        self.network = read_script(path if path.suffix else fetch(weights)).eval()

    @torch.no_grad()
    def forward(self, batch: Batch) -> Tensor:
        height, width = batch.image.shape[-2:]
        whole = padded(batch, MULTIPLE)
        result = self.network((whole.image + 1) / 2, whole.mask)
        return (result[..., :height, :width] * 2 - 1).clamp(-1, 1)
