"""The table of the decoders: how well each harmonises, on real and on generated latents of the same pictures and holes.

    python scripts/compare_decoders.py PHOTOS --decoders condition=DIR colour=DIR full=DIR [--net alex] --out DIR

PHOTOS is a folder or zip file of photographs, all of which count, or `synthetic` for drawn scenes. The row `plain`, the
base's own decoder, comes first. Real latents are the truth's; generated ones are sampled without a prompt (`sd`), once
a picture and shared by all rows. Leaves in the folder --out

    table.md   means and paired differences to `plain`, with 95 % intervals over pictures
    rows.csv   every number: a line for each picture, kind of latents and row
    grid.png   the first pictures: truth, masked, and of generated latents each row's raw decode and its composite
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import add_arguments, run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.compare_decoders").compare(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", metavar="PHOTOS")
    parser.add_argument("--decoders", nargs="+", required=True, metavar="NAME=DIR", help="folders of stage=decoder")
    add_arguments(parser, count=346)
    parser.add_argument("--steps", type=int, default=50, help="of the sampler")
    parser.add_argument("--net", default="alex", help="network of the perceptual distance: lite, alex or vgg")
    parser.add_argument("--out", type=Path, required=True)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
