"""What an evaluation keeps on the disk while it runs: the numbers of a few pairs, whole under their name."""

import zipfile
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from asuka.disk import growing
from asuka.errors import InputError

SIZE = 32  # pairs; what a kill loses
# Of one pair: `score/psnr` (draws,), `result/inception` (draws, K), `real/inception` (K,), `hole_ratio` (), …
Row = dict[str, np.ndarray]


@dataclass
class Chunk:
    """The pairs of a chunk that are measured, and why others are not."""

    rows: dict[str, Row] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def chunked(photos: list[str]) -> list[range]:
    """Places of pairs that belong together: whole photographs, as few as make SIZE pairs."""
    starts = [place for place, photo in enumerate(photos) if not place or photo != photos[place - 1]]
    cuts = [0]
    for start in starts:
        if start - cuts[-1] >= SIZE:
            cuts.append(start)
    return [range(first, last) for first, last in zip(cuts, [*cuts[1:], len(photos)], strict=True)]


def load(file: Path) -> Chunk:
    """A chunk, empty where nothing of it is measured yet. InputError where the file is none of ours."""
    if not file.exists():
        return Chunk()
    arrays = read_arrays(file)
    names, failed, reasons = (arrays.pop(key).tolist() for key in ("names", "failed", "reasons"))
    rows = {name: {key: values[place] for key, values in arrays.items()} for place, name in enumerate(names)}
    return Chunk(rows, dict(zip(failed, reasons, strict=True)))


def store(file: Path, chunk: Chunk) -> None:
    """Write a chunk so that its name appears only when it is whole."""
    rows = list(chunk.rows.values())
    arrays = {key: np.stack([row[key] for row in rows]) for key in (rows[0] if rows else ())}
    words = {"names": list(chunk.rows), "failed": list(chunk.failed), "reasons": list(chunk.failed.values())}
    write_arrays(file, arrays | {key: np.array(value, dtype=str) for key, value in words.items()})


def read_arrays(file: Path) -> dict[str, np.ndarray]:
    """What `write_arrays` wrote. InputError where the file is none of ours."""
    try:
        with np.load(file, allow_pickle=False) as stored:
            return {key: stored[key] for key in stored.files}
    except (OSError, ValueError, zipfile.BadZipFile) as error:
        raise InputError(f"{file}: cannot be read ({error}); delete it and repeat the command") from error


def write_arrays(file: Path, arrays: dict[str, np.ndarray]) -> None:
    """Write a .npz file so that its name appears only when it is whole."""
    with growing(file) as half, open(half, "wb") as opened:
        np.savez(opened, **arrays)
