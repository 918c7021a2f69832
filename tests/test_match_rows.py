"""Numbers that come out again, or not: what is compared, how far apart it may be, and what is said of it."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from asuka.commands.match_rows import match
from asuka.errors import InputError
from asuka.evaluation.side_by_side import HEADS

ROWS = (
    ("overall", "", "sd", "psnr", "20.5"),
    ("overall", "", "sd", "hole_l1", "0.25"),
    ("overall", "", "sd", "fid", ""),
    ("overall", "", "asuka", "psnr", "21.5"),
    ("hole_ratio", "0% to 10%", "sd", "psnr", "30"),
    ("cost", "", "sd", "seconds", "0.5"),
    ("cost", "", "sd", "memory", ""),
)


def table(file: Path, *rows: tuple[str, ...]) -> Path:
    """A table of a comparison, as far as it is read."""
    lines = [[*row[:4], "higher", *row[4:], *[""] * (len(HEADS) - 6)] for row in rows]
    file.write_text("\n".join(map(",".join, [list(HEADS), *lines])) + "\n")
    return file


def other(place: int, value: str) -> list[tuple[str, ...]]:
    """ROWS with one value changed."""
    return [(*row[:4], value) if number == place else row for number, row in enumerate(ROWS)]


@pytest.fixture
def committed(tmp_path: Path) -> Path:
    return table(tmp_path / "committed.csv", *ROWS, ("overall", "", "more", "psnr", "1"))


def test_what_is_the_same_matches_in_any_order_without_the_machine(
    committed: Path, tmp_path: Path, capsys: pytest.CaptureFixture
) -> None:
    measured = table(tmp_path / "measured.csv", *other(5, "99")[::-1])
    match(measured, committed, 0)
    assert capsys.readouterr().out.startswith("5 rows compared; the worst is ")


@pytest.mark.parametrize(
    ("place", "near", "far"),
    [(0, "20.52", "20.53"), (1, "0.2509", "0.2512"), (4, "29.971", "29.969")],  # beyond 1 it is relative
)
def test_the_tolerance_is_absolute_for_small_values_and_relative_for_large_ones(
    committed: Path, tmp_path: Path, place: int, near: str, far: str, capsys: pytest.CaptureFixture
) -> None:
    match(table(tmp_path / "near.csv", *other(place, near)), committed, 1e-3)
    name = " ".join(filter(None, ROWS[place][:4]))
    assert f"the worst is {name} ({near}, committed" in capsys.readouterr().out
    with pytest.raises(InputError, match=f"1 of 5 rows differ by more than 0.001: {name} .{far}, committed"):
        match(table(tmp_path / "far.csv", *other(place, far)), committed, 1e-3)


@pytest.mark.parametrize(("place", "value"), [(0, ""), (0, "nan"), (0, "inf"), (2, "7")])
def test_a_number_matches_nothing_that_is_none(committed: Path, tmp_path: Path, place: int, value: str) -> None:
    with pytest.raises(InputError, match="1 of 5 rows differ"):
        match(table(tmp_path / "measured.csv", *other(place, value)), committed, 1e9)


def test_infinity_is_itself_and_nothing_else(tmp_path: Path) -> None:
    one = table(tmp_path / "one.csv", *other(0, "inf"))
    match(one, one, 0)
    with pytest.raises(InputError, match="differ"):
        match(table(tmp_path / "two.csv", *ROWS), one, 1e9)


def test_rows_that_are_missing_and_rows_that_differ_are_told_together(committed: Path, tmp_path: Path) -> None:
    measured = table(tmp_path / "measured.csv", *other(0, "22"), ("overall", "", "new", "psnr", "1"))
    with pytest.raises(InputError, match="lacks 1 rows of .*: overall new psnr.*1 of 5 rows differ .*sd psnr .22.0, "):
        match(measured, committed, 1e-3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "gone.csv: cannot be read as a table"),
        ("", "has no rows to compare"),
        ("method,metric,value\nsd,psnr,1\n", "'part'.; give its table.csv"),
        ("part,place,method,metric,value\noverall,,sd,psnr,much\n", "could not convert"),
        ("part,place,method,metric,value\noverall,,sd,psnr\n", "longer or shorter"),
        ("part,place,method,metric,value\noverall,,sd,psnr,1\noverall,,sd,psnr,2\n", "overall sd psnr twice"),
    ],
)
def test_what_is_no_table_is_a_sentence(committed: Path, tmp_path: Path, text: str | None, message: str) -> None:
    file = tmp_path / "gone.csv"
    if text is not None:
        file.write_text(text)
    with pytest.raises(InputError, match=message):
        match(file, committed, 1e-3)


def test_the_script_exits_with_1_and_a_sentence(committed: Path, tmp_path: Path) -> None:
    def run(measured: Path) -> subprocess.CompletedProcess:
        words = [sys.executable, "scripts/match_rows.py", str(measured), str(committed), "--tolerance", "1e-2"]
        return subprocess.run(words, cwd=ROOT, capture_output=True, text=True)

    same = run(Path(shutil.copy(committed, tmp_path / "same.csv")))
    assert same.returncode == 0 and same.stdout.startswith("6 rows compared") and not same.stderr
    differs = run(table(tmp_path / "measured.csv", *other(0, "22")))
    assert differs.returncode == 1 and "Traceback" not in differs.stderr
    assert differs.stderr.startswith("1 of 5 rows differ by more than 0.01: overall sd psnr (22.0, committed 20.5)")
