"""The recipes of real size: every value says where it is from, and each takes a step on toy parts."""

import json
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from conftest import arguments, composed, weights
from PIL import Image

from asuka.config import CONF
from asuka.diffusion import sd15
from asuka.train import train

RECIPES = sorted(Path(CONF, "experiment").glob("paper_*.yaml"))
by_recipe = pytest.mark.parametrize("file", RECIPES, ids=lambda file: file.stem)
SOURCES = ("paper", "release", "our choice")
# What else a recipe needs to be small; none may fetch weights.
SMALLER = {"paper_decoder": ["stage.distance=lite"]}


def test_there_is_one_for_each_trained_part() -> None:
    assert [file.stem for file in RECIPES] == ["paper_align", "paper_decoder", "paper_mae", "paper_prompt"]


@by_recipe
def test_every_value_says_where_it_is_from(file: Path) -> None:
    shown = yaml.safe_load(file.read_text())
    values = sum(len(shown[place]) for place in ("data", "stage", "loop"))
    marked = [line for line in file.read_text().splitlines() if line.startswith("  ")]
    assert len(marked) == values
    for line in marked:
        assert line.partition("  # ")[2].startswith(SOURCES), line


@by_recipe
def test_a_recipe_takes_one_step(file: Path, toy: Path, tmp_path: Path) -> None:
    for number in range(40):
        pixels = np.random.default_rng(number).integers(0, 256, (40, 50, 3), dtype=np.uint8)
        (tmp_path / "photos").mkdir(exist_ok=True)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{number}.png")
    stage = file.stem.removeprefix("paper_")
    small = [word for word in arguments(stage, toy, tmp_path / "run", "loop.steps=1") if not word.startswith("stage=")]
    small += [f"experiment={file.stem}", f"data.root={tmp_path}/photos", "data.size=128", "data.dev=0.3"]
    train(composed("train", *small, "loop.device=cpu", *SMALLER.get(file.stem, [])))
    rows = [json.loads(line) for line in (tmp_path / "run" / "stats.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [1]
    assert all(value.isfinite().all() for value in weights(tmp_path / "run").values())


def test_the_counted_networks_are_the_true_ones() -> None:
    with torch.device("meta"):
        counts = [sum(value.numel() for value in part().parameters()) for part in (lambda: sd15.unet(9), sd15.vae)]
    # Those of the published checkpoints: the U-Net's 859,520,964 and five input channels more.
    assert counts == [859_520_964 + 5 * 320 * 9, 83_653_863]
