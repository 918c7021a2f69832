"""Write the pictures of a folder into tar shards, for data=webdataset and for webdataset itself.

    python scripts/make_shards.py PHOTOS SHARDS
    python scripts/make_shards.py PHOTOS SHARDS --megabytes 200
    python -m asuka.train stage=align data=webdataset data.root=SHARDS

SHARDS/shards-000000.tar and so on hold every picture as it is, in the order of the paths, each followed by its caption
(of captions.csv, or a .txt beside it) as a .txt; shards-000000.index.jsonl says where each lies. The same pictures
make the same bytes. Interrupted, the same command goes on after the last whole shard. Training on the shards, moved
anywhere with their indexes, gives what training on the folder gives.
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.make_shards").make(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("root", metavar="PHOTOS", help="folder or zip file of photographs")
    parser.add_argument("target", metavar="SHARDS", type=Path, help="folder of the shards")
    parser.add_argument("--megabytes", type=float, default=500.0, help="that a shard has at most, but for one picture")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
