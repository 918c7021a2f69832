"""How numbers become tables, and which published ones stand in them."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import yaml

from asuka.config import CONF
from asuka.evaluation.comparison import Comparison
from asuka.evaluation.finished import Finished
from asuka.evaluation.published import PUBLISHED, Published
from asuka.evaluation.side_by_side import table_md
from asuka.evaluation.typeset import column

MISATO, PLACES2, RELEASED, _ = PUBLISHED
FILE = {"file": "mask/0.png"}
ABOUT = {"protocol": "official", "images": "0" * 64, "holes": "0" * 64, "weights": "0", "seed": 0, "commit": "0"}


def as_if(like: Published, mask: dict, protocol: str = "official") -> Finished:
    """An evaluation of a published table's data."""
    names = [str(number) for number in range(like.pairs)]
    summary = {
        "overall": {"lpips": {"value": 0.16, "low": 0.15, "high": 0.17, "pictures": like.pairs}},
        **{"groups": {}, "hole_ratio": {}, "failed": {}, "cost": {"seconds_per_picture": 1.0, "memory": "1 GiB"}},
        "provenance": ABOUT | {"protocol": protocol, "pairs": like.pairs, "photographs": like.pairs},
    }
    manifest = {name: {"mask": mask} for name in names}
    columns = {"lpips": np.full(like.pairs, 0.16)}
    return Finished("ours", Path("ours"), {}, summary, like.option, manifest, {}, names, names, columns)


def fitting(run: Finished) -> list[Published]:
    return [one for one in PUBLISHED if one.fits(run)]


def test_published_numbers_stand_beside_the_same_protocol_data_and_holes_only() -> None:
    paper = yaml.safe_load((Path(CONF) / "masks" / "paper.yaml").read_text())
    drawn = {"kind": paper.pop("_target_").rpartition(".")[2], "knobs": paper, "seed": 3, "number": 1}
    assert fitting(as_if(MISATO, FILE)) == [MISATO, RELEASED]
    assert fitting(as_if(MISATO, FILE, "standard")) == []
    assert fitting(as_if(replace(MISATO, pairs=1999), FILE)) == []
    assert fitting(as_if(replace(MISATO, option={"data": "pairs"}), FILE)) == []
    assert fitting(as_if(PLACES2, drawn)) == [PLACES2]
    assert fitting(as_if(PLACES2, drawn | {"knobs": paper | {"hi": 0.9}})) == []
    assert fitting(as_if(replace(PLACES2, option={"data": "places2", "size": 256}), drawn)) == []


def test_published_numbers_stand_above_ours() -> None:
    table = table_md(Comparison.of([as_if(MISATO, FILE)], None))
    assert "|  | lpips ↓ | fid ↓ | u_ids ↑ | p_ids ↑ |" in table
    assert "| ASUKA (published) | 0.150 | **11.460** | **0.368** | **0.256** |" in table
    assert (
        "| MAE-FAR (published) | **0.142** | 13.283 |" in table and "| ours | 0.160 [0.150, 0.170] | – (1) |" in table
    )
    assert "published" not in table_md(Comparison.of([as_if(MISATO, FILE, "standard")], None))


def test_the_published_tables_are_whole() -> None:
    for one in PUBLISHED:
        assert {len(numbers) for numbers in one.rows.values()} == {len(one.keys)}


def test_numbers_of_a_column_have_equal_digits_and_one_best() -> None:
    cells = column([{"value": 9.5, "low": 9, "high": 10}, {"value": 101.26}, {"refused": "why"}], "higher")
    assert [cell.text for cell in cells] == ["9.5", "101.3", "–"]
    assert [cell.best for cell in cells] == [False, True, False]
    assert cells[0].interval == "[9.0, 10.0]" and cells[2].note == "why"
    assert [cell.best for cell in column([{"value": 0.2}, {"value": 0.1}], "lower")] == [False, True]
    assert not any(cell.best for cell in column([{"value": 0.2}, {"value": 0.1}], None))
    signs = column([{"value": 1.0, "low": 0.5, "high": 2.0}, {"value": 1.0, "low": -0.5, "high": 2.0}], None, "+")
    assert [cell.text for cell in signs] == ["+1.000*", "+1.000"]
