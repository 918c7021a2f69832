"""Pictures grown to the sizes that a network or a library asks for."""

from dataclasses import replace

import torch

from asuka.batch import Batch
from asuka.window import mirrored


def padded(batch: Batch, multiple: int) -> Batch:
    """The batch, mirrored until both sides are multiples of some pixels."""
    return mirrored_to(batch, *(-(-length // multiple) * multiple for length in batch.image.shape[-2:]))


def mirrored_to(batch: Batch, height: int, width: int) -> Batch:
    """The batch with pictures and holes mirrored beyond their lower and right borders, up to a size."""
    rows, columns = (
        torch.from_numpy(mirrored(0, wanted, length)).to(batch.image.device)
        for wanted, length in zip((height, width), batch.image.shape[-2:], strict=True)
    )
    image, mask = (part[:, :, rows][..., columns] for part in (batch.image, batch.mask))
    return replace(batch, image=image, mask=mask)
