"""What a tar shard holds and where: written beside it, or found by going through it once, and kept."""

import json
import tarfile
import zlib
from collections.abc import Iterable
from hashlib import blake2b
from pathlib import Path, PurePosixPath
from typing import IO, NamedTuple

from filelock import FileLock

from asuka.data import urls
from asuka.data.files import is_picture
from asuka.disk import write_file
from asuka.errors import InputError, said
from asuka.foreign.place import folder_of
from asuka.stems import stem

FORMAT = 1
BLOCK = 512  # bytes of a tar header, and what all of a tar is filled up to
PADDING = 2**20  # where there is so much of nothing behind the last member, no further one is expected
ENDING = ".index.jsonl"


class Entry(NamedTuple):
    """A picture in a shard."""

    name: str  # path inside the shard
    offset: int  # of its first byte in the shard; its header lies before it
    size: int
    header: int  # crc32 of that header: another one, and the shard has changed
    caption: str


def index_of(shard: str) -> list[Entry]:
    """The pictures of a shard, from its index. InputError where the shard is none, or has changed since.

    Without an index beside it the shard is gone through once, and what was found is kept in the user's cache for as
    long as length and date (or tag) of the shard are the same.
    """
    size, mark = urls.length(shard)
    place = beside(shard)
    if (told := urls.text(place)) is not None:
        entries, was = parsed(told, place)
        if was != size:
            raise InputError(
                f"{shard}: has {size} bytes, and had {was} when {place} was written; copy both again, or remove the "
                "index to have it made anew"
            )
        return entries
    name = blake2b(f"{FORMAT} {_whole(shard)} {size} {mark}".encode(), digest_size=16).hexdigest()
    kept = folder_of("shards") / f"{name}{ENDING}"
    kept.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(kept.with_suffix(".lock")):  # other processes of the run want the same
        if not kept.exists():
            write_file(kept, written(scan(shard), size))
        return parsed(kept.read_text(), str(kept))[0]


def beside(shard: str) -> str:
    """Where the index of a shard lies."""
    return shard.removesuffix(".tar") + ENDING


def written(entries: Iterable[Entry], size: int) -> str:
    """The text of an index: a line of its own, then one for each picture; `size` is the shard's."""
    rows = [entry._asdict() for entry in entries]
    head = {"format": FORMAT, "bytes": size, "pictures": len(rows)}
    return "".join(json.dumps(row) + "\n" for row in (head, *rows))


def parsed(text: str, place: str) -> tuple[list[Entry], int]:
    """The entries of an index and the bytes of its shard. InputError where it is none, or only a part of one."""
    try:
        head, *rows = map(json.loads, text.splitlines())
        if head["format"] == FORMAT and head["pictures"] == len(rows):
            return [Entry(**row) for row in rows], head["bytes"]
        why = f"format {head['format']}, {len(rows)} of {head['pictures']} pictures"
    except (ValueError, LookupError, TypeError) as error:
        why = said(error, None)
    raise InputError(f"{place}: cannot be read as the index of a shard ({why}); remove it to have it made anew")


def scan(shard: str) -> list[Entry]:
    """The pictures of a shard in its order, found by its headers. InputError where it is no whole tar file."""
    try:
        return urls.through(shard, lambda file: _scanned(file, shard))
    except tarfile.TarError as error:
        raise InputError(f"{shard}: cannot be read as a tar file ({error}); copy or write it again") from error


def _scanned(file: IO[bytes], shard: str) -> list[Entry]:
    found: list[Entry] = []
    captions: dict[str, str] = {}
    end = 0
    with tarfile.open(fileobj=file, mode="r:") as archive:
        for member in archive:
            name, at = PurePosixPath(member.name).as_posix(), member.offset_data
            end = at + -(-member.size // BLOCK) * BLOCK if member.isreg() else at
            if member.isreg() and is_picture(PurePosixPath(name)):
                file.seek(at - BLOCK)
                found.append(Entry(name, at, member.size, zlib.crc32(file.read(BLOCK)), ""))
            elif member.isreg() and name.endswith(".txt"):
                captions[stem(name)] = _caption(archive.extractfile(member).read(), f"{shard}/{name}")
    file.seek(end)
    rest = file.read(PADDING)  # tarfile takes whatever it cannot read for the end
    if len(rest) < BLOCK or rest.strip(b"\0"):
        raise InputError(
            f"{shard}: is no whole tar file: after byte {end} comes no member and no end mark; copy or write it again"
        )
    return [entry._replace(caption=captions.get(stem(entry.name), "")) for entry in found]


def _caption(data: bytes, place: str) -> str:
    try:
        return data.decode("utf-8-sig").strip()
    except UnicodeDecodeError as error:
        raise InputError(f"{place}: is not UTF-8 ({error}); write it as UTF-8") from error


def _whole(shard: str) -> str:
    return shard if "://" in shard else str(Path(shard).resolve())
