"""What the recipes of real size compute, counted on the true networks without their weights, and the GPU-hours.

    python scripts/count_flops.py [--tflops 312] [--utilisation 0.35]

312 TFLOP/s is an A100's peak in bf16; a third of the peak is what such trainings reach in general. Nothing is run:
hours are counted operations over that speed, and leave out validation, previews and waiting for data.
"""

import argparse
import importlib

from asuka.config import register


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tflops", type=float, default=312.0)
    parser.add_argument("--utilisation", type=float, default=0.35)
    options = parser.parse_args()
    register()
    # Imported only now: --help need not wait for torch.
    print(importlib.import_module("asuka.commands.count_flops").table(options.tflops, options.utilisation))


if __name__ == "__main__":
    main()
