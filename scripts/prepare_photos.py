"""Draw holes into your own photographs and write the manifest, so that everybody measures on the same ones.

    python scripts/prepare_photos.py PHOTOS --holes 8 [--out photos.jsonl] [--write DIR]
    python -m asuka.evaluate method=asuka data=manifest data.path=photos.jsonl data.root=PHOTOS

Every photograph is seen as its central square, scaled. --write leaves what is measured as PNGs for other programs;
what they make of it is measured with method=folder.
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
    importlib.import_module("asuka.commands.prepare").photos(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", metavar="PHOTOS", help="folder or zip file of photographs")
    parser.add_argument("--masks", default="paper", help="a file of conf/masks without its ending")
    parser.add_argument("--holes", type=int, default=8, help="in each photograph")
    parser.add_argument("--size", type=int, default=512, help="side in pixels")
    parser.add_argument("--seed", type=int, default=0, help="of the holes")
    parser.add_argument("--out", type=Path, default=Path("photos.jsonl"), help="the manifest")
    parser.add_argument("--write", type=Path, metavar="DIR", help="also write DIR/image/NAME.png and DIR/mask/NAME.png")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
