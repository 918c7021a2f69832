"""What every script that tries decoders starts from: a base, decoders that fit it, and pictures with holes."""

import argparse
from dataclasses import dataclass

import torch

from asuka.batch import Batch
from asuka.config import option
from asuka.data.held import held
from asuka.decode import Decode, conditional
from asuka.diffusion.base import LatentDiffusion
from asuka.diffusion.pretrained import pretrained
from asuka.diffusion.quiet import quiet_libraries


@dataclass(frozen=True)
class Trial:
    """All on one device: the GPU where there is one."""

    base: LatentDiffusion
    decoders: dict[str, Decode]
    batches: list[Batch]  # they show the truth


def begin(options: argparse.Namespace, data: str, decoders: dict[str, str]) -> Trial:
    """The parts that the arguments name; `data` as in `held`, `decoders` name -> `tiny` or folder.

    InputError for a decoder that was trained for another autoencoder.
    """
    quiet_libraries()
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    batches = held(data, option("masks", options.masks), options.count, options.size, options.seed)
    base = pretrained(options.base).to(device)
    loaded = {name: conditional(weights).to(device) for name, weights in decoders.items()}
    for decode in loaded.values():
        decode.fits(base)
    return Trial(base, loaded, [batch.to(device) for batch in batches])
