"""Promises of every stage: the same command resumes exactly, only what it trains changes, losses stay per image."""

import json
import shutil
from pathlib import Path

import pytest
import torch
from accelerate.state import AcceleratorState
from conftest import SMALL, STAGES, arguments, composed, weights
from safetensors.torch import load_file, save_file

import asuka.data.stream
from asuka.batch import Batch
from asuka.config import build
from asuka.data.ledger import Ledger
from asuka.data.stream import Fixed, fixed_batches
from asuka.errors import InputError
from asuka.stages.base import _others
from asuka.train import train
from asuka.window import resize


def test_every_stage_has_a_toy_size() -> None:
    assert set(SMALL) == set(STAGES)


class KilledError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("distinct", [0, 8])
@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_run_resumes_bit_for_bit(
    stage: str, distinct: int, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    more = f"loop.distinct={distinct}"
    train(composed("train", *arguments(stage, toy, whole, more)))

    item = asuka.data.stream.Visits.__getitem__

    def dying(self: asuka.data.stream.Visits, visit: int) -> object:
        if visit >= 5 * 4:  # in step 6, when step 4 is saved and step 5 is not
            raise KilledError
        return item(self, visit)

    with monkeypatch.context() as patch:
        patch.setattr(asuka.data.stream.Visits, "__getitem__", dying)
        with pytest.raises(KilledError):
            train(composed("train", *arguments(stage, toy, broken, more)))
    assert (broken / "checkpoint.pt").exists()
    train(composed("train", *arguments(stage, toy, broken, more)))

    first, second = weights(whole), weights(broken)
    assert first.keys() == second.keys() and first
    for name in first:
        assert torch.equal(first[name], second[name]), name
    for file in (whole / "weights").rglob("*.json"):
        assert file.read_text() == (broken / file.relative_to(whole)).read_text(), file.name
    lines = [[json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()] for run in (whole, broken)]
    losses = [[(row["step"], row["loss"]) for row in rows if "loss" in row] for rows in lines]
    assert losses[0] == losses[1]
    assert [step for step, _ in losses[0]] == [1, 2, 3, 4, 5, 6]


@pytest.mark.parametrize("stage", STAGES)
def test_accumulation_changes_nothing(stage: str, toy: Path, tmp_path: Path) -> None:
    losses = []
    for pieces in (1, 2):
        AcceleratorState._reset_state(reset_partial_state=True)
        run = tmp_path / str(pieces)
        train(composed("train", *arguments(stage, toy, run, f"loop.accumulate={pieces}", "loop.precision=no")))
        rows = [json.loads(line) for line in (run / "stats.jsonl").read_text().splitlines()]
        losses.append([row["loss"] for row in rows if "loss" in row])
    assert losses[0] == pytest.approx(losses[1], abs=1e-4)


def stage_and_batch(name: str, toy: Path, tmp_path: Path) -> tuple[torch.nn.Module, Batch]:
    config = composed("train", *arguments(name, toy, tmp_path))
    torch.manual_seed(0)
    stage = build(config.stage)
    data = build(config.data)
    ledger = Ledger(tmp_path / "unreadable.jsonl", print)
    return stage, fixed_batches(Fixed(data.val, build(config.masks), 0), 4, 4, 0, ledger)[0]


@pytest.mark.parametrize("name", STAGES)
def test_only_what_is_trained_has_gradients(name: str, toy: Path, tmp_path: Path) -> None:
    stage, batch = stage_and_batch(name, toy, tmp_path)
    stage(batch, 0.5)["loss"].sum().backward()
    trained = {id(value) for value in stage.trained.parameters()}
    reached = {id(value) for value in stage.parameters() if value.grad is not None and value.grad.abs().sum() > 0}
    assert reached and reached <= trained
    assert all(not value.requires_grad for value in stage.parameters() if id(value) not in trained)


@pytest.mark.parametrize("name", STAGES)
def test_losses_belong_to_images(name: str, toy: Path, tmp_path: Path) -> None:
    stage, batch = stage_and_batch(name, toy, tmp_path)
    with torch.no_grad():
        together = stage(batch, 0.5)["loss"]
        alone = [stage(one, 0.5)["loss"] for one in singles(batch)]
    assert together.shape == (4,)
    assert torch.allclose(together, torch.cat(alone), atol=2e-4)


@pytest.mark.parametrize("name", STAGES)
def test_validation_repeats_itself(name: str, toy: Path, tmp_path: Path) -> None:
    stage, batch = stage_and_batch(name, toy, tmp_path)
    first, second = stage.validate([batch]), stage.validate([batch])
    for key, row in first.items():
        assert row.shape == (4,) and torch.isfinite(row).all()
        assert torch.equal(row, second[key])


def test_a_loss_that_is_no_number_stops_the_run(toy: Path, tmp_path: Path) -> None:
    run = arguments("mae", toy, tmp_path, "loop.lr=1e30", "loop.clip=1e30", "loop.warmup=0", "loop.precision=no")
    with pytest.raises(InputError, match=r"step \d: a loss is not finite: .*lower loop.lr"):
        train(composed("train", *run))


def test_another_configuration_is_refused(toy: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    train(composed("train", *arguments("mae", toy, tmp_path)))
    assert " GiB peak memory" in capsys.readouterr().out.splitlines()[-1]
    with pytest.raises(InputError, match=r"holds another run.*loop.lr: was 0.001, is 0.002"):
        train(composed("train", *arguments("mae", toy, tmp_path, "loop.lr=0.002")))


def test_other_weights_under_the_same_path_are_refused(toy: Path, tmp_path: Path) -> None:
    mae, run = tmp_path / "mae", tmp_path / "run"
    shutil.copytree(toy / "mae", mae)
    words = arguments("mae", toy, run, f"stage.init={mae}")
    train(composed("train", *words))
    file = mae / "diffusion_pytorch_model.safetensors"
    save_file({name: value + 1 for name, value in load_file(file).items()}, file, metadata={"format": "pt"})
    with pytest.raises(InputError, match="the run in .* was trained with mae weights"):
        train(composed("train", *words))


@pytest.mark.parametrize("size", [64, 256])
def test_the_target_stays_true_under_the_hole_at_any_size(size: int) -> None:
    image, mask = torch.full((1, 3, 128, 128), 0.5), torch.ones(1, 1, 128, 128)
    mask[..., :16] = 0
    small, hole = resize(image, mask, size)
    assert small.shape[-1] == size and torch.allclose(small, torch.tensor(0.5))
    assert hole.mean() == 1 - 16 / 128


def test_another_caption_is_another_one() -> None:
    captions = ("snow", "sand", "sand", "grass", "sand", "snow")
    others = _others(captions)
    assert all(other != own and other in captions for own, other in zip(captions, others, strict=True))
    assert _others(("snow", "snow")) == ("snow", "snow")


def test_the_whole_picture_is_shown_less_and_less(toy: Path, tmp_path: Path) -> None:
    stage, _ = stage_and_batch("align", toy, tmp_path)
    assert [stage.whole(progress) for progress in (0.0, 0.5, 1.0)] == pytest.approx([1.0, 0.55, 0.1])


def singles(batch: Batch) -> list[Batch]:
    return [
        Batch(batch.image[i : i + 1], batch.mask[i : i + 1], batch.name[i : i + 1], batch.caption[i : i + 1], (i,))
        for i in range(len(batch))
    ]
