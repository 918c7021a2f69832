"""The numbers a run prints: paired intervals with known answers, and lines that survive a kill."""

import json
from pathlib import Path

import pytest
import torch
from accelerate import Accelerator

from asuka.training.knobs import LoopConfig
from asuka.training.log import Log, intervals, table_text
from asuka.training.loop import schedule
from asuka.training.report import Report


def test_paired_differences_have_their_known_answer() -> None:
    own = torch.tensor([1.0, 2.0, 3.0, 4.0])
    table = intervals({"prior/own": own, "prior/null": own + torch.tensor([0.1, 0.3, 0.1, 0.3]), "loss": own})
    assert "difference" not in table["prior/own"] and "difference" not in table["loss"]
    null = table["prior/null"]
    assert null["than"] == "prior/own"
    assert null["difference"] == pytest.approx(0.2)
    assert null["half_width"] == pytest.approx(1.96 * 0.2 / 3**0.5 / 2)
    assert "+0.20000 +- 0.11316 than prior/own" in table_text(table)


def test_lines_that_come_again_are_taken_out(tmp_path: Path) -> None:
    log = Log(tmp_path, 0)
    for step in (1, 2, 3):
        log.write(step, loss=0.5)
    log.write(3, validation={})
    with open(tmp_path / "stats.jsonl", "a") as file:
        file.write('{"step": 4, "lo')  # cut short by a kill
    Log(tmp_path, 2)
    rows = [json.loads(line) for line in (tmp_path / "stats.jsonl").read_text().splitlines()]
    assert rows == [{"step": 1, "loss": 0.5}, {"step": 2, "loss": 0.5}]


def test_the_learning_rate_is_a_function_of_the_step() -> None:
    loop = LoopConfig(steps=110, warmup=10, final=0.1)
    assert schedule(5, loop) == 0.5
    assert schedule(10, loop) == 1
    assert schedule(60, loop) == pytest.approx(0.55)
    assert schedule(110, loop) == pytest.approx(0.1)


def test_the_line_of_the_bar_has_the_rates_of_step_and_loader(tmp_path: Path) -> None:
    report = Report(Accelerator(cpu=True), torch.nn.Linear(1, 1), None, None, [], tmp_path, together=False)
    report.begin(0, LoopConfig())
    for _ in range(2):
        # 40 pictures in 2 s, half of it waited for; two workers side by side made this process's share in 0.5 s.
        report.step(1, {"loss": torch.tensor(0.25)}, 40, 1.0, 2.0, 0.5)
    assert report.log(1, 0.1) == "loss 0.2500, 20 images/s (loader: 80), 50% waiting for data"
    row = json.loads((tmp_path / "stats.jsonl").read_text().splitlines()[-1])
    assert (row["images_per_s"], row["loader_images_per_s"], row["waiting"]) == (20, 80, 0.5)
