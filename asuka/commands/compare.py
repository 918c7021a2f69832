"""What `asuka.compare` does."""

import warnings
from pathlib import Path

import numpy as np

from asuka.data.manifest import Manifest
from asuka.data.pair import Pair, Pairs
from asuka.disk import write_file
from asuka.errors import InputError, InputWarning
from asuka.evaluation.comparison import Comparison
from asuka.evaluation.dots import dots
from asuka.evaluation.finished import Finished, Place, finished
from asuka.evaluation.sheets import ROWS, sheet, views
from asuka.evaluation.side_by_side import differences_md, table_csv, table_md, table_tex
from asuka.figure import write
from asuka.image import save
from asuka.seeding import seed_of
from asuka.sweeps import entry as ledger


def compare(folders: list[Path], baseline: str | None, out: Path) -> None:
    """Write a comparison's tables and pictures to `out`, and print the tables; the folders are of evaluations, or of
    sweeps, of which every finished point counts. InputError where evaluations do not belong together; InputWarning for
    what differs or is not finished, and where there is no sheet for want of the photographs."""
    places = [place for folder in folders for place in _places(folder)]
    if len(places) < 2:
        raise InputError(
            f"{', '.join(map(str, folders))}: give the folders of two finished evaluations or more, or that of a sweep "
            "with two finished points"
        )
    comparison = Comparison.of(finished(places), baseline)
    for remark in comparison.remarks():
        warnings.warn(remark, InputWarning, stacklevel=2)
    text = table_md(comparison)
    texts = {"table.md": text, "table.tex": table_tex(comparison), "table.csv": table_csv(comparison)}
    texts["differences.md"] = differences_md(comparison)
    for name, content in texts.items():
        write_file(out / name, content)
    write(dots(comparison), out / "dots.png")
    drawn = ["dots.png", *_sheet(comparison, out / "sheet.png")]
    print(f"{text}\n{out}: {', '.join([*texts, *drawn])}")


def _places(folder: Path) -> list[Place]:
    """An evaluation's folder as it is, or the evaluations of a sweep by its points' names."""
    if not (folder / ledger.PLAN).exists():
        return [Place.of(folder)]
    rows, places = ledger.planned(folder), []
    for row, title in zip(rows, ledger.titles(rows), strict=True):
        state = ledger.entry_of(folder, row).state if row.evaluation else "never evaluated"
        if state == ledger.FINISHED:
            places.append(Place(folder / row.folder / row.evaluation, (*folder.resolve().parts, title)))
        else:
            warnings.warn(f"{folder}: {title} is {state} and left out", InputWarning, stacklevel=3)
    return places


def _sheet(comparison: Comparison, file: Path) -> list[str]:
    """The same holes across methods: masked, every composite, truth. The file's name, or none if it was not drawn."""
    names = sorted(comparison.baseline.names, key=lambda name: seed_of("sheet", name))[:ROWS]
    heads = ("masked", *(run.name for run in comparison.runs), "truth")
    try:
        pairs = _pairs(comparison.baseline)
        save(sheet(heads, [_row(comparison, pairs[pairs.names.index(name)]) for name in names]), file)
    except InputError as error:
        warnings.warn(f"{file} is not drawn: {error}", InputWarning, stacklevel=2)
        return []
    return [file.name]


def _row(comparison: Comparison, pair: Pair) -> tuple[str, list[np.ndarray]]:
    masked, composites, _ = zip(*(views(pair, run.results) for run in comparison.runs), strict=True)
    return f"{pair.name}   hole {pair.hole.mean():.0%}", [masked[0], *composites, pair.image]


def _pairs(run: Finished) -> Pairs:
    """The pairs that an evaluation was made of. InputError where they are no longer there, or no longer the same."""
    data = run.config["data"]
    return Manifest(str(run.folder / "manifest.jsonl"), data.get("val") or data.get("root")).made
