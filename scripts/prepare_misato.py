"""Write the manifest of MISATO, the paper's benchmark, from its unpacked files, and compare them with it.

    python scripts/prepare_misato.py MISATO/512 [--out misato.jsonl]
    python -m asuka.evaluate method=asuka data=manifest data.path=misato.jsonl data.root=MISATO/512

The folder (or zip file) holds image/ and mask/: 2,000 pairs of 512 x 512 pixels, or 1,500 of 1024 x 1024.
The manifest lists every pair with its hashes. A second run compares every pair with it and says so. What is missing,
surplus or another is listed, and the exit code is 1.
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.prepare").misato(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", metavar="DIR", help="the folder that holds image/ and mask/")
    parser.add_argument("--out", type=Path, default=Path("misato.jsonl"), help="the manifest")
    parser.add_argument("--write", type=Path, metavar="DIR", help="also write DIR/image/NAME.png and DIR/mask/NAME.png")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
