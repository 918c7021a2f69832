"""FID, U-IDS and P-IDS of made features, ours against scipy's and scikit-learn's: seconds, memory, and that they agree.

    python scripts/bench_metrics.py [--count N] [--width K] [--seed SEED]

Theirs are `scipy.linalg.sqrtm` of the product of the covariances and `LinearSVC(dual=False)` on all 2 N rows. Each side
runs in a process of its own; peak memory is that of the whole process, libraries and features among it. scikit-learn
comes with the extra `dev`.
"""

import argparse
import importlib

from asuka.options import run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.bench_metrics").bench(options)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--count", type=int, default=36500, help="pairs; 36,500 are those of Places2's validation set")
    parser.add_argument("--width", type=int, default=2048, help="features of a picture")
    parser.add_argument("--seed", type=int, default=0, help="of the features")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
