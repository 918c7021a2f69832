"""`python -m asuka.inpaint image=photo.png mask=mask.png out=filled.png`: fill the hole of one photo, or of many."""

import importlib

import hydra
from omegaconf import DictConfig

from asuka.config import CONF, check, register
from asuka.terminal import run, spoken


def inpaint(config: DictConfig) -> None:
    """Fill the hole the configuration describes, save the picture and say what it cost."""
    check(config)
    # Imported only now: --help and a mistyped argument need not wait for torch.
    importlib.import_module("asuka.commands.inpaint").inpaint(config)


@hydra.main(version_base="1.3", config_path=CONF, config_name="inpaint")
@spoken
def main(config: DictConfig) -> None:
    inpaint(config)


if __name__ == "__main__":
    register()
    run(main)
