"""What the loop shows, measures and saves, always with the averaged weights."""

from pathlib import Path

import torch
from torch import Tensor

from asuka.batch import Batch, first
from asuka.training.checkpoint import Checkpoint, write_folder
from asuka.training.ema import Ema
from asuka.training.log import Log, Table, intervals
from asuka.training.stage import Stage


class Report:
    """The loop's eyes and pen. Only the main process sees and writes; the others pass through."""

    def __init__(
        self, stage: Stage, ema: Ema, checkpoint: Checkpoint, held: list[Batch], run_dir: Path, start: int, main: bool
    ):
        self.stage, self.ema, self.checkpoint, self.main = stage, ema, checkpoint, main
        self.run_dir, self.held = run_dir, held
        self.device = next(stage.parameters()).device
        self.written = Log(run_dir, start) if main else None
        self._forget()

    def begin(self, step: int, processes: int) -> None:
        """A line that says where and on what the run starts or goes on."""
        if self.main:
            self.written.write(step, processes=processes, device=str(self.device), threads=torch.get_num_threads())

    def step(
        self, step: int, losses: dict[str, Tensor], images: int, waited: float, seconds: float, made: float
    ) -> None:
        """Take in one step: mean losses, images, seconds waited for data, seconds in all, and the seconds in which
        this process's loader workers, side by side, made its share of the images."""
        for name, value in losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + float(value)
        self.steps, self.images = self.steps + 1, self.images + images
        self.waited, self.seconds, self.made = self.waited + waited, self.seconds + seconds, self.made + made

    def log(self, step: int, lr: float) -> str:
        """Write the means since the last call; a short line for the progress bar.

        The loader's rate is what its workers would reach if none ever waited for a step to take its images.
        """
        means = {name: value / self.steps for name, value in self.sums.items()}
        rate, share, loader = self.images / self.seconds, self.waited / self.seconds, self.images / self.made
        if self.main:
            rates = {"images_per_s": round(rate, 1), "loader_images_per_s": round(loader, 1)}
            self.written.write(step, **means, lr=lr, **rates, waiting=round(share, 3))
        self._forget()
        return f"loss {means['loss']:.4f}, {rate:.0f} images/s (loader: {loader:.0f}), {share:.0%} waiting for data"

    def save(self, step: int) -> None:
        """The averaged weights, then the checkpoint: killed between them, a run comes to this step again."""
        if self.main:
            with self.ema.swapped_in():
                held = [batch.to(self.device) for batch in self.held]
                write_folder(self.run_dir / "weights", lambda folder: self.stage.export(folder, held))
            self.checkpoint.save(step)

    def preview(self, step: int, count: int) -> None:
        """A grid of the first validation pictures."""
        if self.main:
            batch = first(self.held, count).to(self.device)
            with self.ema.swapped_in():
                self.written.grid(step, self.stage.preview(batch))

    def validate(self, step: int) -> Table:
        """The validation table; written to the statistics."""
        if not self.main:
            return {}
        with self.ema.swapped_in():
            table = intervals(self.stage.validate([batch.to(self.device) for batch in self.held]))
        self.written.write(step, validation=table)
        return table

    def _forget(self) -> None:
        self.sums: dict[str, float] = {}
        self.steps = self.images = 0
        self.waited = self.seconds = self.made = 0.0
