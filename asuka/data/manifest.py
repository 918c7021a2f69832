"""Pairs written down so that every machine measures on the same ones: photographs, holes and their hashes."""

import hashlib
import json
from collections.abc import Callable, Iterable
from dataclasses import fields
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy
import PIL
from tqdm import tqdm

from asuka.data.crops import CROPS
from asuka.data.made import DrawnMask, Made, MaskFile, Photographs, Recipe, Taken
from asuka.data.masks import KINDS, Holes, Mixed, Patches
from asuka.data.measured import OwnHoles
from asuka.data.synthetic import DrawnScenes
from asuka.disk import write_file
from asuka.errors import InputError
from asuka.stems import shown

FORMAT = 1
GENERATORS = {kind.__name__: kind for kind in (*KINDS.values(), Mixed, Patches)}
T = TypeVar("T")


class Manifest(OwnHoles):
    """`data=manifest data.path=FILE data.root=DIR`: the pairs that FILE lists, of the photographs below DIR.

    Each is compared with its hashes when it is read. Drawn scenes need no root.
    """

    word = "manifest"

    def __init__(self, path: str | None, root: str | None):
        if path is None:
            raise InputError("data.path is not set; give a manifest: data=manifest data.path=FILE data.root=DIR")
        header, recipes = _parsed(Path(path))
        scenes = header["option"]["data"] == "synthetic"
        self.made = Made(DrawnScenes() if scenes else Photographs(self.opened(root)), recipes, header["option"])
        self._path = path

    def summary(self) -> str:
        """One line: how many there are, and of what."""
        told = " ".join(f"{word}={value}" for word, value in self.made.words.items())
        return f"{self._path}: {self.made.summary()}; made of {told}"


def freeze(pairs: Made, file: Path) -> None:
    """Make every pair once and write the manifest that tells how. InputError, naming them, where some cannot be."""
    header = {
        "format": FORMAT,
        "pairs": len(pairs),
        "option": pairs.words,
        "made_with": {library.__name__: library.__version__ for library in (numpy, cv2, PIL)},
    }
    lines = [header, *_each(pairs, _line)]
    write_file(file, "".join(json.dumps(line) + "\n" for line in lines))


def frozen(pairs: Made, file: Path) -> Made:
    """The same pairs, each to be what their manifest says. InputError where it lists others."""
    _, recipes = _parsed(file)
    if [recipe.name for recipe in recipes] != pairs.names:
        raise InputError(f"{file}: lists other pairs than there are now; give back what is gone, or another run_dir")
    return Made(pairs.source, recipes, pairs.words)


def verify(pairs: Made) -> None:
    """InputError, naming them, where pairs cannot be made or are not what is known of them."""
    _each(pairs, lambda recipe, taken: None)


def digest(file: Path) -> dict[str, str]:
    """What a manifest holds in two numbers, sha256 of the sorted hashes: of its `images`, and of its named `holes`."""
    lines = _lines(file)[1:]
    return {
        "images": _sum({line["sha256"] for line in lines}),
        "holes": _sum(f"{line['name']} {line['hole']}" for line in lines),
    }


def _sum(words: Iterable[str]) -> str:
    return hashlib.sha256("\n".join(sorted(words)).encode()).hexdigest()


def _each(pairs: Made, use: Callable[[Recipe, Taken], T]) -> list[T]:
    """What `use` makes of every pair; all that cannot be made are told together."""
    used, bad = [], []
    for place in tqdm(range(len(pairs)), unit="pair", mininterval=1):
        try:
            used.append(use(pairs.recipes[place], pairs.take(place)))
        except InputError as error:
            bad.append(str(error))
    if bad:
        raise InputError(f"{len(bad)} of {len(pairs)} pairs cannot be used: {shown(list(dict.fromkeys(bad)), '; ')}")
    return used


def _line(recipe: Recipe, taken: Taken) -> dict[str, Any]:
    """What the manifest says of a pair."""
    hole = taken.pair.hole
    return {
        "name": recipe.name,
        "photo": recipe.photo,
        "sha256": taken.photo,
        "size": [hole.shape[1], hole.shape[0]],
        "crop": recipe.crop,
        "side": recipe.side,
        "mask": recipe.mask.told(taken.mask),
        "hole": taken.hole,
        "hole_ratio": round(float(hole.mean()), 6),
        "group": recipe.group,
        "caption": recipe.caption,
    }


def _lines(file: Path) -> list[dict[str, Any]]:
    """The header and a line for each pair. InputError where the file is no manifest, or only a part of one."""
    try:
        lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
        told, kind, _ = lines[0]["pairs"], lines[0]["format"], lines[0]["option"]["data"]
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise InputError(f"{file}: cannot be read as a manifest ({error}); make it again") from error
    if kind != FORMAT:
        raise InputError(f"{file}: is a manifest of format {kind}, this version reads {FORMAT}; make it again")
    if told != len(lines) - 1:
        raise InputError(f"{file}: has {len(lines) - 1} of the {told} pairs its first line speaks of; copy it again")
    return lines


def _parsed(file: Path) -> tuple[dict[str, Any], list[Recipe]]:
    """The header of a manifest and its pairs."""
    header, *lines = _lines(file)
    recipes = []
    for number, line in enumerate(lines, 2):
        try:
            recipes.append(_recipe(line))
        except (LookupError, TypeError, InputError) as error:
            raise InputError(f"{file}, line {number}: {error} is wrong or missing; make the manifest again") from error
    return header, recipes


def _recipe(line: dict[str, Any]) -> Recipe:
    known = {knob.name: line[knob.name] for knob in fields(Recipe) if knob.name != "mask"}
    if line["crop"] not in (*CROPS, "drawn"):
        raise InputError(f"crop={line['crop']}")
    mask = line["mask"]
    if "file" in mask:
        return Recipe(**known, mask=MaskFile(mask["file"], mask["sha256"]))
    holes = _generator(mask["kind"], json.dumps(mask["knobs"]))
    return Recipe(**known, mask=DrawnMask(holes, mask["seed"], mask["number"]))


@lru_cache
def _generator(kind: str, knobs: str) -> Holes:
    return GENERATORS[kind](**json.loads(knobs))
