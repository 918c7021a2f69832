"""Pictures that cannot be read: told once, passed over the same way by everyone, and a stop when they are too many."""

import io
import json
import multiprocessing
import os
import re
import struct
import subprocess
import sys
import zipfile
import zlib
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import composed
from PIL import Image

from asuka.batch import Batch, Item, Unread
from asuka.data.folder import Files, Folder
from asuka.data.ledger import Ledger
from asuka.data.masks import Strokes
from asuka.data.mixed import Mixed
from asuka.data.stream import Fixed, Visits, fixed_batches, training_batches
from asuka.errors import InputError
from asuka.image import MOST_BYTES, PictureError, to_tensor
from asuka.train import train

BAD = (3, 4, 11, 30)  # of 40; two of them one after the other


def encoded(seed: int, form: str = "PNG") -> bytes:
    cells = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(cells).resize((32, 24), Image.Resampling.NEAREST).save(file, form)
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


BROKEN = {
    "empty": (b"", "it is empty"),
    "text": (b"<html>not found</html>", "its first bytes are none of JPEG, PNG, WEBP,"),
    "truncated": (encoded(0)[: len(encoded(0)) // 2], "truncated"),
    "truncated JPEG": (encoded(0, "JPEG")[:-200], "truncated"),
    "huge": (bomb(60000, 60000), "3600000000 pixels"),
    "program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "its first bytes are none of"),
}


def folder_of(root: Path, bad: dict[int, bytes], count: int = 40) -> Path:
    root.mkdir()
    for number in range(count):
        (root / f"{number:03d}.png").write_bytes(bad.get(number, encoded(number)))
    return root


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("whole") / "photos", {})


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    kinds = list(BROKEN.values())
    bad = {number: kinds[place][0] for place, number in enumerate(BAD)}
    return folder_of(tmp_path_factory.mktemp("holed") / "photos", bad)


def data(root: Path, max_bad: float = 0.2) -> Folder:
    return Folder(root, size=16, dev=0.3, max_bad=max_bad)


def train_visits(root: Path, max_bad: float = 0.2) -> Visits:
    return Visits(data(root, max_bad).train, Strokes(), 5)


def equal(one: Item, other: Item) -> bool:
    return one[2:6] == other[2:6] and all(np.array_equal(a, b) for a, b in zip(one[:2], other[:2], strict=True))


def batches(visits: Visits, ledger: Ledger, steps: int, workers: int = 0) -> list[Batch]:
    return [batch for (batch,) in training_batches(visits, 0, steps, 8, 1, 0, 1, workers, ledger)]


def ledger(folder: Path, said: list[str]) -> Ledger:
    return Ledger(folder / "unreadable.jsonl", said.append)


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("zipped", [False, True])
def test_what_cannot_be_read_is_named_with_its_reason(kind: str, zipped: bool, tmp_path: Path) -> None:
    root, (data, reason) = tmp_path / "photos", BROKEN[kind]
    if zipped:
        with zipfile.ZipFile(root, "w") as file:
            file.writestr("bad.jpg", data)
    else:
        root.mkdir()
        (root / "bad.jpg").write_bytes(data)
    with pytest.raises(PictureError) as caught:
        Files(root).open("bad.jpg")
    start, end = f"{root}/bad.jpg: cannot be read as a picture (", "); mend or remove this file"
    text = str(caught.value)
    assert text.startswith(start) and text.endswith(end) and reason in text
    assert "\n" not in text and "0x" not in text  # no address: the same words in every process


def test_a_member_that_unpacks_to_too_much_is_not_unpacked(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w", zipfile.ZIP_DEFLATED) as file:
        file.writestr("bad.png", b"0" * 100)
        file.infolist()[0].file_size = MOST_BYTES + 1  # what the table of contents will say
    with pytest.raises(PictureError, match="photos.zip/bad.png: .*1024 MiB"):
        Files(tmp_path / "photos.zip").open("bad.png")


def test_a_damaged_zip_is_named(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        file.writestr("a.png", encoded(0))
        file.writestr("b.png", encoded(1))
    packed = bytearray((tmp_path / "photos.zip").read_bytes())
    packed[packed.index(b"IDAT") + 9] ^= 255
    (tmp_path / "photos.zip").write_bytes(packed)
    with pytest.raises(PictureError, match="photos.zip/a.png: .*Bad CRC-32"):
        Files(tmp_path / "photos.zip").open("a.png")
    assert Files(tmp_path / "photos.zip").open("b.png").size == (32, 24)
    packed[packed.index(b"PK\x01\x02")] ^= 255
    (tmp_path / "other.zip").write_bytes(packed)
    with pytest.raises(InputError, match="other.zip: cannot be read as a zip file .*; copy or pack it again"):
        Files(tmp_path / "other.zip")


def test_a_picture_that_is_not_there_any_more_stops_and_is_not_passed_over(whole: Path, tmp_path: Path) -> None:
    visits = train_visits(folder_of(tmp_path / "photos", {}))
    (tmp_path / "photos" / visits[7].name).unlink()
    with pytest.raises(InputError, match="no such file") as caught:
        visits[7]
    assert not isinstance(caught.value, PictureError)


def test_a_visit_passes_over_what_cannot_be_read_and_the_others_stay(whole: Path, holed: Path) -> None:
    visits, undamaged = train_visits(holed), train_visits(whole)
    bad, count = {f"{number:03d}.png" for number in BAD} & set(visits.pictures.names), len(visits.pictures)
    assert len(bad) >= 2
    walked = 0
    for visit in range(3 * count):
        item, meant = visits[visit], undamaged[visit]
        assert equal(item, visits[visit])
        assert item.name not in bad
        if meant.name not in bad:
            assert equal(item, meant) and not item.passed
            continue
        turn = visit // count * count
        following = [undamaged[turn + (visit + step) % count].name for step in range(count)]
        walked += following.index(item.name)
        assert [Path(one.path).name for one in item.passed] == following[: following.index(item.name)]
        assert set(following[: following.index(item.name)]) <= bad
        assert np.array_equal(item.mask, meant.mask) is (item.image.shape == meant.image.shape)
    assert walked >= 3 * len(bad)


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


@pytest.mark.parametrize(("count", "named", "workers"), [(30, "21", 1), (160, "100", 0)])
def test_where_nothing_can_be_read_the_first_visit_says_so(
    tmp_path: Path, count: int, named: str, workers: int
) -> None:
    root = folder_of(tmp_path / "photos", dict.fromkeys(range(count), b"none"), count)
    wanted = f"{named} in a row, the first {root}/.*none of JPEG.*; mend or remove what is no picture"
    with pytest.raises(InputError, match=wanted):
        batches(train_visits(root, 0.9), ledger(tmp_path, []), 1, workers)


@pytest.mark.parametrize("count", [5, 1000])
def test_validation_leaves_them_out_and_the_others_stay(whole: Path, holed: Path, tmp_path: Path, count: int) -> None:
    pictures, said = data(holed).train, []  # more of them than in the validation set
    bad, undamaged = {f"{number:03d}.png" for number in BAD}, Fixed(data(whole).train, Strokes(), 5)
    order = [visit for visit in range(len(pictures)) if undamaged[visit].name not in bad]
    held = fixed_batches(Fixed(pictures, Strokes(), 5), count, 4, 0, ledger(tmp_path, said))
    assert [visit for batch in held for visit in batch.visit] == order[:count]
    assert [len(batch) for batch in held[:-1]] == [4] * (len(held) - 1)
    for batch in held:
        for row, visit in enumerate(batch.visit):
            meant = undamaged[visit]
            assert batch.name[row] == meant.name
            assert torch.equal(batch.image[row], to_tensor(meant.image))
            assert np.array_equal(batch.mask[row, 0].numpy(), meant.mask)
    assert len(said) == len(set(said)) >= (count > 5)
    worked = fixed_batches(Fixed(pictures, Strokes(), 5), count, 4, 1, ledger(tmp_path, said))
    assert [batch.visit for batch in worked] == [batch.visit for batch in held]


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


@pytest.mark.skipif(sys.platform != "linux", reason="other systems keep such names from being made")
def test_a_name_that_is_no_text_is_a_name_like_others(tmp_path: Path) -> None:
    root = folder_of(tmp_path / "photos", {})
    (root / os.fsdecode(b"caf\xe9.png")).write_bytes(encoded(50))
    (root / os.fsdecode(b"cr\xe8me.png")).write_bytes(b"none")
    visits, said = train_visits(root), []
    items = [visits[visit] for visit in range(len(visits.pictures))]
    batches(visits, ledger(tmp_path, said), 6)
    batches(visits, ledger(tmp_path, said), 6)
    assert os.fsdecode(b"caf\xe9.png") in {item.name for item in items}
    assert len(said) == 1 and os.fsdecode(b"cr\xe8me.png") in said[0]


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
