"""The one way from a method and pairs to rows: fill -> score -> chunks on the disk, each pair once."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from tqdm import tqdm

from asuka.batch import Batch
from asuka.data.pair import Pair, Pairs
from asuka.errors import InputError
from asuka.evaluation.chunk import Chunk, Row, chunked, load, store
from asuka.evaluation.scorer import Scorer
from asuka.fill import Fill, fill
from asuka.image import save
from asuka.jobs import Job
from asuka.methods.inpainter import Inpainter
from asuka.metrics.table import Protocol
from asuka.paste import none
from asuka.photo import Photo
from asuka.training import world


@dataclass(frozen=True)
class Harness:
    """What is measured, by what, and where its rows are kept."""

    method: Inpainter
    pairs: Pairs
    protocol: Protocol
    run_dir: Path
    draws: int  # of each pair, with the seeds seed, seed + 1, …
    batch_size: int
    device: torch.device

    def run(self) -> None:
        """Measure what is not measured yet of this process's share: every n-th chunk of n processes.

        What cannot be filled or measured is noted in its chunk, and tried again when this is called again.
        """
        chunks = list(enumerate(chunked(self.pairs.photos)))[world.rank() :: world.size()]
        scorer = None
        with tqdm(total=sum(len(places) for _, places in chunks), unit="pair", disable=world.rank() > 0) as bar:
            for number, places in chunks:
                chunk = load(self.file(number))
                todo = [place for place in places if not self._done(chunk, self.pairs.names[place])]
                bar.update(len(places) - len(todo))
                if todo:
                    scorer = scorer or Scorer(self.protocol, self.device)
                    fresh = self._work(todo, scorer, bar)
                    gone = {self.pairs.names[place] for place in todo}
                    kept = {name: row for name, row in chunk.rows.items() if name not in gone}
                    store(self.file(number), Chunk(kept | fresh.rows, fresh.failed))

    def chunks(self) -> list[Chunk]:
        """All that is on the disk, in the order of the pairs."""
        return [load(self.file(number)) for number in range(len(chunked(self.pairs.photos)))]

    def file(self, number: int) -> Path:
        return self.run_dir / "chunks" / f"{number:06d}.npz"

    def results(self, draw: int) -> Path:
        """The folder of a draw's raw results, NAME.png each."""
        return self.run_dir / ("results" if not draw else f"results-{draw + 1}")

    def _done(self, chunk: Chunk, name: str) -> bool:
        return name in chunk.rows and str(chunk.rows[name]["mark"]) == self.method.mark(name)

    def _work(self, places: Sequence[int], scorer: Scorer, bar: tqdm) -> Chunk:
        """Some pairs measured."""
        chunk, pairs = Chunk(), []
        for place in places:
            try:
                pairs.append(self.pairs[place])
            except InputError as error:
                chunk.failed[self.pairs.names[place]] = str(error)
                bar.update()
        fills = self._filled(pairs, chunk, bar)
        pairs = [pair for pair in pairs if pair.name in fills]
        raws = [[fills[pair.name][draw].pixels for pair in pairs] for draw in range(self.draws)]
        for pair, row in zip(pairs, scorer(pairs, raws) if pairs else [], strict=True):
            for draw, one in enumerate(fills[pair.name]):
                save(Image.fromarray(one.pixels), self.results(draw) / f"{pair.name}.png")
            chunk.rows[pair.name] = row | _about(pair, fills[pair.name], self.method.mark(pair.name))
        return chunk

    def _filled(self, pairs: list[Pair], chunk: Chunk, bar: tqdm) -> dict[str, list[Fill]]:
        """Name -> the raw fill of each draw; pairs that fail are noted in the chunk."""
        jobs = []
        for pair in pairs:
            if pair.hole.any():
                jobs.append(Job(Photo(pair.image), pair.hole, pair.name, pair.name, pair.caption))
            else:
                chunk.failed[pair.name] = f"{pair.name}: its mask has no hole, from level 128 of 255 on; give it one"
                bar.update()
        filled = {}
        for group in (jobs[at : at + self.batch_size] for at in range(0, len(jobs), self.batch_size)):
            for job, result in zip(group, self._draw(group), strict=True):
                if isinstance(result, InputError):
                    chunk.failed[job.name] = str(result)
                else:
                    filled[job.name] = result
            bar.update(len(group))
        return filled

    def _draw(self, jobs: list[Job]) -> list[list[Fill] | InputError]:
        """All draws of some jobs; one that cannot be filled does not keep the others from it."""
        try:
            rounds = [
                fill(self._at(draw), jobs, self.method.side, none, 0, self.batch_size) for draw in range(self.draws)
            ]
        except InputError as error:
            return [error] if len(jobs) == 1 else [self._draw([job])[0] for job in jobs]
        return [list(fills) for fills in zip(*rounds, strict=True)]

    def _at(self, draw: int) -> Callable[[Batch], Tensor]:
        """The method with the seed of a draw, on its device."""
        return partial(_drawn, self.method, draw, self.device)


def _drawn(method: Inpainter, draw: int, device: torch.device, batch: Batch) -> Tensor:
    if not draw:
        return method(batch.to(device))
    seed = method.seed
    try:
        method.seed = seed + draw
        return method(batch.to(device))
    finally:
        method.seed = seed


def _about(pair: Pair, fills: list[Fill], mark: str) -> Row:
    """What else a row says of a pair."""
    return {
        "photo": np.array(pair.photo),
        "group": np.array(pair.group),
        "mark": np.array(mark),
        "hole_ratio": np.array(pair.hole.mean()),
        "seconds": np.array([one.record.seconds for one in fills]),
    }
