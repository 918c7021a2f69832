"""The part of a picture around its hole: what is measured there is not drowned by what was never missing."""

from collections.abc import Callable

import torch
from torch import Tensor

from asuka.metrics.region import require_hole

Box = tuple[slice, slice]


def boxes(mask: Tensor) -> list[Box]:
    """Rows and columns of the hole's bounding box in each mask (B, 1, H, W), grown to a square as far as there is room.

    It grows evenly on both sides of the shorter way, and is moved back where it would leave the picture; in a picture
    narrower than the box is long it takes the whole width. InputError for a mask without a hole.
    """
    require_hole(mask)
    return [_box(hole) for hole in mask[:, 0] > 0.5]


def of_boxes(image: Tensor, mask: Tensor, embed: Callable[[Tensor], Tensor]) -> Tensor:
    """What `embed` (B, C, h, w) -> (B, K) gives for each picture's box: (B, K). Boxes of one size go together."""
    groups: dict[tuple[int, ...], list[int]] = {}
    parts = [picture[:, rows, columns] for picture, (rows, columns) in zip(image, boxes(mask), strict=True)]
    for place, part in enumerate(parts):
        groups.setdefault(tuple(part.shape), []).append(place)
    found = {}
    for places in groups.values():
        rows = embed(torch.stack([parts[place] for place in places]))
        found |= dict(zip(places, rows, strict=True))
    return torch.stack([found[place] for place in range(len(parts))])


def _box(hole: Tensor) -> Box:
    spans = [torch.nonzero(hole.any(axis)).flatten()[[0, -1]].tolist() for axis in (1, 0)]
    side = max(last - first + 1 for first, last in spans)
    down, across = (_grown(span, side, room) for span, room in zip(spans, hole.shape, strict=True))
    return down, across


def _grown(span: list[int], side: int, room: int) -> slice:
    """A span (first, last) at length `side`, or all the `room` there is."""
    first, last = span
    side = min(side, room)
    start = first - (side - (last - first + 1)) // 2
    start = min(max(start, 0), room - side)
    return slice(start, start + side)
