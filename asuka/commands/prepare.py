"""What scripts/prepare_misato.py, prepare_places2.py and prepare_photos.py do."""

import argparse
from pathlib import Path
from typing import Any

from PIL import Image
from tqdm import tqdm

from asuka.config import option
from asuka.data.folder import Folder
from asuka.data.made import Made
from asuka.data.manifest import Manifest, digest, freeze, verify
from asuka.data.misato import Misato
from asuka.data.places2 import Places2
from asuka.errors import InputError
from asuka.image import save


def misato(options: argparse.Namespace) -> None:
    """The manifest of MISATO."""
    data = Misato(options.root)
    print(data.summary())
    _prepare(data.pairs(None, 1, 0), options)


def places2(options: argparse.Namespace) -> None:
    """The manifest of Places2's validation set, or of the part of it that is listed."""
    data = Places2(options.root, options.listing, options.size)
    if options.listing is None:
        data.check_whole()
    print(data.summary())
    _prepare(_drawn(data, options), options)


def photos(options: argparse.Namespace) -> None:
    """The manifest of a folder of photographs."""
    data = Folder(options.root, size=options.size)
    _prepare(_drawn(data, options), options)


def _drawn(data: Folder | Places2, options: argparse.Namespace) -> Made:
    return data.pairs(option("masks", options.masks), options.holes, options.seed)


def _prepare(pairs: Made, options: argparse.Namespace) -> None:
    """Write the manifest, or see that the one that is there tells of the same pairs; then compare all with it."""
    file: Path = options.out
    there = file.exists()
    if not there:
        freeze(pairs, file)
    known = Manifest(str(file), options.root).pairs(None, 1, 0)
    if _told(known) != _told(pairs):
        raise InputError(f"{file} tells of other pairs than these; give another --out, or remove it")
    verify(known)
    if options.write:
        _write(known, options.write)
    said = ", ".join(f"{what} {number[:16]}" for what, number in digest(file).items())
    print(f"{file}: {'was there, and' if there else 'written, and'} all {len(known)} pairs are as it says; {said}")


def _told(pairs: Made) -> list[Any]:
    """What is said of pairs before one of them is read."""
    recipes = [(one.name, one.photo, one.crop, one.side, one.mask.told(""), one.group) for one in pairs.recipes]
    return [pairs.words, *recipes]


def _write(pairs: Made, folder: Path) -> None:
    """The pictures as they are measured on, and their masks, as PNGs for other programs."""
    for place in tqdm(range(len(pairs)), unit="pair", mininterval=1):
        pair = pairs[place]
        save(Image.fromarray(pair.image), folder / "image" / f"{pair.name}.png")
        save(Image.fromarray(pair.levels), folder / "mask" / f"{pair.name}.png")
