"""A finished evaluation as it lies on the disk, ready to stand beside others."""

import csv
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from asuka.errors import InputError, said
from asuka.evaluation.report import Number, Numbers
from asuka.stems import shown

TEXTS = ("name", "photo", "group", "draw")  # columns of rows.csv that are no numbers


@dataclass(frozen=True)
class Place:
    """Where an evaluation lies, and what it may be called: its last word, or as many as tell it from others."""

    folder: Path
    words: tuple[str, ...]

    @classmethod
    def of(cls, folder: Path) -> "Place":
        """Called by its path."""
        return cls(folder, folder.resolve().parts)


@dataclass(frozen=True)
class Finished:
    """An evaluation's folder: what `python -m asuka.evaluate` wrote of one method."""

    name: str  # what tables call it
    folder: Path
    config: dict[str, Any]
    summary: dict[str, Any]
    option: dict[str, Any]  # the data's word and knobs
    manifest: dict[str, dict[str, Any]]  # what manifest.jsonl says of each pair, by its name
    folds: dict[str, list[float]]  # number of a set score -> its values without each fold of photographs
    names: list[str]  # of the pairs
    photos: list[str]  # of each pair
    columns: dict[str, np.ndarray]  # score, hole_ratio or seconds -> (N,) of the first draw; nan where there is none

    @property
    def about(self) -> dict[str, Any]:
        """What the numbers rest on."""
        return self.summary["provenance"]

    @property
    def overall(self) -> Numbers:
        return self.summary["overall"]

    def number(self, key: str) -> Number:
        """A number of all pairs; where it was not measured, that."""
        return self._told(self.overall, key)

    def placed(self, part: str, place: str, key: str) -> Number:
        """The same of a group or a range of hole ratios."""
        return self._told(self.summary[part][place]["numbers"], key)

    def _told(self, numbers: Numbers, key: str) -> Number:
        return numbers.get(key, {"refused": f"{self.name} was measured without {key}"})

    @property
    def results(self) -> Path:
        """The folder of the raw results of the first draw."""
        return self.folder / "results"


def finished(places: list[Place]) -> list[Finished]:
    """The evaluations in some places, each under as many of its last words as tell it from the others.

    InputError, all of them together, where a folder is twice among them, not finished, or misses pairs.
    """
    there = [place.folder.resolve() for place in places]
    twice = sorted({str(place.folder) for place, path in zip(places, there, strict=True) if there.count(path) > 1})
    if twice:
        raise InputError(f"{', '.join(twice)}: the same folder twice; give each evaluation once")
    runs, problems = [], []
    for name, place in zip(_called([place.words for place in places]), places, strict=True):
        try:
            runs.append(_read(name, place.folder))
        except InputError as error:
            problems += error.args
    if problems:
        raise InputError(*problems)
    return runs


def _called(places: list[tuple[str, ...]]) -> list[str]:
    for depth in range(1, max(map(len, places))):
        names = ["/".join(words[-depth:]) for words in places]
        if len(set(names)) == len(names):
            return names
    return [str(Path(*words)) for words in places]


def _read(name: str, folder: Path) -> Finished:
    if not (folder / "summary.json").exists():
        raise InputError(
            f"{folder}: no finished evaluation (it has no summary.json); repeat its `python -m asuka.evaluate …`, "
            "or leave it out"
        )
    try:
        summary = json.loads((folder / "summary.json").read_text())
        config = yaml.safe_load((folder / "config.yaml").read_text())
        folds = json.loads((folder / "folds.json").read_text())
        header, *lines = map(json.loads, (folder / "manifest.jsonl").read_text().splitlines())
        with open(folder / "rows.csv", newline="") as file:
            rows = [row for row in csv.DictReader(file) if row["draw"] == "0"]
    except (OSError, ValueError, yaml.YAMLError) as error:
        why = said(error, None)
        raise InputError(f"{folder}: cannot be read ({why}); repeat its `python -m asuka.evaluate …`") from error
    if failed := sorted(summary["failed"]):
        raise InputError(
            f"{folder}: {len(failed)} pairs failed ({shown(failed)}); mend them and repeat its "
            "`python -m asuka.evaluate …`"
        )
    heads = [head for head in rows[0] if head not in TEXTS]
    columns = {head: np.array([float(row[head] or "nan") for row in rows]) for head in heads}
    names, photos = ([row[word] for row in rows] for word in ("name", "photo"))
    manifest = {line["name"]: line for line in lines}
    return Finished(name, folder, config, summary, header["option"], manifest, folds, names, photos, columns)
