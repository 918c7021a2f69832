"""What frozen parts make of a batch, kept in memory where crops and holes come again."""

import torch

from asuka.batch import Batch
from asuka.diffusion.base import LatentDiffusion, Latents


class LatentCache:
    """Latents of whole batches by their views.

    `loop.distinct` is a multiple of the batch, so the same batches return and a kept value equals, bit for bit, the
    one that would be computed: a resumed run, whose cache is empty, loses nothing.
    """

    def __init__(self) -> None:
        self.kept: dict[tuple[int, ...], Latents] = {}

    @torch.no_grad()
    def __call__(self, base: LatentDiffusion, batch: Batch) -> Latents:
        """The latents of a batch that shows the truth; only those of views that come again are kept."""
        if not batch.view:
            return base.latents(batch)
        if batch.view not in self.kept:
            self.kept[batch.view] = base.latents(batch)
        return self.kept[batch.view]
