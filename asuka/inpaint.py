"""`python -m asuka.inpaint image=photo.png mask=mask.png out=filled.png`: fill one hole; white in the mask is hole."""

import resource
import time

import hydra
import numpy as np
import torch
from omegaconf import DictConfig
from PIL import Image

from asuka.config import CONF, build, check, register
from asuka.diffusion.quiet import quiet_libraries
from asuka.errors import InputError
from asuka.image import check_name, load, load_mask, save
from asuka.pipeline import AsukaPipeline
from asuka.terminal import run, spoken


def inpaint(config: DictConfig) -> None:
    """Fill the hole the configuration describes, save the picture and say what it cost."""
    check(config)
    quiet_libraries()
    check_name(config.out)
    image, mask = load(config.image), load_mask(config.mask)
    device = _device(config.device)
    pipeline = AsukaPipeline.of(build(config.method)).to(device)
    start = time.perf_counter()
    filled = pipeline(config.image, config.mask, config.caption).images[0]
    seconds = time.perf_counter() - start
    save(filled, config.out)
    bytes_changed = changed(image, mask, load(config.out))
    print(f"{config.out}: {bytes_changed} known bytes changed, {seconds:.1f} s, {_memory(device)}")


def changed(image: Image.Image, mask: Image.Image, filled: Image.Image) -> int:
    """How many bytes outside the hole differ."""
    known = np.array(mask) < 128
    return int((np.array(image)[known] != np.array(filled)[known]).sum())


def _device(word: str) -> torch.device:
    try:
        device = torch.device("cuda" if torch.cuda.is_available() else "cpu") if word == "auto" else torch.device(word)
        torch.empty(1, device=device)
    except (RuntimeError, AssertionError) as error:
        raise InputError(f"device={word}: not to be had here; choose auto, cpu or cuda") from error
    return device


def _memory(device: torch.device) -> str:
    """Peak memory of this process, and of the GPU where it works on one."""
    host = f"{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB peak memory"
    if device.type == "cuda":
        return f"{host}, {torch.cuda.max_memory_allocated() / 2**30:.2f} GiB on the GPU"
    return host


@hydra.main(version_base="1.3", config_path=CONF, config_name="inpaint")
@spoken
def main(config: DictConfig) -> None:
    inpaint(config)


if __name__ == "__main__":
    register()
    run(main)
