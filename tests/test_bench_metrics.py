"""The bench of the metrics, whole, at toy size."""

import runpy
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[1] / "scripts/bench_metrics.py"


@pytest.mark.slow  # four libraries are imported in each of two processes
def test_both_sides_agree(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    monkeypatch.setattr(sys, "argv", ["bench_metrics.py", "--count", "600", "--width", "64"])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    title, _, *lines, last = capsys.readouterr().out.splitlines()
    rows = {line[:12].strip(): [float(word.rstrip("x")) for word in line[12:].split()] for line in lines}
    assert title.startswith("600 pairs x 64, ")
    assert list(rows) == ["fid", "u_ids", "p_ids", "fid s", "ids s", "all s", "peak GB"]
    assert all(abs(rows[name][2]) <= 1e-3 for name in ("u_ids", "p_ids"))
    assert 0.1 < rows["u_ids"][0] < 0.5
    assert 0 < rows["p_ids"][0] < 0.5
    assert float(last.split()[3]) <= 1e-6
