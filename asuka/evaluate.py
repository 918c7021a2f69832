"""`python -m asuka.evaluate method=asuka data.root=PHOTOS masks=mixed`: every metric of a method in one pass; the same
command goes on."""

import importlib

import hydra
from omegaconf import DictConfig

from asuka.config import CONF, check, register
from asuka.terminal import run, spoken


def evaluate(config: DictConfig) -> dict:
    """Check, build and measure what the configuration describes; its summary."""
    check(config)
    # Imported only now: --help and a mistyped argument need not wait for torch.
    return importlib.import_module("asuka.commands.evaluate").evaluate(config)


@hydra.main(version_base="1.3", config_path=CONF, config_name="evaluate")
@spoken
def main(config: DictConfig) -> None:
    evaluate(config)


if __name__ == "__main__":
    register()
    run(main)
