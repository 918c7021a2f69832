"""Folders of photos and masks: which belong together, and one bad file among many."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from PIL import Image

from asuka.errors import InputError
from asuka.image import save
from asuka.jobs import Job
from asuka.photo import photo
from asuka.stems import SUFFIXES, by_stem, check_partners


@dataclass(frozen=True)
class Pair:
    """A photo, its mask, and where what is made of them belongs."""

    image: Path
    mask: Path | None  # None where the photo's own alpha says what is hole
    out: Path
    prior: Path | None  # for what the MAE thinks, where that is asked for

    @property
    def finished(self) -> bool:
        return self.out.exists() and (self.prior is None or self.prior.exists())


@dataclass(frozen=True)
class Outcome:
    """What became of a pair."""

    pair: Pair
    changed: int = 0  # bytes of known pixels that differ in the written file
    error: str = ""  # a sentence where there is no result


def paired(image: Path, mask: Path | None, out: Path, prior: Path | None, suffix: str) -> list[Pair]:
    """The pairs that are meant by files, or by folders whose files go together by their path without suffix.

    One mask file may serve a whole folder; results are called as the photos, with `suffix`. InputError where files
    have no partner (it lists them), where one name stands for two, and where results would lie among what is read.
    """
    if not image.is_dir():
        if mask is not None and mask.is_dir():
            raise InputError(f"mask={mask} is a folder and image={image} is none; give a folder of images, or one mask")
        return [Pair(image, mask, out, prior)]
    for word, place in (("out", out), ("prior", prior)):
        if place is not None and (
            place.is_file() or place.resolve() in [one.resolve() for one in (image, mask) if one]
        ):
            raise InputError(f"{word}={place}: results of a folder go into a folder of their own; give another")
    images = _pictures(image, [place for place in (mask, out, prior) if place])
    masks = _pictures(mask, [image, out]) if mask and mask.is_dir() else dict.fromkeys(images, mask)
    check_partners(images, masks)
    return [
        Pair(images[stem], masks[stem], out / f"{stem}{suffix}", prior / f"{stem}{suffix}" if prior else None)
        for stem in images
    ]


def work(
    pairs: Sequence[Pair],
    read: Callable[[Pair], Job],
    fill: Callable[[list[Job]], list[Image.Image]],
    imagine: Callable[[list[Job]], list[Image.Image]],
    batch_size: int,
    quality: int,
) -> Iterator[Outcome]:
    """Fill and save all pairs, `batch_size` photos at a time; what cannot be read or written is an outcome too.

    imagine: what the MAE thinks, for pairs that want to have it. Its picture is saved first: a result that is there
    means that all is.
    """
    for chunk in (pairs[start : start + batch_size] for start in range(0, len(pairs), batch_size)):
        jobs: dict[Pair, Job] = {}
        for pair in chunk:
            try:
                jobs[pair] = read(pair)
            except InputError as error:
                yield Outcome(pair, error=str(error))
        whole = list(jobs.values())
        filled = fill(whole) if whole else []
        priors = imagine(whole) if any(pair.prior for pair in jobs) else [None] * len(jobs)
        for (pair, job), image, prior in zip(jobs.items(), filled, priors, strict=True):
            try:
                if pair.prior:
                    save(prior, pair.prior, quality)
                save(image, pair.out, quality)
            except InputError as error:
                yield Outcome(pair, error=str(error))
                continue
            changed = job.photo.pixels != photo(pair.out).pixels
            yield Outcome(pair, int(changed[~job.hole].sum()))


def _pictures(folder: Path, others: Sequence[Path]) -> dict[str, Path]:
    """The pictures below a folder by their path without suffix, in order; nothing that lies below `others`."""
    inner = [other.resolve() for other in others if folder.resolve() in other.resolve().parents]
    names = []
    for file in sorted(folder.rglob("*")):
        parents = file.resolve().parents
        if file.suffix.lower() not in SUFFIXES or file.name.startswith(".") or any(one in parents for one in inner):
            continue
        names.append(file.relative_to(folder).as_posix())
    if not names:
        raise InputError(f"{folder}: no picture below it; give a folder of {', '.join(SUFFIXES)}")
    return {stem: folder / name for stem, name in by_stem(folder, names).items()}
