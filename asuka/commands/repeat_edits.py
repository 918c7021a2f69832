"""What scripts/repeat_edits.py does."""

import argparse
import re
import shlex

import numpy as np
from matplotlib.figure import Figure
from omegaconf import DictConfig, OmegaConf
from PIL import Image
from tqdm import tqdm

from asuka.config import build, check, guard, guard_parts, option, register
from asuka.data.folder import Folder
from asuka.data.synthetic import Synthetic
from asuka.diffusion.quiet import quiet_libraries
from asuka.disk import write_file
from asuka.errors import InputError
from asuka.evaluation.chunk import read_arrays
from asuka.evaluation.edit_table import KNOWN, WAYS, Arrays, Edits, rows_csv, table_md
from asuka.evaluation.edit_work import SHOWN, Work, pictures_of
from asuka.evaluation.edits import EDITS, MEASURES, Courses
from asuka.evaluation.provenance import digest
from asuka.evaluation.sheets import sheet
from asuka.figure import CURVES, curves, legend, plain_axes, write
from asuka.image import save
from asuka.metrics.perceptual import distance
from asuka.terminal import composed
from asuka.training.machine import device

SIGNED = {"excess_seam_de"}  # what may lie below 0
ROWS = "rows"  # what a method's folder has as soon as it is measured


def repeat(options: argparse.Namespace) -> None:
    """All of it, as the script's page of help says."""
    quiet_libraries()
    register()
    configs = {name: _config(words, options) for name, words in _named(options.methods).items()}
    if options.batch < 1:
        raise InputError(f"--batch {options.batch}: every edit takes a photograph; give 1 or more")
    data = Synthetic(size=options.size) if options.photos == "synthetic" else Folder(options.photos, size=options.size)
    courses = Courses(data.pairs(option("masks", options.masks), EDITS, options.seed), options.count)
    found, digests = _worked(configs, courses, options)
    edits = Edits(courses.names, {name: _stacked(arrays) for name, arrays in found.items()}, options.seed)
    words = [f"{options.size} x {options.size} pixels", f"masks={options.masks}", f"seed {options.seed}"]
    words += [f"lpips in {options.net}", *(f"{name} {one}" for name, one in digests.items())]
    text = table_md(edits, words)
    write_file(options.out / "rows.csv", rows_csv(edits))
    write_file(options.out / "table.md", text)
    write(drawn(edits), options.out / "edits.png")
    save(pictures(courses, found), options.out / "sheet.png")
    print(f"{text}\n{options.out}: table.md, rows.csv, edits.png, sheet.png")


def _worked(
    configs: dict[str, DictConfig], courses: Courses, options: argparse.Namespace
) -> tuple[dict[str, list[Arrays]], dict[str, str]]:
    """What each method left on each photograph, and the hashes of the methods' weights."""
    place = device("auto")
    lpips = distance(options.net, place)
    found, digests = {}, {}
    with tqdm(total=len(configs) * len(courses), unit="photograph") as bar:
        for name, config in configs.items():
            folder, method = options.out / name, build(config.method)
            digests[name] = digest(method)
            guard(folder, _identity(config, options), ROWS)
            guard_parts(folder, {name: digests[name]}, ROWS)
            work = Work(method.to(place).eval(), courses, folder / ROWS, lpips, place, options.batch)
            found[name] = [read_arrays(file) for file in work.run(bar)]
            del method, work  # before the next one is in memory too
    return found, digests


def drawn(edits: Edits) -> Figure:
    """edits.png: a row for each way of pasting, a panel for each measure, a curve for each method."""
    figure = Figure(figsize=(3 * len(MEASURES), 3 * len(WAYS) + 0.6))
    panels = figure.subplots(len(WAYS), len(MEASURES), squeeze=False)
    figure.subplots_adjust(left=0.04, right=0.99, top=0.85, bottom=0.08, wspace=0.25, hspace=0.45)
    x = np.arange(1, edits.count + 1)
    for line, paste in zip(panels, WAYS, strict=True):
        for axes, measure in zip(line, MEASURES, strict=True):
            plain_axes(axes, f"{measure}, paste {paste}", "edits", "")
            curves(axes, x, {name: _band(edits, name, f"{paste}/{measure}") for name in edits.methods})
            axes.set_xticks(x.tolist())
            if measure not in SIGNED:
                axes.set_ylim(bottom=0)
    title = f"Means over {len(edits.names)} photographs, with 95 % intervals; less is better"
    legend(figure, panels[0, 0], title)
    return figure


def _band(edits: Edits, method: str, key: str) -> np.ndarray:
    """Lower end, mean and upper end (3, K); nan after edits that leave no such number."""
    numbers = edits.numbers(method, key)
    return np.array([[number.get(word, np.nan) for number in numbers] for word in ("low", "value", "high")])


def pictures(courses: Courses, found: dict[str, list[Arrays]]) -> Image.Image:
    """sheet.png: of the first photographs a row for each method and way of pasting, a column for each edit."""
    heads = ("photograph", *(f"after edit {edit}" for edit in range(1, EDITS + 1)))
    shown = range(min(SHOWN, len(courses)))
    lines = [
        (f"{courses.names[place]}   {name}   paste {way}", [courses[place].image, *arrays[place][pictures_of(way)]])
        for place in shown
        for way in WAYS
        for name, arrays in found.items()
    ]
    return sheet(heads, lines)


def _stacked(arrays: list[Arrays]) -> Arrays:
    """The numbers of all photographs under their keys."""
    keys = [KNOWN, *(f"{way}/{measure}" for way in WAYS for measure in MEASURES)]
    return {key: np.stack([one[key] for one in arrays]) for key in keys}


def _named(given: list[str]) -> dict[str, list[str]]:
    """NAME=WORDS or NAME alone, as the words that make the method: an option of conf/method, then arguments."""
    methods = {}
    for one in given:
        name, _, words = one.partition("=")
        if not re.fullmatch(r"[\w.-]+", name) or name in methods:
            raise InputError(
                f"--methods {one}: give NAME or NAME='METHOD more words', each name once and fit for a folder"
            )
        methods[name] = shlex.split(words) or [name]
    if len(methods) > len(CURVES):
        raise InputError(f"--methods: {len(methods)} of them, and the figure tells {len(CURVES)} apart; give fewer")
    return methods


def _config(words: list[str], options: argparse.Namespace) -> DictConfig:
    """The configuration of a method, checked; where its own words and the shared ones disagree, its own hold."""
    method, *more = words
    shared = [f"method={method}", f"base.weights={options.base}", f"seed={options.seed}", f"run_dir={options.out}"]
    config = composed("evaluate", [*shared, *more])
    if "steps" in config.method and not any(word.startswith("method.steps=") for word in more):
        config = composed("evaluate", [*shared, f"method.steps={options.steps}", *more])
    check(config)
    return config


def _identity(config: DictConfig, options: argparse.Namespace) -> DictConfig:
    """All that the numbers of a method depend on, but for photographs and holes, which name their files."""
    return OmegaConf.create({"method": OmegaConf.to_container(config.method), "net": options.net})
