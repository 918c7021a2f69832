"""What a run draws of itself, and what it tells a tracker."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT, arguments, composed
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

import asuka.data.stream
from asuka.errors import InputError
from asuka.train import train
from asuka.training.curves import curves, smoothed


def rows() -> list[dict]:
    """Ten steps of two losses, and two validations of three means in two groups."""
    table = {"prior/own": {"mean": 1.0}, "prior/null": {"mean": 2.0}, "psnr": {"mean": 20.0}}
    steps = [{"step": step, "loss": 1 / step, "l1": 1.0, "lr": 0.1, "images_per_s": 9.0} for step in range(1, 11)]
    checks = [{"step": step, "validation": table} for step in (5, 10)]
    return [{"step": 0, "processes": 1}, *steps[:5], checks[0], *steps[5:], checks[1]]


def test_a_smoothed_curve_has_its_known_answer() -> None:
    assert smoothed([1.0, 2.0, 6.0, 3.0], 1).tolist() == [1, 2, 6, 3]
    assert smoothed([1.0, 2.0, 6.0, 3.0], 3).tolist() == pytest.approx([1.5, 3, 11 / 3, 4.5])
    assert smoothed([4.0] * 50, 7).tolist() == pytest.approx([4.0] * 50)


def test_every_loss_every_group_and_the_learning_rate_have_a_panel() -> None:
    panels = curves(rows()).axes
    names = ["loss", "l1", "validation: prior", "validation: psnr", "learning rate"]
    assert [axes.get_title(loc="left") for axes in panels] == names
    lines = [[line.get_xydata().tolist() for line in axes.lines] for axes in panels]
    steps = range(1, 11)
    assert lines[0][0] == [[step, 1 / step] for step in steps]
    assert lines[1] == [[[step, 1] for step in steps]] * 2
    assert lines[2] == [[[5, 1], [10, 1]], [[5, 2], [10, 2]]]
    assert lines[3] == [[[5, 20], [10, 20]]]
    assert lines[4] == [[[step, 0.1] for step in steps]]


@pytest.mark.parametrize("some", [[], [{"step": 0, "processes": 1}], rows()[:2]])
def test_a_run_that_hardly_began_is_drawn_as_well(some: list[dict]) -> None:
    assert curves(some).axes


def test_a_run_that_fails_leaves_its_curves(toy: Path, tmp_path: Path) -> None:
    words = arguments("mae", toy, tmp_path, "loop.lr=1e30", "loop.clip=1e30", "loop.warmup=0", "loop.precision=no")
    with pytest.raises(InputError, match="not finite"):
        train(composed("train", *words))
    with Image.open(tmp_path / "curves.png") as picture:
        assert picture.width > 1000


class KilledError(Exception):
    """Stands for the end of the process."""


def test_tensorboard_shows_every_step_once_though_the_run_was_killed(
    toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    words = arguments("mae", toy, tmp_path, "loop.tracker=tensorboard", "loop.validate_every=2")
    item = asuka.data.stream.Visits.__getitem__

    def dying(self: asuka.data.stream.Visits, visit: int) -> object:
        if visit == 3 * 4:  # in step 4: step 3 is told already and comes again
            raise KilledError
        return item(self, visit)

    with monkeypatch.context() as patch:
        patch.setattr(asuka.data.stream.Visits, "__getitem__", dying)
        with pytest.raises(KilledError):
            train(composed("train", *words))
    train(composed("train", *words))
    told = EventAccumulator(str(tmp_path / "tensorboard" / "asuka")).Reload()
    written = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    for name in ("loss", "lr", "images_per_s"):
        seen = [(event.step, event.value) for event in told.Scalars(name)]
        assert seen == [(row["step"], pytest.approx(row[name])) for row in written if "loss" in row]
        assert [step for step, _ in seen] == [1, 2, 3, 4, 5, 6]
    means = [(row["step"], row["validation"]["hole_psnr"]["mean"]) for row in written if "validation" in row]
    assert [(event.step, pytest.approx(event.value)) for event in told.Scalars("validation/hole_psnr")] == means
    assert [step for step, _ in means] == [2, 4, 6]


@pytest.mark.slow
def test_weights_and_biases_goes_on_with_the_run_of_the_folder(toy: Path, tmp_path: Path) -> None:
    pytest.importorskip("wandb")
    words = arguments("mae", toy, tmp_path, "loop.tracker=wandb")
    for steps in (3, 6):
        command = [sys.executable, "-m", "asuka.train", *words, f"loop.steps={steps}"]
        done = subprocess.run(
            command, cwd=ROOT, env=os.environ | {"WANDB_MODE": "offline"}, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
    name = (tmp_path / "wandb_id").read_text()
    assert len(list((tmp_path / "wandb").glob(f"offline-run-*-{name}"))) == 2  # two pieces of one run
