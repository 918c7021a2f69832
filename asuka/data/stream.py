"""Visits: which picture, crop and hole comes when, as a function of (seed, visit number) alone."""

import atexit
import os
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import lru_cache, partial
from multiprocessing.sharedctypes import RawValue, Synchronized
from types import FrameType

import numpy as np
from torch.utils.data import DataLoader, Dataset

from asuka.batch import Batch, Item, Unread, collate
from asuka.data.ledger import Ledger
from asuka.data.picture import Picture
from asuka.errors import InputError
from asuka.image import PictureError
from asuka.seeding import seed_of

Holes = Callable[[np.random.Generator, int, int], np.ndarray]
IN_A_ROW = 100  # pictures that cannot be read: by chance never, so this is no folder of pictures


class Visits(Dataset):
    """Training visits 0, 1, 2, …: each pass over the pictures in a new order, each visit its own crop and hole.

    With `distinct` > 0, crops and holes come again after that many visits, so that what frozen parts make of them
    can be kept; time steps and noise never do, they are functions of the visit.

    Where a picture cannot be read, the visit takes the one that comes next in its pass.
    """

    def __init__(self, pictures: object, holes: Holes, seed: int, distinct: int = 0):
        self.pictures, self.holes, self.seed, self.distinct = pictures, holes, seed, distinct

    def __getitem__(self, visit: int) -> Item:
        view = visit % self.distinct if self.distinct else visit
        rng = np.random.default_rng(seed_of(self.seed, "view", view))
        turn, place = divmod(view, len(self.pictures))
        order, passed = _order(len(self.pictures), self.seed, turn), []
        for step in range(min(len(order), IN_A_ROW)):
            try:
                picture = self.pictures.crop(int(order[(place + step) % len(order)]), rng)
            except PictureError as error:
                passed.append(Unread(error.path, error.reason))
            else:
                item = _item(picture, self.holes, rng, visit, view if self.distinct else None)
                return item._replace(passed=tuple(passed))
        raise InputError(
            f"pictures that cannot be read: {len(passed)} in a row, the first {passed[0].path} ({passed[0].reason}); "
            "mend or remove what is no picture"
        )


class Fixed(Dataset):
    """Validation visits: visit n is always the same central square with the same hole; sorted names come mixed.

    PictureError for the visit of a picture that cannot be read: the others stay what they are.
    """

    def __init__(self, pictures: object, holes: Holes, seed: int):
        self.pictures, self.holes, self.seed = pictures, holes, seed

    def __getitem__(self, visit: int) -> Item:
        rng = np.random.default_rng(seed_of(self.seed, "fixed", visit))
        place = int(_order(len(self.pictures), 0, -1)[visit])
        return _item(self.pictures.centre(place), self.holes, rng, visit, None)


def training_batches(
    visits: Visits,
    start: int,
    stop: int,
    batch: int,
    parts: int,
    part: int,
    pieces: int,
    workers: int,
    ledger: Ledger,
) -> Iterator[list[Batch]]:
    """For optimiser steps start+1 .. stop: this process's batch, as a list of `pieces` accumulation pieces.

    Step s reads visits (s - 1) batch .. s batch - 1 whatever the number of processes (`parts`) and pieces. Pictures
    that cannot be read go to the ledger, which may stop the stream with an InputError.
    """
    size = batch // (parts * pieces)
    places = [
        [step * batch + (piece * parts + part) * size + place for place in range(size)]
        for step in range(start, stop)
        for piece in range(pieces)
    ]
    # Workers hand over bytes; floats, four times their size, are made here.
    stream = (replace(collate(items), seconds=seconds) for items, seconds in _loaded(visits, places, workers, ledger))
    for _ in range(start, stop):
        yield [next(stream) for _ in range(pieces)]


def fixed_batches(visits: Fixed, count: int, batch: int, workers: int, ledger: Ledger) -> list[Batch]:
    """The first `count` validation visits whose picture can be read, in memory; the ledger gets the others."""
    items, ahead = [], range(min(count, len(visits.pictures)))
    while ahead:
        places = [list(ahead[at : at + batch]) for at in range(0, len(ahead), batch)]
        for loaded, _ in _loaded(visits, places, workers, ledger):
            items += loaded
        ahead = range(ahead.stop, min(ahead.stop + count - len(items), len(visits.pictures)))
    return [collate(items[at : at + batch]) for at in range(0, len(items), batch)]


def _loaded(
    visits: Dataset, places: list[list[int]], workers: int, ledger: Ledger
) -> Iterator[tuple[list[Item], float]]:
    """For each list of visits, those that can be had, and the seconds it took a worker to make them."""
    leaving = RawValue("b", 0)
    atexit.register(setattr, leaving, "value", 1)
    loader = DataLoader(
        _Made(visits),
        batch_sampler=places,
        collate_fn=tuple,
        num_workers=workers,
        worker_init_fn=partial(_outlive_requests, leaving),
    )
    try:
        for items, unread, seconds in loader:
            if unread:
                ledger.take(unread, visits.pictures.allowed)
            yield items, seconds
    except InputError as error:
        error.__traceback__ = None  # it holds on to the workers, and letting go of them late takes five seconds
        # A worker's complaint comes wrapped in its traceback; the sentence is what the user can mend.
        raise InputError(str(error).rpartition("InputError: ")[2].strip()) from None


def _outlive_requests(leaving: Synchronized, worker: int) -> None:
    """Schedulers send their signals to every process, yet the step that the main one still ends needs its workers. The
    main one's own SIGTERM is obeyed: it comes when that process is `leaving`."""

    def hear(number: int, frame: FrameType | None) -> None:
        if leaving.value:
            os._exit(0)

    for name in ("SIGTERM", "SIGUSR1"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), hear)


class _Made(Dataset):
    """What a worker does for a list of visits: (items, pictures that cannot be read, seconds)."""

    def __init__(self, visits: Dataset):
        self.visits = visits

    def __getitems__(self, places: list[int]) -> tuple[list[Item], list[Unread], float]:
        start, items, unread = time.perf_counter(), [], []
        for place in places:
            try:
                items.append(self.visits[place])
                unread += items[-1].passed
            except PictureError as error:
                unread.append(Unread(error.path, error.reason))
        return items, unread, time.perf_counter() - start


def _item(picture: Picture, holes: Holes, rng: np.random.Generator, visit: int, view: int | None) -> Item:
    mask = holes(rng, *picture.image.shape[:2])
    return Item(picture.image, mask, picture.name, picture.caption, visit, view)


@lru_cache(maxsize=4)
def _order(count: int, seed: int, turn: int) -> np.ndarray:
    return np.random.default_rng(seed_of(seed, "order", turn)).permutation(count)
