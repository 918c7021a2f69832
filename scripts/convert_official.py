"""Weights of others as parts of an ASUKA folder: base/, mae/, align/ and decoder/, as the stages write them.

    python scripts/convert_official.py SOURCE TARGET [--base DIR]

SOURCE is a file, or a folder with the files that make one part; what it is, its keys tell:

    flux1-fill-dev.safetensors and ae.safetensors       TARGET/base      FLUX.1 Fill
    vec.pt and txt_256.pt                               TARGET/base      the empty text's embeddings, beside FLUX
    mae_300.pth, MAE-FAR's, facebook's full MAE         TARGET/mae
    asuka_alignment_t5.pt and asuka_alignment_clip.pt   TARGET/align     wants TARGET/mae and the base first
    asuka_decoder.ckpt, diffusers' asymmetric VAE       TARGET/decoder   wants the base first

Alignment and decoder are marked with the base and the MAE that stand there: their own files do not say what they were
trained with, so give them the ones they were released for. --base is another place of the base than TARGET/base.
Nothing of a file is run, every key has a place or is named, and a part that is there already is left alone.
"""

import argparse
import importlib
from pathlib import Path

from asuka.options import run


def main() -> None:
    options = _parse()
    # Imported only now: --help need not wait for torch.
    importlib.import_module("asuka.commands.convert_official").convert(options.source, options.target, options.base)


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("source", metavar="SOURCE", type=Path)
    parser.add_argument("target", metavar="TARGET", type=Path)
    parser.add_argument("--base", type=Path, metavar="DIR", help="folder of the base, if it is not TARGET/base")
    return parser.parse_args()


if __name__ == "__main__":
    run(main)
