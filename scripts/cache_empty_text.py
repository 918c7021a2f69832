"""What FLUX's text encoders make of the empty text, computed once: afterwards no text encoder is needed.

    python scripts/cache_empty_text.py FOLDER

FOLDER is FLUX.1 Fill in diffusers' layout with text_encoder/, text_encoder_2/ and both tokenizers. Leaves
empty_text.safetensors in it, which base=flux_fill reads; the encoders may then be deleted.
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", metavar="FOLDER", type=Path)
    options = parser.parse_args()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.cache_empty_text").cache(options.folder)


if __name__ == "__main__":
    run(main)
