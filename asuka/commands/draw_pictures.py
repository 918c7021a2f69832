"""What scripts/draw_results.py does with pictures."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data
from torch import Tensor
from tqdm import tqdm

from asuka.assembly import assembled, folder_of
from asuka.batch import Batch
from asuka.commands.draw_results import PAGES, RECORD, filled
from asuka.condition import Empty
from asuka.config import option
from asuka.data.crops import central
from asuka.data.synthetic import Synthetic
from asuka.decode import Plain
from asuka.diffusion.quiet import quiet_libraries
from asuka.diffusion.samplers import Concat
from asuka.disk import write_file
from asuka.evaluation.sheets import GREY, THUMB, sheet
from asuka.fill import fill
from asuka.image import save
from asuka.jobs import Job
from asuka.methods.diffusion import DiffusionInpainter
from asuka.methods.inpainter import Inpainter
from asuka.methods.mae_only import MaeOnly
from asuka.paste import exact
from asuka.photo import Photo
from asuka.seeding import seed_of
from asuka.training.machine import device

PICTURES = "pictures"
# Photographs that come with scikit-image, whole in its wheel -> what it says of their rights (skimage.data).
PHOTOGRAPHS: dict[str, tuple[Callable[[], np.ndarray], str]] = {
    "astronaut": (data.astronaut, "NASA, public domain"),
    "chelsea": (data.chelsea, "Stefan van der Walt, CC0"),
    "coffee": (data.coffee, "Rachel Michetti, CC0"),
    "rocket": (data.rocket, "SpaceX, public domain"),
}
SCENES = 3


@dataclass(frozen=True)
class Shown:
    """A picture to be filled."""

    name: str
    rights: str
    image: np.ndarray  # (S, S, 3) uint8
    hole: np.ndarray  # (S, S) bool


def draw(options: argparse.Namespace) -> None:
    """Draw the grid, and put it into the pages."""
    quiet_libraries()
    said = caption(options.steps, options.seed)
    blocks = {page: f"![Fillings]({_from(page, RECORD / 'pictures.png')})\n\n{said}" for page in PAGES}
    pages = filled(options.root, PICTURES, blocks)
    save(picture(folder_of(options.weights, {}), options.steps, options.seed), options.root / RECORD / "pictures.png")
    for page, text in pages.items():
        write_file(options.root / page, text)
    size = (options.root / RECORD / "pictures.png").stat().st_size
    shown = " and ".join(str(options.root / page) for page in PAGES)
    print(f"{options.root / RECORD / 'pictures.png'}, {size / 1000:.0f} kB, in {shown}")


def picture(weights: Path, steps: int, seed: int) -> Image.Image:
    """A row for each scene and photograph, a column for each method: a function of the weights and the seed."""
    asuka = assembled(weights)
    asuka.steps, asuka.seed = steps, seed
    plain = DiffusionInpainter(asuka.base, asuka.condition, Concat(), Plain(), steps, seed, 1.0)
    sd = DiffusionInpainter(asuka.base, Empty(), Concat(), Plain(), steps, seed, 1.0)
    methods = {"sd": sd, "asuka, plain decoder": plain, "asuka": asuka, "mae alone": MaeOnly(str(weights / "mae"))}
    shown = chosen(asuka.base.size, seed)
    jobs = [Job(Photo(one.image), one.hole, one.name, one.name) for one in shown]
    columns = [[np.where(one.hole[..., None], np.uint8(GREY), one.image) for one in shown]]
    for method in tqdm(methods.values(), unit="method"):
        place = device("auto")
        call = partial(_called, method.to(place).eval(), place)
        # One by one: the pictures are the same whatever else is shown.
        columns.append([fill(call, [job], method.side, exact, 0, 1)[0].pixels for job in jobs])
    columns.append([one.image for one in shown])
    labels = [f"{one.name} ({one.rights})   hole {one.hole.mean():.0%}" for one in shown]
    rows = list(zip(labels, map(list, zip(*columns, strict=True)), strict=True))
    # No larger than they are: enlarged, the same picture would take twice the bytes.
    return sheet(("masked", *methods, "truth"), rows, min(asuka.base.size, THUMB))


def chosen(size: int, seed: int) -> list[Shown]:
    """Drawn scenes and photographs as squares, each with a hole that is a function of seed and name."""
    scenes = Synthetic(size=size).val
    images = {f"scene {number + 1}": (scenes.centre(number).image, "drawn") for number in range(SCENES)}
    for name, (read, rights) in PHOTOGRAPHS.items():
        images[name] = central(Image.fromarray(read()), size), rights
    holes = option("masks", "mixed")
    return [
        Shown(name, rights, image, holes(np.random.default_rng(seed_of(seed, PICTURES, name)), size, size) > 0)
        for name, (image, rights) in images.items()
    ]


def caption(steps: int, seed: int) -> str:
    """What is shown, and whose the photographs are."""
    rights = ", ".join(f"{name} ({rights})" for name, (_, rights) in PHOTOGRAPHS.items())
    return (
        f"The embedded stack, {steps} steps, seed {seed}, nothing chosen: the first {SCENES} held-out drawn scenes and "
        f"photographs that come with scikit-image: {rights}."
    )


def _from(page: Path, file: Path) -> str:
    """A file's path as a link of a page."""
    return file.relative_to(page.parent).as_posix()


def _called(method: Inpainter, place: torch.device, batch: Batch) -> Tensor:
    return method(batch.to(place))
