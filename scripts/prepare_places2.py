"""Write the manifest of Places2's validation photographs with the paper's holes, and compare them with it.

    python scripts/prepare_places2.py PLACES/val_large [--out places2.jsonl]
    python scripts/prepare_places2.py PLACES/val_large --listing 1000.txt --holes 2
    python -m asuka.evaluate method=asuka data=manifest data.path=places2.jsonl data.root=PLACES/val_large

All of Places365_val_00000001 to Places365_val_00036500 must be there, or all that --listing names, one path a line.
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
    importlib.import_module("asuka.commands.prepare").places2(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", metavar="DIR", help="val_large or val_256, unpacked")
    parser.add_argument("--listing", metavar="FILE", help="a part of them, one path below DIR a line")
    parser.add_argument("--masks", default="paper", help="a file of conf/masks without its ending")
    parser.add_argument("--holes", type=int, default=1, help="in each photograph")
    parser.add_argument("--size", type=int, default=512, help="side in pixels")
    parser.add_argument("--seed", type=int, default=0, help="of the holes")
    parser.add_argument("--out", type=Path, default=Path("places2.jsonl"), help="the manifest")
    parser.add_argument("--write", type=Path, metavar="DIR", help="also write DIR/image/NAME.png and DIR/mask/NAME.png")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
