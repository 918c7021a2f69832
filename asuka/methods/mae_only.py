"""method=mae_only: what the MAE thinks, as the result; stable, and blurred."""

from torch import Tensor

from asuka.batch import Batch
from asuka.condition import frozen_mae, thought
from asuka.methods.inpainter import Inpainter


class MaeOnly(Inpainter):
    """The prior itself, without a diffusion model; nothing is drawn."""

    def __init__(self, mae: str):
        """`mae`: tiny, or a folder that stage=mae wrote."""
        super().__init__()
        self.mae = frozen_mae(mae)
        self.side = self.mae.config.image_size

    def forward(self, batch: Batch) -> Tensor:
        return thought(self.mae, batch)
