"""A photograph edited again and again: hole after hole is filled, each in the picture that the last edit left."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from asuka.data.made import Made, hole_hash
from asuka.errors import InputError
from asuka.fill import Method, fill
from asuka.image import to_tensor
from asuka.jobs import Job
from asuka.metrics.metric import LOWER, Rows
from asuka.metrics.seam import colour_shift, excess_seam_de, known_shift, preservation_mean
from asuka.paste import Paste
from asuka.photo import Photo
from asuka.seeding import seed_of

EDITS = 5
LEAST = 2  # photographs: one alone has no spread
KNOWN = {"known_shift": known_shift, "known_mean": preservation_mean}  # of pixels that were in no hole so far
# Every measure, and which way is better.
MEASURES = dict.fromkeys((*KNOWN, "colour_shift", "lpips", "excess_seam_de"), LOWER)
UNITS = "known_shift, colour_shift and excess_seam_de in dE76, known_mean in levels of 255"


@dataclass(frozen=True)
class Course:
    """A photograph and its K edits, in their order."""

    name: str
    image: np.ndarray  # (H, W, 3) uint8
    keys: tuple[str, ...]  # noise of an edit is a function of the method's seed and its key
    holes: np.ndarray  # (K, H, W) bool

    @property
    def so_far(self) -> np.ndarray:
        """(K, H, W) bool: what was a hole in this edit or in one before it."""
        return np.logical_or.accumulate(self.holes)

    def mark(self, more: Sequence[str]) -> str:
        """A hash of all of it and of some words, 16 hexadecimal digits."""
        said = [*map(str, self.image.shape), hashlib.sha256(self.image.tobytes()).hexdigest()]
        said += [self.name, *self.keys, *map(hole_hash, self.holes), *more]
        return hashlib.sha256("\n".join(said).encode("utf-8", "surrogatepass")).hexdigest()[:16]


class Courses:
    """Courses of `count` photographs, drawn by a hash of their names; each is read when asked for.

    pairs: EDITS holes for each photograph, which become the holes of its edits. InputError for fewer than two.
    """

    def __init__(self, pairs: Made, count: int):
        places: dict[str, list[int]] = {}
        for place, photo in enumerate(pairs.photos):
            places.setdefault(photo, []).append(place)
        if min(count, len(places)) < LEAST:
            raise InputError(f"{min(count, len(places))} of {len(places)} photographs: give {LEAST} or more")
        self.pairs = pairs
        self.places = dict(sorted(places.items(), key=lambda item: (seed_of("edits", item[0]), item[0]))[:count])
        self.names = list(self.places)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, number: int) -> Course:
        """InputError, naming the file, where it cannot be read."""
        name = self.names[number]
        pairs = [self.pairs[place] for place in self.places[name]]
        return Course(name, pairs[0].image, tuple(pair.name for pair in pairs), np.stack([pair.hole for pair in pairs]))


@torch.no_grad()
def edited(
    method: Method, courses: Sequence[Course], size: int | None, manner: Paste, batch_size: int
) -> list[np.ndarray]:
    """The pictures after every edit, (K, H, W, 3) uint8 for each course, as files would hold them in between.

    An edit fills its own hole alone: what earlier ones filled is known to it. Arguments are those of `fill`.
    """
    pictures = [[course.image] for course in courses]
    for edit in range(len(courses[0].keys)):
        jobs = [
            Job(Photo(done[-1]), course.holes[edit], course.name, course.keys[edit])
            for course, done in zip(courses, pictures, strict=True)
        ]
        for done, filled in zip(pictures, fill(method, jobs, size, manner, 0, batch_size), strict=True):
            done.append(filled.pixels)
    return [np.stack(done[1:]) for done in pictures]


@torch.no_grad()
def measured(course: Course, pictures: np.ndarray, distance: Rows, device: torch.device) -> dict[str, np.ndarray]:
    """Every measure (K,) of the pictures (K, H, W, 3) that a course left, all against the photograph itself.

    known_*: of the pixels that were in no hole so far, nan where there is none; colour_shift: of all holes so far;
    lpips: `distance` of the whole picture; excess_seam_de: along the border of the edit's own hole, as the picture is.
    """
    result = torch.stack([to_tensor(picture) for picture in pictures]).to(device)
    truth = to_tensor(course.image)[None].expand_as(result).to(device)
    last, so_far = (torch.from_numpy(part)[:, None].float().to(device) for part in (course.holes, course.so_far))
    there = so_far.flatten(1).amin(1) < 0.5
    values = {name: torch.full((len(result),), torch.nan, dtype=torch.double) for name in KNOWN}
    if there.any():
        shown = (truth[there], so_far[there], result[there])
        for name, rows in KNOWN.items():
            values[name][there.cpu()] = _numbers(rows(*shown))
    values["colour_shift"] = _numbers(colour_shift(truth, so_far, result))
    values["lpips"] = _numbers(distance(truth, so_far, result))
    values["excess_seam_de"] = _numbers(excess_seam_de(truth, last, result))
    return {name: values[name].numpy() for name in MEASURES}


def _numbers(values: Tensor) -> Tensor:
    return values.double().cpu()
