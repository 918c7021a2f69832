"""The one way from photos to filled photos: window -> method -> paste."""

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
import torch
from torch import Tensor

from asuka.batch import Batch, first
from asuka.errors import InputError, InputWarning
from asuka.image import paste
from asuka.jobs import Job
from asuka.metrics.seam import seam_de
from asuka.paste import Paste
from asuka.window import View, windows

Method = Callable[[Batch], Tensor]
MANY = 50  # windows of one photo; more are specks rather than things
TRAINED = (0.25, 4.0)  # scales of a window; beyond, what the models learned is of another size than what they see


@dataclass(frozen=True)
class Record:
    """What there is to know about one filled photo."""

    name: str
    seed: int | None  # None where a generator was given
    windows: tuple[View, ...]
    scale: float  # of the most reduced window: below 1 its result was enlarged again, above 1 reduced; 1 of wholes
    hole_ratio: float  # share of the picture
    known_change: int  # largest change of a known pixel in view before pasting, of 255 levels
    seam_de: float | None  # see asuka.metrics.seam, on the pasted windows at the models' size; None: nothing is known
    seconds: float  # a window's share of its batch, summed, and cutting and pasting


@dataclass(frozen=True)
class Fill:
    """A filled photo."""

    pixels: np.ndarray  # (H, W, 3) uint8
    record: Record


@torch.no_grad()
def fill(
    method: Method, jobs: Sequence[Job], size: int | None, manner: Paste, width: int, batch_size: int
) -> list[Fill]:
    """Every job filled by a method of `size` x `size` pixels, or (None) of whole pictures; `width` is the manner's.

    Windows of all jobs form one row, cut into batches of at most `batch_size` of one size; the method gets them blind
    and on the CPU. A picture's first window bears its key, the others also their number, so that no two have the same
    noise. InputError where a result has another size than its window, or is not finite.
    """
    canvases = [_Canvas(job, size) for job in jobs]
    for chunk in _chunks(canvases, batch_size):
        start = time.perf_counter()
        batch = first([canvas.look(number) for canvas, number in chunk], len(chunk))
        results = method(batch.blind()).cpu().float()
        _check(batch, results, [canvas.job.name for canvas, _ in chunk])
        seams = [_seam(batch, results, row) for row in range(len(chunk))]
        for (canvas, number), result, seam in zip(chunk, results, seams, strict=True):
            canvas.lay(number, result, seam, manner, width)
        for canvas, _ in chunk:
            canvas.seconds += (time.perf_counter() - start) / len(chunk)
    return [canvas.filled() for canvas in canvases]


def _chunks(canvases: list["_Canvas"], batch_size: int) -> Iterator[list[tuple["_Canvas", int]]]:
    """The windows of all canvases in a row, as (canvas, number), in batches of one size."""
    views = [(canvas, number) for canvas in canvases for number in range(len(canvas.windows))]
    for _, group in groupby(views, key=lambda view: view[0].shape):
        alike = list(group)
        yield from (alike[start : start + batch_size] for start in range(0, len(alike), batch_size))


def _check(batch: Batch, results: Tensor, names: list[str]) -> None:
    if results.shape != batch.image.shape:
        raise InputError(
            f"{names[0]}: the method returned {tuple(results.shape)} for pictures {tuple(batch.image.shape)}; "
            "a result has the size of what the method is shown"
        )
    for name, result in zip(names, results, strict=True):
        if not torch.isfinite(result).all():
            raise InputError(
                f"{name}: the method returned values that are not finite; look at its weights or its precision"
            )


class _Canvas:
    """A job while its windows are filled. Whole pictures stay uint8; only windows become floats."""

    def __init__(self, job: Job, size: int | None):
        start = time.perf_counter()
        self.job, self.size, self.pixels = job, size, job.photo.pixels.copy()
        self.windows, self.owner = windows(job.hole, size)
        self.shape = job.hole.shape if size is None else (size, size)
        self.scale = 1.0 if size is None else size / max(window.side for window in self.windows)
        self.change, self.seams = 0, []
        if not TRAINED[0] <= self.scale <= TRAINED[1]:
            self._warn(
                f"a window is worked at {self.scale:.2g} of its size, and the models were trained for "
                f"{TRAINED[0]:g} to {TRAINED[1]:g}; expect a soft fill"
            )
        if len(self.windows) > MANY:
            self._warn(f"its hole takes {len(self.windows)} windows, one after the other; dilate joins what lies near")
        self.seconds = time.perf_counter() - start

    def _warn(self, sentence: str) -> None:
        warnings.warn(f"{self.job.name}: {sentence}", InputWarning, stacklevel=5)

    def look(self, number: int) -> Batch:
        """A window as a batch of one."""
        seen = self.windows[number].seen(self.job.photo.pixels, self.job.hole, self.size)
        key = f"{self.job.key}#{number + 1}" if number else self.job.key
        return Batch(*seen, (key,), (self.job.caption,))

    def lay(self, number: int, result: Tensor, seam: float | None, manner: Paste, width: int) -> None:
        """Take what a window answers for from its result (3, s, s), and note its seam."""
        window = self.windows[number]
        there, _ = window.overlap(*self.job.hole.shape)
        photo, hole, own = self.job.photo.pixels[there], self.job.hole[there], self.owner[there] == number + 1
        levels = window.shown(result, *self.job.hole.shape)
        if not hole.all():
            change = np.maximum(levels, photo) - np.minimum(levels, photo)
            self.change = max(self.change, int(change[~hole].max()))
        if seam is not None:
            self.seams.append((seam, int(own.sum())))
        where, laid = manner(photo, levels, hole, own, width)
        self.pixels[there][where] = laid[where]

    def filled(self) -> Fill:
        record = Record(
            name=self.job.name,
            seed=self.job.seed,
            windows=tuple(self.windows),
            scale=self.scale,
            hole_ratio=float(self.job.hole.mean()),
            known_change=self.change,
            seam_de=sum(seam * area for seam, area in self.seams) / sum(area for _, area in self.seams)
            if self.seams
            else None,
            seconds=self.seconds,
        )
        return Fill(self.pixels, record)


def _seam(batch: Batch, results: Tensor, row: int) -> float | None:
    """The seam of one pasted window, by both sides' colours; None where all of it is hole."""
    image, mask, result = (part[row : row + 1] for part in (batch.image, batch.mask, results))
    return None if mask.all() else float(seam_de(image, mask, paste(image, mask, result)))
