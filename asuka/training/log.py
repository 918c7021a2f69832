"""What a run leaves for people: statistics, sample grids, and the table of its validation."""

import json
from pathlib import Path

from torch import Tensor

from asuka.disk import disk_errors, write_file
from asuka.figure import write
from asuka.image import grid, save
from asuka.training.curves import curves


class Log:
    """`stats.jsonl`, one JSON object a line, `grids/NNNNNN.png` and `curves.png` in a run's folder."""

    def __init__(self, folder: Path, start: int):
        """Lines of steps after `start`, which come again, are taken out, and what a kill left half written."""
        self.folder, self.file = folder, folder / "stats.jsonl"
        lines = self.file.read_text().splitlines(keepends=True) if self.file.exists() else []
        whole = [line for line in lines if line.endswith("\n")]  # a kill may have cut the last one short
        write_file(self.file, "".join(line for line in whole if json.loads(line)["step"] <= start))
        for half in (folder / "grids").glob(".*.part.png"):
            half.unlink()

    def write(self, step: int, **values: float | dict) -> None:
        with disk_errors(self.file), open(self.file, "a") as file:
            file.write(json.dumps({"step": step, **values}) + "\n")

    def rows(self) -> list[dict]:
        return [json.loads(line) for line in self.file.read_text().splitlines()]

    def grid(self, step: int, columns: dict[str, Tensor]) -> None:
        save(grid(columns), self.folder / "grids" / f"{step:06d}.png")

    def curves(self) -> None:
        write(curves(self.rows()), self.folder / "curves.png")


Table = dict[str, dict[str, float | str]]  # row name -> its mean, count, and difference to another row


def intervals(rows: dict[str, Tensor]) -> Table:
    """Mean of each row (N,), and for `group/what` its paired difference to the first of its group with the half width
    of a normal 95 % interval over images."""
    first: dict[str, str] = {}
    table = {}
    for name, row in rows.items():
        row = row.double().cpu()
        table[name] = {"mean": row.mean().item(), "count": len(row)}
        group = name.rpartition("/")[0]
        if group and group in first:
            difference = row - rows[first[group]].double().cpu()
            table[name] |= {"than": first[group], "difference": difference.mean().item()}
            table[name] |= {"half_width": half_width(difference)}
        first.setdefault(group, name)
    return table


def half_width(values: Tensor) -> float:
    """Half width of the normal 95 % interval of a mean."""
    return 1.96 * (values.std() / len(values) ** 0.5).item()


def table_text(table: Table) -> str:
    """The table of `intervals` for a terminal."""
    lines = [f"means over {next(iter(table.values()))['count']} pictures"]
    for name, cell in table.items():
        line = f"  {name:<16} {cell['mean']:.5f}"
        if "difference" in cell:
            line += f"   {cell['difference']:+.5f} +- {cell['half_width']:.5f} than {cell['than']}"
        lines.append(line)
    if any("difference" in cell for cell in table.values()):
        lines.append("  (paired differences with 95 % intervals over pictures)")
    return "\n".join(lines)
