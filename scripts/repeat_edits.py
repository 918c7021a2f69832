"""Does colour drift when a picture is edited again and again? Five holes of a photograph filled one after the other.

    python scripts/repeat_edits.py PHOTOS --methods sd plain='asuka method/decode=plain' asuka --steps 20 --out DIR

PHOTOS is a folder or zip file of photographs, or `synthetic`. A method is NAME, an option of conf/method, or
NAME='OPTION more words', which are those of python -m asuka.evaluate. Each edit starts from the picture that the last
one left: pasted (`exact`), or whole as the method returned it (`none`). All is measured against the photograph.
Interrupted, or with more methods or photographs, the same command goes on. Leaves in the folder --out

    table.md    means after each edit and paired differences to the first method, with 95 % intervals over photographs
    rows.csv    every number: a line for each photograph, method, way of pasting and edit
    edits.png   the means as curves over the edits
    sheet.png   the first photographs: as they were, and after each edit by each method
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import add_arguments, run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.repeat_edits").repeat(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", metavar="PHOTOS")
    parser.add_argument("--methods", nargs="+", required=True, metavar="METHOD", help="the first is the baseline")
    add_arguments(parser, count=64)
    parser.add_argument("--steps", type=int, default=20, help="of every sampler, where a method does not say its own")
    parser.add_argument("--net", default="alex", help="network of the perceptual distance: lite, alex or vgg")
    parser.add_argument("--batch", type=int, default=8, help="photographs at a time")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
