"""What scripts/make_shards.py does."""

import argparse
import io
import tarfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from tqdm import tqdm

from asuka.data.files import Files
from asuka.data.shard_index import BLOCK, beside, parsed, scan, written
from asuka.data.shards import twins_of
from asuka.disk import growing, sync, write_file
from asuka.errors import InputError
from asuka.stems import shown


class Wanted(NamedTuple):
    """What a shard is to say of a picture."""

    name: str
    size: int
    caption: str


def make(options: argparse.Namespace) -> None:
    """All of it, as the script's page of help says."""
    files, target = Files(options.root), options.target
    if not options.megabytes > 0:
        raise InputError(f"--megabytes {options.megabytes}: there would be no room for a picture; give more")
    if twins := twins_of(files.pictures):
        pairs = [" and ".join(files.pictures[place] for place in pair) for pair in twins]
        raise InputError(
            f"{files.root}: pictures of one name up to its first dot, which webdataset would read as one: "
            f"{shown(pairs, '; ')}; rename one of each"
        )
    pictures = [Wanted(name, files.size(name), files.caption(name)) for name in files.pictures]
    shards = {
        target / f"shards-{number:06d}.tar": plan for number, plan in enumerate(_cut(pictures, options.megabytes * 1e6))
    }
    there = _there(target, shards)
    done = sum(len(shards[shard]) for shard in there)
    with tqdm(total=len(pictures), initial=done, desc="shards", unit="picture", mininterval=1) as bar:
        for shard, plan in shards.items():
            if shard not in there:
                _write(files, plan, shard, bar)
    captions, size = sum(bool(one.caption) for one in pictures), sum(shard.stat().st_size for shard in shards)
    print(
        f"{target}: {len(shards)} shards ({len(there)} were there), {len(pictures)} pictures and {captions} captions, "
        f"{size / 1e9:.2f} GB; train on them with data=webdataset data.root={target}"
    )


def _cut(pictures: list[Wanted], limit: float) -> Iterator[list[Wanted]]:
    """The pictures of each shard: as many as fit, and one at least."""
    plan: list[Wanted] = []
    filled = 0
    for one in pictures:
        room = sum(BLOCK + -(-size // BLOCK) * BLOCK for size in (one.size, len(one.caption.encode())) if size)
        if plan and filled + room > limit:
            yield plan
            plan, filled = [], 0
        plan.append(one)
        filled += room
    yield plan


def _there(target: Path, shards: dict[Path, list[Wanted]]) -> set[Path]:
    """Shards that are whole. InputError where the folder holds others than are to be written."""
    whole, other = set(), [file for file in sorted(target.glob("*.tar")) if file not in shards]
    for shard, plan in shards.items():
        index = Path(beside(str(shard)))
        if not (shard.exists() and index.exists()):
            continue  # the index comes last: without it nobody knows what the shard holds
        entries, size = parsed(index.read_text(), str(index))
        same = [Wanted(entry.name, entry.size, entry.caption) for entry in entries] == plan
        (whole.add if same and size == shard.stat().st_size else other.append)(shard)
    if other:
        raise InputError(
            f"{target}: holds shards of other pictures, or cut otherwise: {shown([file.name for file in other])}; "
            "give another folder, or remove them"
        )
    return whole


def _write(files: Files, plan: list[Wanted], shard: Path, bar: tqdm) -> None:
    """A shard, and then its index; each has its name when it is whole."""
    with growing(shard) as half:
        with tarfile.open(half, "w", format=tarfile.PAX_FORMAT) as archive:
            for one in plan:
                _add(archive, one.name, files.read(one.name))
                if one.caption:
                    _add(archive, Path(one.name).with_suffix(".txt").as_posix(), one.caption.encode())
                bar.update()
        sync(half)
    write_file(Path(beside(str(shard))), written(scan(str(shard)), shard.stat().st_size))


def _add(archive: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # of no date and no owner: the same pictures make the same bytes
    member.size = len(data)
    archive.addfile(member, io.BytesIO(data))
