"""`python -m asuka.train stage=align data=synthetic loop.steps=400`: train one stage; the same command resumes."""

from pathlib import Path

import hydra
import torch
from omegaconf import DictConfig, OmegaConf

from asuka.config import CONF, build, check, guard, guard_parts, register
from asuka.data.stream import Fixed, Visits
from asuka.diffusion.quiet import quiet_libraries
from asuka.seeding import seed_of
from asuka.terminal import run, spoken
from asuka.training.log import Table, table_text
from asuka.training.loop import fit


def train(config: DictConfig) -> Table:
    """Check, build and train what the configuration describes; the validation table of its end."""
    check(config)
    quiet_libraries()
    run_dir = Path(config.run_dir)
    data, holes = build(config.data), build(config.masks)
    print(data.summary())
    guard(run_dir, config)
    # Before the stage is built: its first weights are part of what the seed decides.
    torch.manual_seed(seed_of(config.seed, "init"))
    stage = build(config.stage)
    guard_parts(run_dir, stage.reads)
    loop = OmegaConf.to_object(config.loop)
    visits = Visits(data.train, holes, config.seed, loop.distinct)
    table = fit(stage, visits, Fixed(data.val, holes, config.seed), loop, run_dir)
    if table:
        print(table_text(table))
        print(f"weights: {run_dir}/weights   grids: {run_dir}/grids   statistics: {run_dir}/stats.jsonl")
    return table


@hydra.main(version_base="1.3", config_path=CONF, config_name="train")
@spoken
def main(config: DictConfig) -> None:
    train(config)


if __name__ == "__main__":
    register()
    run(main)
