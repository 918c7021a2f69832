"""Pictures at a multiple of some pixels, for networks that ask for it."""

from dataclasses import replace

import torch

from asuka.batch import Batch
from asuka.window import mirrored


def padded(batch: Batch, multiple: int) -> Batch:
    """The batch, pictures and holes mirrored beyond the right and lower borders until both sides are multiples."""
    rows, columns = (
        torch.from_numpy(mirrored(0, -(-length // multiple) * multiple, length)).to(batch.image.device)
        for length in batch.image.shape[-2:]
    )
    image, mask = (part[:, :, rows][..., columns] for part in (batch.image, batch.mask))
    return replace(batch, image=image, mask=mask)
