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
from asuka.evaluation.finished import Finished, finished
from asuka.evaluation.sheets import ROWS, sheet, views
from asuka.evaluation.side_by_side import differences_md, table_csv, table_md, table_tex
from asuka.figure import write
from asuka.image import save
from asuka.seeding import seed_of


def compare(folders: list[Path], baseline: str | None, out: Path) -> None:
    """Write a comparison's tables and pictures to `out`, and print the tables. InputError where evaluations do not
    belong together; InputWarning for what differs, and where there is no sheet for want of the photographs."""
    comparison = Comparison.of(finished(folders), baseline)
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
