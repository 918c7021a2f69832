"""The 64 directions in which Inception features of photographs differ most, for u_ids_pca64 and p_ids_pca64.

    python scripts/fit_pca.py PHOTOS --out FILE

PHOTOS is a folder or zip file of photographs, all of which count, each as its central square at 128 x 128 pixels. FILE
is a safetensors file: `mean` (2048,), `axes` (64, 2048), widest first, and where they come from as metadata. The one
that is shipped was fitted once and stays: numbers of other directions do not compare with its own.
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.fit_pca").fit(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", metavar="PHOTOS")
    parser.add_argument("--out", type=Path, required=True, metavar="FILE")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
