"""`python -m asuka.sweep experiment=ablate_align seed=0,1`: train and evaluate many points; the same goes on."""

import importlib

import hydra
from hydra.core.hydra_config import HydraConfig
from hydra.experimental.callback import Callback
from omegaconf import DictConfig

from asuka.config import CONF, register
from asuka.terminal import expanded, run, spoken


class Whole(Callback):
    """What happens before the first point and after the last one."""

    def on_multirun_start(self, config: DictConfig, **_: object) -> None:
        register()
        swept = [f"{key}={value}" for key, value in config.hydra.sweeper.params.items()]
        jobs = expanded([*swept, *config.hydra.overrides.task])
        spoken(lambda config: _commands().begin(config, jobs))(config)

    def on_multirun_end(self, config: DictConfig, **_: object) -> None:
        spoken(_commands().end)(config)


@hydra.main(version_base="1.3", config_path=CONF, config_name="sweep")
@spoken
def main(config: DictConfig) -> None:
    _commands().work(config, list(HydraConfig.get().overrides.task))


def _commands() -> object:
    # Imported only now: --help need not wait.
    return importlib.import_module("asuka.commands.sweep")


if __name__ == "__main__":
    register()
    run(main)
