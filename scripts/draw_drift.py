"""The figure of colour drift: the same pictures encoded and decoded 1 to 10 times, by each way of decoding.

    python scripts/draw_drift.py --decoder DIR [--data PHOTOS] [--base DIR] [--count N] [--out drift.png]

Without --data, drawn scenes. Above: colour difference to the truth (CIE-Lab dE76) against passes, median and quartiles
over the pictures, of the hole's mean colour and pixel by pixel. Below: two of them after 1, 2, 5 and 10 passes. A pass
starts from the last one's picture: whole as decoded or, `pasted`, with the truth's known pixels. The conditional
decoder sees the truth's known pixels in every pass.
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import add_arguments, run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.draw_drift").draw(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", default="synthetic", help="synthetic, or a folder or zip file of photographs")
    parser.add_argument("--decoder", default="tiny", help="tiny, or a folder that stage=decoder wrote")
    add_arguments(parser, count=32)
    parser.add_argument("--out", type=Path, default=Path("drift.png"))
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
