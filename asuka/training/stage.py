"""The contract between the one loop and what it trains."""

from pathlib import Path

from torch import Tensor, nn

from asuka.batch import Batch

Losses = dict[str, Tensor]  # name -> (B,) one value per image; the one called "loss" is minimised


class Stage(nn.Module):
    """An objective. The loop knows `trained`, the call, and how to look at it, measure it and write it down."""

    trained: nn.Module  # optimised, averaged and saved; everything else in the stage is frozen
    reads: dict[str, str]  # fingerprints of the weights the stage was built from

    def forward(self, batch: Batch, progress: float) -> Losses:
        """Per-image losses of a batch; `progress` in [0, 1] is how much of the training is done."""
        raise NotImplementedError

    def preview(self, batch: Batch) -> dict[str, Tensor]:
        """Columns of the sample grid, each (B, 3, H, W) in [-1, 1]."""
        raise NotImplementedError

    def validate(self, batches: list[Batch]) -> Losses:
        """Values for each validation image (N,). Names `group/what` are compared with the first one of their group."""
        raise NotImplementedError

    def export(self, folder: Path, batches: list[Batch]) -> None:
        """Write `trained` into `folder` as the next stage and the methods read it; `batches` are for validation."""
        self.trained.save_pretrained(folder)
