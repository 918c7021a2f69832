"""What scripts/compare_decoders.py does."""

import argparse
import csv
import io
from collections.abc import Callable

import torch
from torch import Tensor
from tqdm import tqdm

from asuka.batch import Batch
from asuka.condition import Empty
from asuka.decode import Plain
from asuka.diffusion.base import LatentDiffusion
from asuka.diffusion.samplers import Concat
from asuka.disk import write_file
from asuka.errors import InputError
from asuka.image import grid, paste, save
from asuka.methods.diffusion import DiffusionInpainter
from asuka.metrics.perceptual import perceptual
from asuka.metrics.pixel import hole_psnr, psnr
from asuka.metrics.seam import colour_shift, excess_seam_de, known_shift, preservation
from asuka.registry import fingerprint, locate
from asuka.training.log import half_width
from asuka.trial import Trial, begin

Rows = Callable[[Tensor, Tensor, Tensor], Tensor]  # (truth, mask, result) -> (B,)
Line = dict[str, str | float]  # one of rows.csv

PLAIN = "plain"
SHOWN = 12  # pictures in the grid
# What is measured of the raw decode and, by the kind of its latents, of the composite.
RAW: dict[str, Rows] = {
    "known_shift": known_shift,
    "known_max": lambda truth, mask, result: preservation(truth, mask, result)[:, 0],
    "known_mean": lambda truth, mask, result: preservation(truth, mask, result)[:, 1],
}
PASTED: dict[str, dict[str, Rows]] = {
    "real": {"colour_shift": colour_shift, "hole_psnr": hole_psnr, "psnr": psnr},
    "sd": {"excess_seam_de": excess_seam_de, "psnr": psnr},
}
TITLES = {"real": "Real latents: the truth, encoded", "sd": "Generated latents: sampled without a prompt"}
ARROWS = {"psnr": "↑", "hole_psnr": "↑"}  # of all others, less is better
DIGITS = {"lpips": 4}  # after the point; of all others 2
UNITS = "Shifts and seams are dE76, known_max and known_mean levels of 255, psnr dB"


def compare(options: argparse.Namespace) -> None:
    """All of it, as the script's page of help says."""
    folders = _named(options.decoders)
    distance = perceptual(options.net)
    trial = begin(options, options.photos, folders)
    lines, columns = measured(trial, distance, options.steps, options.seed)
    hashes = {name: fingerprint(locate(folder, "decoder")) for name, folder in folders.items()}
    words = [f"{options.size} x {options.size} pixels", f"masks={options.masks}", f"seed {options.seed}"]
    words += [f"{options.steps} steps", f"lpips in {options.net}", f"base {trial.base.fingerprint}"]
    text = table(lines, [*words, *(f"{name} {digest}" for name, digest in hashes.items())])
    write_file(options.out / "rows.csv", _csv(lines))
    write_file(options.out / "table.md", text)
    save(grid(columns), options.out / "grid.png")
    print(f"{text}\n{options.out}: table.md, rows.csv, grid.png")


@torch.no_grad()
def measured(
    trial: Trial, distance: torch.nn.Module, steps: int, seed: int
) -> tuple[list[Line], dict[str, list[Tensor]]]:
    """Every line of rows.csv, and the grid's columns."""
    decoders = {PLAIN: Plain(), **trial.decoders}
    distance = distance.to(trial.batches[0].image.device)
    lines: list[Line] = []
    columns: dict[str, list[Tensor]] = {}
    with tqdm(total=sum(map(len, trial.batches)), unit="picture") as bar:
        for batch in trial.batches:
            blind = batch.blind()
            latents = {"real": trial.base.encode(batch.image), "sd": generated(trial.base, blind, steps, seed)}
            for kind, values in latents.items():
                raw = {row: decode(trial.base, values, blind).clamp(-1, 1) for row, decode in decoders.items()}
                pasted = {row: paste(batch.image, batch.mask, picture) for row, picture in raw.items()}
                for row in decoders:
                    lines += _lines(batch, kind, row, _numbers(batch, kind, raw[row], pasted[row], distance))
            # Of the latents that came last, the generated ones.
            pictures = {"truth": batch.image, "masked": blind.image}
            pictures |= {f"{row}, raw": picture for row, picture in raw.items()}
            pictures |= {f"{row}, pasted": picture for row, picture in pasted.items()}
            for name, picture in pictures.items():
                column = columns.setdefault(name, [])
                column.extend(picture[: SHOWN - len(column)])
            bar.update(len(batch))
    return lines, columns


def generated(base: LatentDiffusion, blind: Batch, steps: int, seed: int) -> Tensor:
    """The latents of the method `sd`, before any decoding."""
    return DiffusionInpainter(base, Empty(), Concat(), Plain(), steps, seed, 1.0).latents(blind)


def table(lines: list[Line], words: list[str]) -> str:
    """rows.csv's lines as Markdown: for each kind of latents the means, then what each row differs from `plain`."""
    names = list(dict.fromkeys(line["row"] for line in lines))
    count = len({line["name"] for line in lines})
    parts = [
        f"{count} pictures with a hole each; {', '.join(words)}. Means with 95 % intervals over pictures. {UNITS}."
    ]
    for kind, title in TITLES.items():
        measures = [*RAW, *PASTED[kind], "lpips"]
        rows = {f"{measure}/{name}": _column(lines, kind, name, measure) for measure in measures for name in names}
        body = [["", *(f"{measure} {ARROWS.get(measure, '↓')}" for measure in measures)]]
        body.append(["---", *("---:" for _ in measures)])
        body += [[name, *(_cell(rows[f"{measure}/{name}"], measure) for measure in measures)] for name in names]
        for name in names[1:]:
            pairs = [[rows[f"{measure}/{row}"] for row in (name, PLAIN)] for measure in measures]
            cells = [
                _cell(values - plain, measure, "+") for measure, (values, plain) in zip(measures, pairs, strict=True)
            ]
            body.append([f"{name} - {PLAIN}", *cells])
        parts += [f"**{title}**", "\n".join(f"| {' | '.join(row)} |" for row in body)]
    return "\n\n".join(parts) + "\n"


def _cell(values: Tensor, measure: str, sign: str = "-") -> str:
    """Mean and half width of a column (N,), or of its differences, whose `sign` is always shown."""
    digits = DIGITS.get(measure, 2)
    return f"{values.mean():{sign}.{digits}f} ± {half_width(values):.{digits}f}"


def _numbers(batch: Batch, kind: str, raw: Tensor, pasted: Tensor, distance: torch.nn.Module) -> dict[str, Tensor]:
    """Every measure (B,) of some decoded pictures."""
    truth, mask = batch.image, batch.mask
    numbers = {name: rows(truth, mask, raw) for name, rows in RAW.items()}
    numbers |= {name: rows(truth, mask, pasted) for name, rows in PASTED[kind].items()}
    return numbers | {"lpips": distance(pasted, truth)}


def _lines(batch: Batch, kind: str, row: str, numbers: dict[str, Tensor]) -> list[Line]:
    shares = batch.mask.flatten(1).mean(1).tolist()
    values = {measure: column.tolist() for measure, column in numbers.items()}
    return [
        {"name": name, "latents": kind, "row": row, "hole": shares[place]}
        | {measure: column[place] for measure, column in values.items()}
        for place, name in enumerate(batch.name)
    ]


def _column(lines: list[Line], kind: str, row: str, measure: str) -> Tensor:
    return torch.tensor([line[measure] for line in lines if (line["latents"], line["row"]) == (kind, row)]).double()


def _csv(lines: list[Line]) -> str:
    """The lines with a header; empty where a measure has no meaning for a kind of latents."""
    heads = list(dict.fromkeys(head for line in lines for head in line))
    text = io.StringIO()
    writer = csv.DictWriter(text, heads, restval="", lineterminator="\n")
    writer.writeheader()
    for line in lines:
        writer.writerow({head: f"{value:.6g}" if isinstance(value, float) else value for head, value in line.items()})
    return text.getvalue()


def _named(words: list[str]) -> dict[str, str]:
    """NAME=DIR words as a dictionary."""
    folders = {}
    for word in words:
        name, _, folder = word.partition("=")
        if not name or not folder or name in (PLAIN, *folders):
            raise InputError(f"--decoders {word}: give NAME=DIR, each name once and none of them `{PLAIN}`")
        folders[name] = folder
    return folders
