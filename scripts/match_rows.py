"""Whether numbers come out again: two tables as python -m asuka.compare writes them (table.csv), row by row.

    python scripts/match_rows.py MEASURED.csv COMMITTED.csv [--tolerance 1e-3]

Every row of MEASURED, known by part, place, method and metric, has to be in COMMITTED, with the same value to the
tolerance: absolute for values from -1 to 1, of the committed value beyond. Where one table has no value, the other must
have none either. Seconds and memory are the machine's and left out. Prints how many rows were compared and the worst of
them; exit code 1, and what differs, where they do not match.
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait.
    importlib.import_module("asuka.commands.match_rows").match(options.measured, options.committed, options.tolerance)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("measured", type=Path)
    parser.add_argument("committed", type=Path)
    parser.add_argument("--tolerance", type=float, default=1e-3)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
