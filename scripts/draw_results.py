"""The results that the README and the main record show: generated, never typed.

    python scripts/draw_results.py table [COMPARED] [--methods sd asuka]
    python scripts/draw_results.py pictures

`table` puts a short table between the lines <!-- results:begin --> and <!-- results:end --> of README.md and of
experiments/001-main/README.md. COMPARED is the folder that python -m asuka.compare wrote: its table.csv is copied to
experiments/001-main/table.csv, from which alone the table is made; without COMPARED, of the copy that is there.

`pictures` draws experiments/001-main/pictures.png with the embedded stack, on drawn scenes and on photographs in the
public domain that come with scikit-image (the extra `dev`), and puts it between <!-- pictures:begin --> and
<!-- pictures:end --> of the same files. It is a function of the weights and the seed.
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import run

ROOT = Path(__file__).parents[1]


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    getattr(importlib.import_module(options.module), options.function)(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--root", type=Path, default=ROOT, help="folder of README.md and experiments/001-main")
    commands = parser.add_subparsers(required=True, metavar="table or pictures")
    table = commands.add_parser("table", help="the short table of a comparison")
    table.add_argument("compared", type=Path, nargs="?", metavar="COMPARED")
    table.add_argument("--methods", nargs="+", default=[], help="rows, in this order; all if not given")
    table.set_defaults(module="asuka.commands.draw_results", function="table")
    pictures = commands.add_parser("pictures", help="the grid of pictures")
    pictures.add_argument("--weights", default="tiny", help="tiny, or a folder with base/ mae/ align/ decoder/")
    pictures.add_argument("--steps", type=int, default=50, help="of the sampler")
    pictures.add_argument("--seed", type=int, default=0, help="of holes and noise")
    pictures.set_defaults(module="asuka.commands.draw_pictures", function="draw")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
