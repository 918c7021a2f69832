"""The pictures of tar shards in webdataset's layout, each read by itself wherever in a shard it lies."""

import zlib
from bisect import bisect_left
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import PurePosixPath

import numpy as np
from braceexpand import UnbalancedBracesError, braceexpand
from PIL import Image
from tqdm import tqdm

from asuka.data import urls
from asuka.data.shard_index import BLOCK, Entry, index_of
from asuka.errors import InputError
from asuka.image import MOST_BYTES, PictureError, decode, upright_rgb
from asuka.stems import shown

REMEDY = "mend or remove it, and write its shard again"
THREADS = 16  # shards asked for at a time: over a network each takes a while


class Shards:
    """The pictures of some shards by their path inside, in sorted order: what `Files` of the unpacked folder gives.

    A sample is what has one path up to the first dot of its name, as webdataset has it: one picture, its caption in a
    .txt beside it, and members that are not read (.json, .cls). The caption is that of the index.
    """

    def __init__(self, root: str):
        """root: a path or address, where a folder stands for its .tar files and braces for several
        (`s3://bucket/{000000..000127}.tar`)."""
        self.root, self.shards = root, _named(root)
        rows = sorted((entry.name, number, entry) for number, found in enumerate(_indexes(self)) for entry in found)
        if not rows:
            raise InputError(f"data.root={root}: no JPEG, PNG or WebP in its {len(self.shards)} shards; give others")
        # Columns, not rows: of a million pictures the workers of a loader share arrays, and copy lists bit by bit.
        self.pictures = [name for name, _, _ in rows]
        self._captions = [entry.caption for _, _, entry in rows]
        self._shard = np.array([number for _, number, _ in rows])
        self._spots = np.array([(entry.offset, entry.size, entry.header) for _, _, entry in rows])
        self._check_samples()

    def open(self, name: str) -> Image.Image:
        """Picture `name`, upright and RGB. PictureError where its bytes are none."""
        return decode(self.read(name), self.place(name), REMEDY, upright_rgb)

    def read(self, name: str) -> bytes:
        """The bytes of a picture. InputError where they cannot be had, or the shard is another than was indexed."""
        row = self._row(name)
        offset, size, header = map(int, self._spots[row])
        if size > MOST_BYTES:
            raise PictureError(self.place(name), f"it has {size >> 20} MiB", REMEDY)
        shard = self.shards[self._shard[row]]
        data = urls.part(shard, offset - BLOCK, offset + size)
        if zlib.crc32(data[:BLOCK]) != header:
            raise InputError(
                f"{shard}: has changed since it was indexed: {name} is not where it was; copy it and its index again, "
                "or remove the index to have it made anew"
            )
        return data[BLOCK:]

    def caption(self, name: str) -> str:
        """The caption of picture `name`; empty where there is none."""
        return self._captions[self._row(name)]

    def place(self, name: str) -> str:
        """Where picture `name` lies, for a person."""
        return f"{self.shards[self._shard[self._row(name)]]}/{name}"

    def _row(self, name: str) -> int:
        row = bisect_left(self.pictures, name)
        if row == len(self.pictures) or self.pictures[row] != name:
            raise InputError(f"{self.root}: holds no {name}; give the shards that do")
        return row

    def _check_samples(self) -> None:
        """InputError where two pictures share a name up to its first dot."""
        if twins := twins_of(self.pictures):
            places = [
                " and ".join(f"{self.shards[self._shard[row]]}/{self.pictures[row]}" for row in pair) for pair in twins
            ]
            raise InputError(
                f"pictures of one name up to its first dot, which are one sample: {shown(places, '; ')}; give every "
                "picture a name of its own"
            )


def twins_of(names: list[str]) -> list[tuple[int, int]]:
    """Pairs of places in a list where two pictures would be one sample of webdataset's."""
    first: dict[str, int] = {}
    pairs = ((first.setdefault(_key(name), place), place) for place, name in enumerate(names))
    return [(one, other) for one, other in pairs if one != other]


def _key(name: str) -> str:
    path = PurePosixPath(name)
    return (path.parent / path.name.partition(".")[0]).as_posix()


def _named(root: str) -> list[str]:
    """The shards that a path, folder, address or pattern stands for."""
    try:
        named = list(braceexpand(root, escape=False))
    except UnbalancedBracesError as error:
        raise InputError(f"data.root={root}: cannot be read as a pattern ({error}); close its braces") from error
    found = [shard for one in named for shard in ([one] if one.endswith(".tar") else _tars(one))]
    if not found:
        raise InputError(
            f"data.root={root}: no .tar file there; give a folder of shards, or a pattern that ends in .tar"
        )
    return found


def _tars(folder: str) -> list[str]:
    return [place for place in urls.below(folder) if place.endswith(".tar")]


def _indexes(shards: Shards) -> list[list[Entry]]:
    """The entries of every shard; all that is wrong with some is told together."""
    with ThreadPoolExecutor(THREADS) as pool:
        asked = [pool.submit(index_of, shard) for shard in shards.shards]
        bar = tqdm(asked, desc="indexes", unit="shard", mininterval=1, delay=2)
        found = [_of(one) for one in bar]
    if problems := [one for one in found if isinstance(one, InputError)]:
        raise InputError(f"{len(problems)} of {len(found)} shards: {shown([str(one) for one in problems], '; ')}")
    return found


def _of(asked: Future[list[Entry]]) -> list[Entry] | InputError:
    try:
        return asked.result()
    except InputError as error:
        return error
