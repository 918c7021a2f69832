"""Visits: which picture, crop and hole comes when, as a function of (seed, visit number) alone."""

from collections.abc import Callable, Iterator
from functools import lru_cache

import numpy as np
from torch.utils.data import DataLoader, Dataset

from asuka.batch import Batch, Item, collate
from asuka.data.picture import Picture
from asuka.errors import InputError
from asuka.seeding import seed_of

Holes = Callable[[np.random.Generator, int, int], np.ndarray]


class Visits(Dataset):
    """Training visits 0, 1, 2, …: each pass over the pictures in a new order, each visit its own crop and hole.

    With `distinct` > 0, crops and holes come again after that many visits, so that what frozen parts make of them
    can be kept; time steps and noise never do, they are functions of the visit.
    """

    def __init__(self, pictures: object, holes: Holes, seed: int, distinct: int = 0):
        self.pictures, self.holes, self.seed, self.distinct = pictures, holes, seed, distinct

    def __getitem__(self, visit: int) -> Item:
        view = visit % self.distinct if self.distinct else visit
        rng = np.random.default_rng(seed_of(self.seed, "view", view))
        turn, place = divmod(view, len(self.pictures))
        picture = self.pictures.crop(int(_order(len(self.pictures), self.seed, turn)[place]), rng)
        return _item(picture, self.holes, rng, visit, view if self.distinct else None)


class Fixed(Dataset):
    """Validation visits: visit n is always the same central square with the same hole; sorted names come mixed."""

    def __init__(self, pictures: object, holes: Holes, seed: int):
        self.pictures, self.holes, self.seed = pictures, holes, seed

    def __getitem__(self, visit: int) -> Item:
        rng = np.random.default_rng(seed_of(self.seed, "fixed", visit))
        place = int(_order(len(self.pictures), 0, -1)[visit])
        return _item(self.pictures.centre(place), self.holes, rng, visit, None)


def training_batches(
    visits: Visits, start: int, stop: int, batch: int, parts: int, part: int, pieces: int, workers: int
) -> Iterator[list[Batch]]:
    """For optimiser steps start+1 .. stop: this process's batch, as a list of `pieces` accumulation pieces.

    Step s reads visits (s - 1) batch .. s batch - 1 whatever the number of processes (`parts`) and pieces.
    """
    size = batch // (parts * pieces)
    places = [
        [step * batch + (piece * parts + part) * size + place for place in range(size)]
        for step in range(start, stop)
        for piece in range(pieces)
    ]
    stream = _loaded(visits, places, workers)
    for _ in range(start, stop):
        yield [next(stream) for _ in range(pieces)]


def fixed_batches(visits: Fixed, count: int, batch: int, workers: int) -> list[Batch]:
    """The first `count` validation visits, in memory."""
    count = min(count, len(visits.pictures))
    places = [list(range(at, min(at + batch, count))) for at in range(0, count, batch)]
    return list(_loaded(visits, places, workers))


def _loaded(visits: Dataset, places: list[list[int]], workers: int) -> Iterator[Batch]:
    """A batch for each list of visits. Workers hand over bytes; floats, four times their size, are made here."""
    loader = DataLoader(visits, batch_sampler=places, collate_fn=list, num_workers=workers)
    try:
        yield from map(collate, loader)
    except InputError as error:
        # A worker's complaint comes wrapped in its traceback; the sentence is what the user can mend.
        raise InputError(str(error).rpartition("InputError: ")[2].strip()) from None


def _item(picture: Picture, holes: Holes, rng: np.random.Generator, visit: int, view: int | None) -> Item:
    mask = holes(rng, *picture.image.shape[:2])
    return Item(picture.image, mask, picture.name, picture.caption, visit, view)


@lru_cache(maxsize=4)
def _order(count: int, seed: int, turn: int) -> np.ndarray:
    return np.random.default_rng(seed_of(seed, "order", turn)).permutation(count)
