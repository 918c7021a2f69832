"""`python -m asuka.train stage=align data=synthetic loop.steps=400`: train one stage; the same command resumes."""

import importlib

import hydra
from omegaconf import DictConfig

from asuka.config import CONF, check, register
from asuka.terminal import run, spoken


def train(config: DictConfig) -> dict:
    """Check, build and train what the configuration describes; the validation table of its end."""
    check(config)
    # Imported only now: --help and a mistyped argument need not wait for torch.
    return importlib.import_module("asuka.commands.train").train(config)


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
@spoken
def main(config: DictConfig) -> None:
    train(config)


if __name__ == "__main__":
    register()
    run(main)
