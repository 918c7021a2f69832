"""What `asuka.train` does."""

from pathlib import Path

import torch
from omegaconf import DictConfig, OmegaConf

from asuka.config import build, build_all, guard, guard_parts
from asuka.data.stream import Fixed, Visits
from asuka.diffusion.quiet import quiet_libraries
from asuka.seeding import seed_of
from asuka.training.log import Table, table_text
from asuka.training.loop import fit
from asuka.training.machine import memory


def train(config: DictConfig) -> Table:
    """Build and train what the configuration describes; the validation table of its end."""
    quiet_libraries()
    run_dir = Path(config.run_dir)
    data, holes = build_all(config.data, config.masks)
    pictures, held = data.train, data.val  # what cannot be trained on says so before anything is written
    print(data.summary())
    guard(run_dir, config)
    # Before the stage is built: its first weights are part of what the seed decides.
    torch.manual_seed(seed_of(config.seed, "init"))
    stage = build(config.stage)
    guard_parts(run_dir, stage.reads)
    if stage.reads:
        print(f"reads {', '.join(f'{part} {mark}' for part, mark in stage.reads.items())}")
    loop = OmegaConf.to_object(config.loop)
    visits = Visits(pictures, holes, config.seed, loop.distinct)
    table = fit(stage, visits, Fixed(held, holes, config.seed), loop, run_dir)
    if table:
        print(table_text(table))
        print(f"weights: {run_dir}/weights   grids: {run_dir}/grids   curves: {run_dir}/curves.png")
        print(memory())
    return table
