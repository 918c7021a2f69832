"""Pictures to measure on: each once, as its central square, with one hole that never changes."""

from asuka.batch import Batch, collate
from asuka.data.folder import Folder
from asuka.data.stream import Fixed, Holes
from asuka.data.synthetic import Synthetic
from asuka.errors import InputError


def held(data: str, holes: Holes, count: int, size: int, seed: int, batch: int = 8) -> list[Batch]:
    """The first `count` pictures of a folder or zip file, all of whose pictures count, or of `synthetic`, the drawn
    validation scenes; size x size, in batches. Holes are functions of `seed` and the picture's number.

    InputError for fewer than two pictures, for one has no spread, and for a picture that cannot be read.
    """
    pictures = (Synthetic(size=size) if data == "synthetic" else Folder(data, val=data, size=size, dev=0)).val
    if min(count, len(pictures)) < 2:
        raise InputError(f"{min(count, len(pictures))} of {len(pictures)} pictures in {data}: give two or more")
    visits, count = Fixed(pictures, holes, seed), min(count, len(pictures))
    starts = range(0, count, batch)
    return [collate([visits[visit] for visit in range(at, min(at + batch, count))]) for at in starts]
