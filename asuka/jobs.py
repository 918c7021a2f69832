"""What a call asks for, picture by picture: the photo, its hole, and by what its noise is drawn."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch

from asuka.errors import InputError, InputWarning
from asuka.hole import MaskReader
from asuka.photo import Photo, Source, listed, photo


@dataclass(frozen=True)
class Job:
    """A photo and what of it is to be filled."""

    photo: Photo
    hole: np.ndarray  # (H, W) bool, True somewhere
    name: str  # for a person
    key: str  # noise is a function of seed and key
    caption: str = ""
    seed: int | None = None  # for the record; None where a generator was given


def jobs_of(
    images: Source | Sequence[Source],
    masks: Source | Sequence[Source] | None,
    captions: str | Sequence[str],
    names: str | Sequence[str] | None,
    reader: MaskReader,
) -> list[Job]:
    """One job for each image. InputError where counts differ or a mask does not fit; notes come as InputWarning."""
    photos = [photo(image) for image in listed(images)]
    count = len(photos)
    if not count:
        raise InputError("there is no picture; give one, or a list of some")
    called = [one.name for one in photos] if names is None else _each(names, count, "names")
    texts = _each(captions, count, "prompts")
    if masks is None and reader.hole != "alpha":
        raise InputError("there is no mask; give mask_image, or hole=alpha where the transparent part is the hole")
    given = [None] * count if masks is None else _each(masks, count, "masks")
    jobs = []
    for one, mask, name, text in zip(photos, given, called, texts, strict=True):
        for note in one.notes:
            warnings.warn(f"{name}: {note}", InputWarning, stacklevel=3)
        height, width = one.pixels.shape[:2]
        hole = reader(one if mask is None else photo(mask), (width, height), name)
        if mask is None:
            one = replace(one, alpha=np.where(hole, np.uint8(255), one.alpha))
        jobs.append(Job(one, hole, name, name, text))
    return jobs


def keyed(jobs: list[Job], generator: torch.Generator | Sequence[torch.Generator]) -> list[Job]:
    """The same jobs with keys drawn from one generator in turn, or from one for each; seed and name no longer matter.

    A generator gives keys and not the noise itself, so that it may live on any device and windows have any order.
    """
    generators = _each(generator, len(jobs), "generators")
    draws = [torch.randint(2**62, (), generator=one, device=one.device) for one in generators]
    return [replace(job, key=f"generator {int(draw)}", seed=None) for job, draw in zip(jobs, draws, strict=True)]


def _each(values: object, count: int, what: str) -> list:
    """One value for each of `count` pictures, from a list of as many or from a single one."""
    listing = [values] if isinstance(values, str) else listed(values)
    if len(listing) not in (1, count):
        raise InputError(f"{len(listing)} {what} for {count} pictures; give one, or one for each")
    return listing * count if len(listing) == 1 else listing
