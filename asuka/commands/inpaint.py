"""What `asuka.inpaint` does."""

import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from omegaconf import DictConfig
from PIL import Image
from tqdm import tqdm

from asuka.config import build
from asuka.diffusion.quiet import quiet_libraries
from asuka.errors import InputError
from asuka.fill import fill
from asuka.folders import Outcome, Pair, paired, work
from asuka.hole import MaskReader
from asuka.image import check_name
from asuka.jobs import Job, jobs_of
from asuka.methods.diffusion import DiffusionInpainter
from asuka.methods.inpainter import Inpainter
from asuka.paste import PASTES
from asuka.photo import Photo
from asuka.pipeline import AsukaPipeline, check_words
from asuka.training.machine import device, memory

# Jobs -> their photos with filled holes.
Filler = Callable[[list[Job]], list[Image.Image]]


def inpaint(config: DictConfig) -> None:
    """Fill what the configuration describes, save it and say what it cost; InputError where anything is left over."""
    quiet_libraries()
    image, mask, out, prior = (
        Path(config[word]) if config[word] else None for word in ("image", "mask", "out", "prior")
    )
    pairs = paired(image, mask, out, prior, f".{config.format}")
    for path in (pairs[0].out, pairs[0].prior):
        if path:
            check_name(path)
    todo = [pair for pair in pairs if not (image.is_dir() and pair.finished)]
    start = time.perf_counter()
    outcomes = _worked(config, todo) if todo else []
    failed = [one.error for one in outcomes if one.error]
    changed, seconds = sum(one.changed for one in outcomes), time.perf_counter() - start
    told = f"{changed} known bytes changed, {seconds:.1f} s, {memory()}"
    if not image.is_dir() and not failed:
        print(f"{out}: {told}")
    elif image.is_dir():
        print(f"{out}: {len(outcomes) - len(failed)} filled, {len(pairs) - len(todo)} were there; {told}")
        failed += [f"{len(failed)} of {len(pairs)} failed; mend them and repeat the command"] * bool(failed)
    if failed:
        raise InputError(*failed)


def _worked(config: DictConfig, todo: list[Pair]) -> list[Outcome]:
    """The pairs filled as the configuration says, by its method."""
    reader = MaskReader(config.hole, config.dilate, config.fill_holes, config.resize_mask)
    method, place = build(config.method), device(config.device)
    if isinstance(method, DiffusionInpainter) and method.base.process == "diffusion":
        pipeline = AsukaPipeline.of(method).to(place)
        pipeline.set_progress_bar_config(disable=len(todo) > 1)
        filled, imagined = _by_pipeline(config, pipeline)
    else:
        filled = imagined = _by_itself(config, method.eval().to(place), place)

    def read(pair: Pair) -> Job:
        return jobs_of(pair.image, pair.mask, config.caption, None, reader)[0]

    steps = work(todo, read, filled, imagined, config.batch_size, config.quality)
    return list(tqdm(steps, total=len(todo), unit="photo", disable=len(todo) == 1))


def _by_pipeline(config: DictConfig, pipeline: AsukaPipeline) -> tuple[Filler, Filler]:
    """Jobs filled by the one pipeline, and by what its MAE thinks."""

    def filled(jobs: list[Job]) -> list[Image.Image]:
        return pipeline(
            *_sources(jobs),
            prompt=config.caption,
            names=[job.name for job in jobs],
            num_candidates=config.num_candidates,
            paste=config.paste,
            feather=config.feather,
            batch_size=config.batch_size,
        ).images

    def imagined(jobs: list[Job]) -> list[Image.Image]:
        return pipeline.prior(*_sources(jobs))

    return filled, imagined


def _by_itself(config: DictConfig, method: Inpainter, place: torch.device) -> Filler:
    """Jobs filled by a method that a pipeline does not hold: one result each, without a prior to show."""
    check_words(config.paste, "pil", (), config.feather + 1, config.batch_size, config.num_candidates)
    if config.prior or config.num_candidates > 1:
        raise InputError(
            f"prior={config.prior}, num_candidates={config.num_candidates}: this method has no prior to show and makes "
            "one result a picture; leave both out, or choose a method with a Stable Diffusion base, such as asuka"
        )

    def filled(jobs: list[Job]) -> list[Image.Image]:
        manner = PASTES[config.paste]
        fills = fill(
            lambda batch: method(batch.to(place)), jobs, method.side, manner, config.feather, config.batch_size
        )
        return [job.photo.image(one.pixels) for job, one in zip(jobs, fills, strict=True)]

    return filled


def _sources(jobs: list[Job]) -> tuple[list[Photo], list[np.ndarray]]:
    """What a pipeline reads of jobs whose notes are said and whose masks are read."""
    return [replace(job.photo, notes=()) for job in jobs], [job.hole for job in jobs]
