"""What a scheduler does: SIGTERM or SIGUSR1; a saved run, an exit code that asks for more, the same command again."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import torch
from conftest import ROOT, arguments, composed, weights

import asuka.data.stream
from asuka.errors import StoppedError
from asuka.terminal import AGAIN, spoken
from asuka.train import train
from asuka.training.signals import GRACE, StopRequest

BOTH = pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1], ids=lambda number: number.name)


def same(first: Path, second: Path) -> bool:
    """Whether two runs ended with the same weights, bit for bit."""
    one, two = weights(first), weights(second)
    return bool(one) and one.keys() == two.keys() and all(torch.equal(one[name], two[name]) for name in one)


@BOTH
def test_the_step_is_ended_and_saved_and_the_same_command_goes_on(
    number: int, toy: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    words = arguments("mae", toy, broken, "loop.save_every=100")
    train(composed("train", *arguments("mae", toy, whole)))
    item, before = asuka.data.stream.Visits.__getitem__, signal.getsignal(number)

    def signalled(self: asuka.data.stream.Visits, visit: int) -> object:
        if visit == 2 * 4:  # in step 3
            signal.raise_signal(number)
        return item(self, visit)

    with monkeypatch.context() as patch:
        patch.setattr(asuka.data.stream.Visits, "__getitem__", signalled)
        with pytest.raises(StoppedError, match="broken: stopped by a signal, saved at step 3 of 6; the same command"):
            train(composed("train", *words))
    assert signal.getsignal(number) == before
    assert (broken / "curves.png").exists() and (broken / "weights").exists()
    train(composed("train", *words))
    assert same(whole, broken)
    rows = [json.loads(line) for line in (broken / "stats.jsonl").read_text().splitlines()]
    assert [row["step"] for row in rows if "loss" in row] == [1, 2, 3, 4, 5, 6]


def test_the_exit_code_asks_for_the_same_command(capsys: pytest.CaptureFixture[str]) -> None:
    def stopping(_: object) -> None:
        raise StoppedError("runs/mae: stopped")

    with pytest.raises(SystemExit) as stopped:
        spoken(stopping)(composed("train"))
    assert stopped.value.code == AGAIN == os.EX_TEMPFAIL
    assert capsys.readouterr().err == "runs/mae: stopped\n"


@BOTH
@pytest.mark.parametrize("pause", [0.0, 2 * GRACE])
def test_the_same_request_may_come_twice_and_a_second_one_ends_at_once(
    number: int, pause: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    times = iter([100.0, 100.0 + pause])
    monkeypatch.setattr(time, "monotonic", lambda: next(times))
    child = os.fork()
    if child == 0:
        with StopRequest() as request:
            signal.raise_signal(number)
            signal.raise_signal(number)
            os._exit(0 if request.flag(torch.device("cpu")) == 1 else 1)
    status = os.waitpid(child, 0)[1]
    if pause:
        assert os.WTERMSIG(status) == number
    else:
        assert os.WIFEXITED(status) and os.WEXITSTATUS(status) == 0


def launch(words: list[str], processes: int) -> subprocess.Popen:
    """A command in a process group of its own, in so many processes."""
    launcher = ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", str(processes)]
    command = [sys.executable, *(launcher if processes > 1 else []), "-m", "asuka.train", *words]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    pipe = subprocess.PIPE
    return subprocess.Popen(command, cwd=ROOT, env=environment, stderr=pipe, text=True, start_new_session=True)


def wait_for_step(run_dir: Path, step: int, process: subprocess.Popen) -> None:
    while not (run_dir / "stats.jsonl").exists() or f'"step": {step},' not in (run_dir / "stats.jsonl").read_text():
        assert process.poll() is None, process.stderr.read()
        time.sleep(0.05)


def long_run(toy: Path, run_dir: Path) -> list[str]:
    more = "steps=400 workers=2 precision=no save_every=1000 device=cpu"
    return arguments("mae", toy, run_dir, *(f"loop.{knob}" for knob in more.split()))


@pytest.mark.slow
def test_a_signal_to_every_process_of_a_command_leaves_the_workers_alive(toy: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert launch(long_run(toy, whole), 1).wait() == 0
    for number, step in ((signal.SIGTERM, 3), (signal.SIGUSR1, 60)):
        process = launch(long_run(toy, broken), 1)
        wait_for_step(broken, step, process)
        os.killpg(process.pid, number)
        said = process.communicate()[1]
        assert process.returncode == AGAIN, said
        assert "Traceback" not in said
        assert said.splitlines()[-1].endswith("the same command goes on from there")
    assert launch(long_run(toy, broken), 1).wait() == 0
    assert same(whole, broken)


@pytest.mark.slow
def test_one_of_two_processes_is_asked_and_both_leave_after_the_same_step(toy: Path, tmp_path: Path) -> None:
    whole, broken = tmp_path / "whole", tmp_path / "broken"
    assert launch(long_run(toy, whole), 2).wait() == 0
    process = launch(long_run(toy, broken), 2)
    wait_for_step(broken, 3, process)
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    ranks = {child: Path(f"/proc/{child}/environ").read_bytes().split(b"\0") for child in children}
    second = next(child for child, words in ranks.items() if b"RANK=1" in words)
    os.kill(int(second), signal.SIGUSR1)
    said = process.communicate()[1]
    assert process.returncode != 0
    assert said.count("stopped by a signal, saved at step") == 1
    process = launch(long_run(toy, broken), 2)
    wait_for_step(broken, 200, process)
    os.kill(process.pid, signal.SIGTERM)  # the launcher passes it on
    assert "stopped by a signal, saved at step" in process.communicate()[1]
    assert launch(long_run(toy, broken), 2).wait() == 0
    assert same(whole, broken)
