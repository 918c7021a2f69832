"""Pictures that cannot be read: told once, by whoever meets them, and too many stop a run at one and the same step."""

import json
import multiprocessing
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from conftest import composed
from damaged import BAD, batches, data, folder_of, holed_folder, ledger, train_visits

from asuka.batch import Item, Unread
from asuka.data.folder import Folder
from asuka.data.mixed import Mixed
from asuka.data.stream import Visits, training_batches
from asuka.errors import InputError
from asuka.train import train


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("whole") / "photos", {})


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return holed_folder(tmp_path_factory.mktemp("holed") / "photos")


def test_workers_and_parts_pass_over_alike_and_tell_once(holed: Path, tmp_path: Path) -> None:
    visits, said = train_visits(holed), {}
    for workers in (0, 1, 2):
        (tmp_path / str(workers)).mkdir()
        said[workers] = []
        stream = batches(visits, ledger(tmp_path / str(workers), said[workers]), 12, workers)
        if workers == 0:
            alone = stream
        assert all(torch.equal(one.image, other.image) for one, other in zip(alone, stream, strict=True))
        assert [batch.name for batch in stream] == [batch.name for batch in alone]
        assert all(batch.seconds > 0 for batch in stream)
    bad = sorted(str(holed / f"{number:03d}.png") for number in BAD if f"{number:03d}.png" in visits.pictures.names)
    assert said[0] == said[1] == said[2]  # in the order of the visits, whoever met them
    assert sorted(line.split(": ")[1] for line in said[0]) == bad
    assert all(line.startswith("left out: ") for line in said[0])
    again = []
    for part in (0, 1):  # two processes of one run share the list
        stream = training_batches(visits, 0, 12, 8, 2, part, 1, 0, ledger(tmp_path, again))
        for (batch,), whole in zip(stream, alone, strict=True):
            assert torch.equal(batch.image, whole.image[4 * part : 4 * part + 4])
    assert sorted(again) == sorted(said[0])
    batches(visits, ledger(tmp_path, again), 12)  # and so does the same command, given again
    assert sorted(again) == sorted(said[0])


def test_the_list_has_every_path_as_it_is(tmp_path: Path) -> None:
    paths = ["a.png", 'say "no"\n\ttwice.png', "caf\udce9.png", "雪.png"]
    said = []
    ledger(tmp_path, said).take([Unread(path, "torn") for path in paths], 9)
    ledger(tmp_path, said).take([Unread(path, "torn again") for path in paths], 9)
    assert len(said) == 4
    rows = [json.loads(line) for line in (tmp_path / "unreadable.jsonl").read_text().splitlines()]
    assert rows == [{"path": path, "reason": "torn"} for path in paths]


def met_in_turn(place: tuple[Path, int]) -> list[str]:
    """What one of several processes said that meet the same pictures at the same time."""
    folder, start = place
    said = []
    mine = ledger(folder, said)
    for step in range(40):
        mine.take([Unread(f"{(start + step) % 40}.png", "torn")], 40)
    return said


def test_processes_that_meet_the_same_picture_tell_it_once(tmp_path: Path) -> None:
    with multiprocessing.get_context("fork").Pool(4) as pool:
        said = sum(pool.map(met_in_turn, [(tmp_path, start) for start in (0, 0, 1, 20)], chunksize=1), [])
    assert len(said) == len(set(said)) == 40
    assert len((tmp_path / "unreadable.jsonl").read_text().splitlines()) == 40


@pytest.mark.parametrize("workers", [0, 2])
def test_too_many_stop_at_a_step_that_depends_on_the_seed_alone(holed: Path, tmp_path: Path, workers: int) -> None:
    visits, said = train_visits(holed, max_bad=0.06), []  # 2 of 40
    passed = [
        {one.path for visit in range(8 * step, 8 * step + 8) for one in visits[visit].passed} for step in range(9)
    ]
    last = next(step for step in range(9) if len(set.union(*passed[: step + 1])) > 2)
    stream, seen = training_batches(visits, 0, 9, 8, 1, 0, 1, workers, ledger(tmp_path, said)), 0
    with pytest.raises(InputError) as caught:
        for _ in stream:
            seen += 1
    assert seen == last
    count, text = len(said), str(caught.value)
    assert text.startswith(f"pictures that cannot be read: {count}, where data.max_bad allows 2: {holed}/")
    assert text.endswith(
        f"mend or remove all that {tmp_path}/unreadable.jsonl lists, and that list, or raise data.max_bad"
    )
    with pytest.raises(InputError, match=f"{count}, where data.max_bad allows 2"):  # the same command, given again
        batches(visits, ledger(tmp_path, said), 9)
    assert len(said) == count
    assert len(batches(train_visits(holed, max_bad=0.1), ledger(tmp_path, said), 9)) == 9


@pytest.mark.parametrize(("max_bad", "allowed"), [(0.0, 0), (0.01, 0), (0.025, 1), (0.29, 11), (0.3, 12), (0.999, 39)])
def test_the_share_is_of_all_pictures(whole: Path, max_bad: float, allowed: int) -> None:
    assert data(whole, max_bad).train.allowed == data(whole, max_bad).val.allowed == allowed
    assert Mixed(whole, size=16, dev=0.3, max_bad=max_bad).train.allowed == allowed
    assert Folder(whole, val=whole, size=16, dev=0.0, max_bad=max_bad).train.allowed == int(80 * max_bad + 1e-9)


@pytest.mark.parametrize("max_bad", [-0.1, 1, 5])
def test_a_share_that_is_none_is_named(whole: Path, max_bad: float) -> None:
    with pytest.raises(InputError, match=f"data.max_bad={max_bad}: .* dev and max_bad from 0 to below 1"):
        data(whole, max_bad)


def arguments(root: Path, run_dir: Path, toy: Path, *more: str) -> list[str]:
    loop = "steps=6 batch=4 warmup=2 workers=0 save_every=2 preview_every=100 previews=2 validations=4 log_every=1"
    words = f"stage=mae stage.init={toy}/mae run_dir={run_dir} data=folder data.root={root} data.size=128 data.dev=0.3"
    return [*words.split(), *(f"loop.{knob}" for knob in loop.split()), *more]


class KilledError(Exception):
    """Stands for the end of the process."""


def test_a_training_tells_once_and_resumes_bit_for_bit(
    holed: Path, tmp_path: Path, toy: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def run(name: str, *more: str) -> list[str]:
        train(composed("train", *arguments(holed, tmp_path / name, toy, "data.max_bad=0.2", *more)))
        return told()

    def told() -> list[str]:
        return [line for line in capsys.readouterr().err.replace("\r", "\n").splitlines() if "left out: " in line]

    item = Visits.__getitem__

    def dying(self: Visits, visit: int) -> Item:
        if visit >= 5 * 4:
            raise KilledError
        return item(self, visit)

    alone = run("whole")
    assert len(alone) == len(set(alone)) >= 2
    with monkeypatch.context() as patch:
        patch.setattr(Visits, "__getitem__", dying)
        with pytest.raises(KilledError):
            run("broken")
    assert told() + run("broken") == alone
    weights = [tmp_path / name / "weights" / "diffusion_pytorch_model.safetensors" for name in ("whole", "broken")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    rows = [json.loads(line) for line in (tmp_path / "whole" / "stats.jsonl").read_text().splitlines()]
    assert all(row["loader_images_per_s"] > 0 for row in rows if "loss" in row)
    with pytest.raises(InputError, match="where data.max_bad allows 1"):
        run("whole", "loop.steps=12", "data.max_bad=0.03")  # still the same run: it sees the same pictures


@pytest.mark.slow
def test_two_processes_pass_over_what_one_does_and_tell_it_once(holed: Path, tmp_path: Path, toy: Path) -> None:
    words = arguments(holed, tmp_path / "run", toy, "data.max_bad=0.2", "loop.device=cpu", "loop.precision=no")
    names = ("single", "double")
    launchers = [[], ["-m", "torch.distributed.run", "--standalone", "--nproc_per_node", "2"]]
    environment = os.environ | {"ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
    told, losses = [], []
    for name, launcher in zip(names, launchers, strict=True):
        command = [sys.executable, *launcher, "-m", "asuka.train", *words, f"run_dir={tmp_path / name}"]
        cwd = Path(__file__).parents[1]
        ended = subprocess.run(command, cwd=cwd, env=environment, check=True, capture_output=True, text=True)
        told.append(sorted(re.findall(r"left out: \S+", ended.stderr)))
        rows = [json.loads(line) for line in (tmp_path / name / "stats.jsonl").read_text().splitlines()]
        assert rows[0]["processes"] == len(names[: names.index(name) + 1])
        losses.append([row["loss"] for row in rows if "loss" in row])
    assert told[0] == told[1] and len(told[0]) == len(set(told[0])) >= 2
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)
