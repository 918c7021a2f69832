"""The figure of lost detail: relative log amplitude of decoded pictures over spatial frequency.

    python scripts/draw_spectrum.py --decoder DIR [--data PHOTOS] [--base DIR] [--count N] [--out spectrum.png]

Without --data, drawn scenes. Each picture is encoded and decoded once; the curve is the logarithm of the result's
Fourier amplitude over the truth's, the lowest frequency at 0, median and quartiles over the pictures. What lies below 0
is lost. `pasted` pictures have the truth's known pixels: theirs is the hole's loss alone.
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import add_arguments, run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.draw_spectrum").draw(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="synthetic", help="synthetic, or a folder or zip file of photographs")
    parser.add_argument("--decoder", default="tiny", help="tiny, or a folder that stage=decoder wrote")
    add_arguments(parser, count=128)
    parser.add_argument("--out", type=Path, default=Path("spectrum.png"))
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
