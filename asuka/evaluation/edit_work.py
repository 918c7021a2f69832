"""The way from a method and photographs to the numbers of repeated edits on the disk, each photograph once."""

from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor
from tqdm import tqdm

from asuka.batch import Batch
from asuka.evaluation.chunk import read_arrays, write_arrays
from asuka.evaluation.edit_table import KNOWN, WAYS, Arrays
from asuka.evaluation.edits import Course, Courses, edited, measured
from asuka.methods.inpainter import Inpainter
from asuka.metrics.metric import Rows
from asuka.paste import PASTES

SHOWN = 3  # photographs whose pictures are kept


@dataclass(frozen=True)
class Work:
    """One method on all photographs, each with every way of pasting."""

    method: Inpainter  # on its device
    courses: Courses
    folder: Path  # gets a file for each photograph, named by all that it depends on besides the method
    distance: Rows
    device: torch.device
    batch_size: int  # photographs; what a kill loses

    def run(self, bar: tqdm) -> list[Path]:
        """Measure what is not measured yet; the file of each photograph, in their order. `bar` counts photographs."""
        files, waiting = [], []
        for number in range(len(self.courses)):
            course = self.courses[number]
            files.append(self.folder / f"{course.mark([self.method.mark(key) for key in course.keys])}.npz")
            if _done(files[-1], number):
                bar.update()
                continue
            waiting.append((course, files[-1], number < SHOWN))
            if len(waiting) == self.batch_size:
                self._measure(waiting)
                bar.update(len(waiting))
                waiting = []
        if waiting:
            self._measure(waiting)
            bar.update(len(waiting))
        return files

    def _measure(self, waiting: list[tuple[Course, Path, bool]]) -> None:
        """Measure and store some photographs, with their pictures where they are to be kept."""
        courses, call = [course for course, _, _ in waiting], partial(_called, self.method, self.device)
        left = {way: edited(call, courses, self.method.side, PASTES[way], self.batch_size) for way in WAYS}
        for place, (course, file, kept) in enumerate(waiting):
            arrays: Arrays = {KNOWN: 1 - course.so_far.mean((1, 2))}
            for way in WAYS:
                pictures = left[way][place]
                numbers = measured(course, pictures, self.distance, self.device)
                arrays |= {f"{way}/{measure}": values for measure, values in numbers.items()}
                arrays |= {pictures_of(way): pictures} if kept else {}
            write_arrays(file, arrays)


def pictures_of(way: str) -> str:
    """What the pictures of a way of pasting are called in a file."""
    return f"{way}/pictures"


def _called(method: Inpainter, device: torch.device, batch: Batch) -> Tensor:
    return method(batch.to(device))


def _done(file: Path, number: int) -> bool:
    """Whether all that is wanted of a photograph is there."""
    return file.exists() and (number >= SHOWN or all(pictures_of(way) in read_arrays(file) for way in WAYS))
