"""An unmodified diffusers inpainting pipeline before and after its VAE is exchanged for the conditional one.

    python scripts/try_drop_in.py PHOTOS [--decoder tiny] [--base tiny] [--count 50]

PHOTOS is a folder or zip file of photographs, or `synthetic`. The pipeline is called as people call it: PIL pictures,
no prompt, a generator. Prints, with 95 % intervals over pictures, the known pixels' shift in what it returns, and the
excess of the seam once the known pixels are pasted back (dE76).
"""

import argparse
import importlib

from asuka.options import add_arguments, run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.try_drop_in").measure(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", metavar="PHOTOS")
    parser.add_argument("--decoder", default="tiny", help="tiny, or a folder that stage=decoder wrote")
    add_arguments(parser, count=50)
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
