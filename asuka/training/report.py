"""What the loop shows, measures and saves, always with the averaged weights."""

from pathlib import Path

import torch
from accelerate import Accelerator
from accelerate.utils import broadcast_object_list
from torch import Tensor

from asuka.batch import Batch, first
from asuka.disk import mend, write_folder
from asuka.training.checkpoint import Checkpoint
from asuka.training.ema import Ema
from asuka.training.knobs import LoopConfig
from asuka.training.log import Log, Table, intervals
from asuka.training.stage import Stage
from asuka.training.tracker import start_tracker


class Report:
    """The loop's eyes and pen. Only the main process sees and writes; the others pass through, or look along."""

    def __init__(
        self,
        machine: Accelerator,
        stage: Stage,
        ema: Ema,
        checkpoint: Checkpoint,
        held: list[Batch],
        run_dir: Path,
        together: bool,
    ):
        """together: the stage runs in all processes or in none."""
        self.machine, self.stage, self.ema, self.checkpoint = machine, stage, ema, checkpoint
        self.run_dir, self.held, self.main = run_dir, held, machine.is_main_process
        self.looks = self.main or together
        self._forget()

    def begin(self, step: int, loop: LoopConfig) -> None:
        """A line that says where and on what the run starts or goes on; what a kill left half done is mended."""
        if self.main:
            for name in ("weights", "checkpoint.pt"):
                mend(self.run_dir / name)
            self.written = Log(self.run_dir, step)
            start_tracker(self.machine, loop, self.run_dir, step)
            place = {"processes": self.machine.num_processes, "device": str(self.machine.device)}
            self.written.write(step, **place, threads=torch.get_num_threads())

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
            values = dict(means, lr=lr, **rates, waiting=round(share, 3))
            self.written.write(step, **values)
            self.machine.log(values, step)
        self._forget()
        return f"loss {means['loss']:.4f}, {rate:.0f} images/s (loader: {loader:.0f}), {share:.0%} waiting for data"

    def save(self, step: int) -> None:
        """The averaged weights, then the checkpoint: killed between them, a run comes to this step again."""
        if self.main:
            with self.ema.swapped_in():
                held = [batch.to(self.machine.device) for batch in self.held]
                write_folder(self.run_dir / "weights", lambda folder: self.stage.export(folder, held))
            self.checkpoint.save(step)

    def preview(self, step: int, count: int) -> None:
        """A grid of the first validation pictures."""
        if not self.looks:
            return
        batch = first(self.held, count).to(self.machine.device)
        with self.ema.swapped_in():
            columns = self.stage.preview(batch)
        if self.main:
            self.written.grid(step, columns)

    def validate(self, step: int) -> Table:
        """The validation table after `step`, measured and written down once."""
        (before,) = broadcast_object_list([self._validated(step)])  # what the main one knows: all go the same way
        if before or not self.looks:
            return before if before and self.main else {}
        with self.ema.swapped_in():
            table = intervals(self.stage.validate([batch.to(self.machine.device) for batch in self.held]))
        if not self.main:
            return {}
        self.written.write(step, validation=table)
        self.machine.log({f"validation/{name}": cell["mean"] for name, cell in table.items()}, step)
        return table

    def close(self) -> None:
        """The learning curves, whichever way the run ends."""
        if self.main:
            self.written.curves()
            for tracker in self.machine.trackers:
                tracker.finish()

    def _validated(self, step: int) -> Table | None:
        rows = self.written.rows() if self.main else []
        return next((row["validation"] for row in reversed(rows) if row["step"] == step and "validation" in row), None)

    def _forget(self) -> None:
        self.sums: dict[str, float] = {}
        self.steps = self.images = 0
        self.waited = self.seconds = self.made = 0.0
