"""Numbers of an evaluation: none is lost on the way to the table, and none that is no number comes into it."""

import numpy as np

from asuka.evaluation.measured import Measured
from asuka.evaluation.report import report
from asuka.evaluation.table import table
from asuka.metrics.table import chosen

ABOUT = {"pairs": 2, "photographs": 2, "protocol": "standard", "seed": 0, "weights": "none", "commit": "0", "draws": 1}


def told(part: dict) -> str:
    """The table of an evaluation whose two groups have such numbers."""
    groups = {name: {"pairs": 1, "numbers": {key: one[name] for key, one in part.items()}} for name in ("sea", "land")}
    overall = {key: {"value": 0.5} for key in part}
    empty = {"hole_ratio": {}, "real_against_real": {}, "failed": {}}
    return table({"overall": overall, "groups": groups, "provenance": ABOUT, **empty})


def test_a_row_of_zeros_is_a_row_and_one_without_numbers_is_none() -> None:
    zeros, none = dict.fromkeys(("sea", "land"), {"value": 0.0}), dict.fromkeys(("sea", "land"), {"refused": "few"})
    text = told({"p_ids": zeros, "fid": none}).partition("By group")[2]
    assert "| p_ids | 0 | 0 |" in text and "fid" not in text


def test_a_score_that_is_infinite_in_one_draw_has_no_spread() -> None:
    rows = []
    for number in range(6):
        scores = {"score/psnr": np.array([20.0 + number, np.inf if number == 3 else 21.0 + number])}
        scores |= {"score/raw_psnr": np.array([10.0, 12.0])}
        words = {"photo": np.array(str(number)), "group": np.array(""), "hole_ratio": np.array(0.2)}
        rows.append(scores | words | {"seconds": np.zeros(2)})
    numbers, _ = report(Measured([*"abcdef"], rows, {}), chosen("standard", ["psnr"], ""), 0)
    assert numbers["spread"] == {"raw_psnr": np.sqrt(2)}
    assert numbers["overall"]["psnr"]["value"] == 22.5
