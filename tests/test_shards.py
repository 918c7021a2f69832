"""Pictures out of tar shards: the very visits, losses and pairs of their folder, wherever the shards lie."""

import json
import tarfile
from argparse import Namespace
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
import webdataset
from conftest import composed
from damaged import encoded, holed_folder, ledger
from file_server import serve

from asuka.commands.make_shards import make
from asuka.config import build
from asuka.data import urls
from asuka.data.folder import Folder
from asuka.data.masks import Strokes
from asuka.data.shards import Shards
from asuka.data.stream import Fixed, Visits, training_batches
from asuka.data.webdataset import WebDataset
from asuka.errors import InputError
from asuka.image import PictureError
from asuka.train import train

COUNT = 24


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ASUKA_WEIGHTS", str(tmp_path / "cache"))
    monkeypatch.setattr(urls, "WAITS", (0.01,))
    return tmp_path / "cache" / "shards"


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pictures in three folders, some with captions, one with a name that no header of a tar holds."""
    root = tmp_path_factory.mktemp("sources") / "photos"
    for number in range(COUNT):
        place = root / f"part{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        (place / f"{number:03d}.{'png' if number % 2 else 'jpg'}").write_bytes(
            encoded(number, "PNG" if number % 2 else "JPEG")
        )
    (root / "part2" / f"café {'long' * 30}.png").write_bytes(encoded(99))
    (root / "part1" / "004.txt").write_text("a cat left of a tree\n")
    (root / "captions.csv").write_text('path,caption\npart0/000.jpg,"a red house, "\n')
    return root


@pytest.fixture(scope="module")
def shards(photos: Path) -> Path:
    """Three or more shards of them."""
    target = photos.parent / "shards"
    make(Namespace(root=photos, target=target, megabytes=0.012))
    assert len(list(target.glob("*.tar"))) >= 3
    return target


def webdata(root: object) -> WebDataset:
    return WebDataset(str(root), None, size=16, dev=0.3, zoom=0.7, max_bad=0.2)


def folder(root: Path) -> Folder:
    return Folder(str(root), size=16, dev=0.3, max_bad=0.2)


def visited(data: Folder | WebDataset) -> list[tuple]:
    """All of two passes and of the validation set, as bytes and words."""
    visits, fixed = Visits(data.train, Strokes(), 5), Fixed(data.val, Strokes(), 5)
    items = [visits[visit] for visit in range(2 * len(data.train))] + [fixed[visit] for visit in range(len(data.val))]
    return [(item.image.tobytes(), item.mask.tobytes(), *item[2:6]) for item in items]


def in_memory(shards: Path) -> str:
    store, place = fsspec.filesystem("memory"), f"memory://{shards.parent.name}"
    for file in shards.iterdir():
        store.pipe_file(f"{place}/{file.name}", file.read_bytes())
    return place


def places(shards: Path) -> dict[str, str]:
    last = len(list(shards.glob("*.tar"))) - 1
    pattern = f"/shards-{{000000..{last:06d}}}.tar"
    memory = in_memory(shards)
    return {"folder": f"{shards}", "pattern": f"{shards}{pattern}", "store": memory, "both": f"{memory}{pattern}"}


@pytest.mark.parametrize("place", ["folder", "pattern", "store", "both"])
def test_shards_give_what_their_folder_gives(place: str, photos: Path, shards: Path) -> None:
    data, plain = webdata(places(shards)[place]), folder(photos)
    assert data.train.names == plain.train.names and data.val.names == plain.val.names
    assert data.train.captions() == plain.train.captions() and sum(map(bool, data.train.captions())) >= 1
    assert visited(data) == visited(plain)
    holes = [one.pairs(Strokes(), 2, 0) for one in (data, plain)]
    for number in range(len(holes[0])):
        one, other = (made.take(number) for made in holes)
        assert (one.photo, one.hole, one.pair.name) == (other.photo, other.hole, other.pair.name)
        assert np.array_equal(one.pair.image, other.pair.image)


def test_workers_read_a_store_after_a_fork(photos: Path, shards: Path, tmp_path: Path) -> None:
    server, site = serve()
    try:
        site.files = {f"/{file.name}": file.read_bytes() for file in shards.iterdir()}
        last = len(list(shards.glob("*.tar"))) - 1
        data = webdata(f"{site.address}/shards-{{000000..{last:06d}}}.tar")
        streams = [
            [batch for (batch,) in training_batches(visits, 0, 4, 4, 1, 0, 1, workers, ledger(tmp_path, []))]
            for visits, workers in (
                (Visits(data.train, Strokes(), 5), 2),
                (Visits(folder(photos).train, Strokes(), 5), 0),
            )
        ]
        assert all(torch.equal(one.image, other.image) for one, other in zip(*streams, strict=True))
        name = data.train.names[0]
        site.asked.clear()
        data.train.files.open(name)
        assert len(site.asked) == 1 and site.asked[0][1].startswith("bytes=")  # one request for one picture
        site.ranges = False
        with pytest.raises(InputError, match="bytes where .* were asked for.*; copy it again, or take a server"):
            data.train.files.open(name)
    finally:
        server.shutdown()
    server.server_close()
    with pytest.raises(InputError, match=f"{site.address}/.*cannot be read .*; see that its store can be reached"):
        data.train.files.open(name)


def test_a_store_that_fails_once_is_asked_again(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    files, kind, failures = Shards(in_memory(shards)), type(fsspec.filesystem("memory")), []
    answer = kind.cat_file

    def failing(self: object, path: str, start: int | None = None, end: int | None = None) -> bytes:
        if not failures:
            failures.append(path)
            raise TimeoutError("no answer")
        return answer(self, path, start=start, end=end)

    monkeypatch.setattr(kind, "cat_file", failing)
    assert files.open(files.pictures[0]).size == (32, 24) and len(failures) == 1


def test_webdataset_reads_ours(photos: Path, shards: Path) -> None:
    files = [str(file) for file in sorted(shards.glob("*.tar"))]
    samples = list(webdataset.WebDataset(files, shardshuffle=False).decode("rgb8"))
    plain = folder(photos)
    pictures = plain.train.files.pictures
    assert [sample["__key__"] for sample in samples] == [str(Path(name).with_suffix("")) for name in pictures]
    for sample, name in zip(samples, pictures, strict=True):
        assert np.array_equal(sample[Path(name).suffix[1:]], np.asarray(plain.train.files.open(name)))
        assert sample.get("txt", "") == plain.train.files.caption(name)


def test_theirs_is_read_without_an_index_and_gone_through_once(photos: Path, own_cache: Path, tmp_path: Path) -> None:
    files = folder(photos).train.files
    pattern = str(tmp_path / "theirs-%05d.tar")
    with webdataset.ShardWriter(pattern, maxcount=7, verbose=0) as writer:
        for name in reversed(files.pictures):  # in another order than ours
            path = Path(name)
            sample = {"__key__": str(path.with_suffix("")), path.suffix[1:]: files.read(name), "json": {"width": 32}}
            writer.write(sample | ({"txt": files.caption(name)} if files.caption(name) else {}))
    root = f"{tmp_path}/theirs-{{00000..00003}}.tar"
    assert visited(webdata(root)) == visited(folder(photos))
    kept = {file: file.stat().st_mtime_ns for file in own_cache.glob("*.jsonl")}
    assert len(kept) == 4
    assert visited(webdata(root)) == visited(folder(photos))
    assert {file: file.stat().st_mtime_ns for file in own_cache.glob("*.jsonl")} == kept
    with tarfile.open(tmp_path / "theirs-00003.tar", "w") as archive:
        archive.add(photos / "part0/000.jpg", "new.jpg")
    assert "new.jpg" in Shards(root).pictures  # another date: gone through again


def words(data: str, root: Path, run_dir: Path, toy: Path, *more: str) -> list[str]:
    loop = "steps=6 batch=4 warmup=2 workers=0 save_every=2 preview_every=100 previews=2 validations=4 log_every=1"
    told = f"stage=mae stage.init={toy}/mae run_dir={run_dir} data={data} data.root={root} data.size=128 data.dev=0.3"
    return [*told.split(), "data.max_bad=0.2", *(f"loop.{knob}" for knob in loop.split()), *more]


class KilledError(Exception):
    """Stands for the end of the process."""


def test_trainings_on_shards_and_folder_are_one_killed_or_not(
    tmp_path: Path, toy: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = holed_folder(tmp_path / "photos")  # pictures that cannot be read among them
    make(Namespace(root=root, target=tmp_path / "shards", megabytes=0.02))
    read = Shards.read

    def dying(self: Shards, name: str) -> bytes:
        dying.left -= 1
        if not dying.left:
            raise KilledError
        return read(self, name)

    dying.left = 22
    train(composed("train", *words("folder", root, tmp_path / "plain", toy)))
    with monkeypatch.context() as patch:
        patch.setattr(Shards, "read", dying)
        with pytest.raises(KilledError):
            train(composed("train", *words("webdataset", tmp_path / "shards", tmp_path / "packed", toy)))
    assert (tmp_path / "packed" / "checkpoint.pt").exists()
    train(composed("train", *words("webdataset", tmp_path / "shards", tmp_path / "packed", toy)))
    told = []
    for name in ("plain", "packed"):
        rows = [json.loads(line) for line in (tmp_path / name / "stats.jsonl").read_text().splitlines()]
        bad = [json.loads(line) for line in (tmp_path / name / "unreadable.jsonl").read_text().splitlines()]
        losses = [(row["step"], row["loss"]) for row in rows if "loss" in row]
        weights = (tmp_path / name / "weights/diffusion_pytorch_model.safetensors").read_bytes()
        told.append((losses, weights, sorted((Path(row["path"]).name, row["reason"]) for row in bad)))
    assert told[0] == told[1] and len(told[0][0]) == 6 and told[0][2]


def test_an_unreadable_picture_is_named_with_its_shard(tmp_path: Path) -> None:
    make(Namespace(root=holed_folder(tmp_path / "photos"), target=tmp_path / "shards", megabytes=1))
    with pytest.raises(
        PictureError, match="/shards/shards-000000.tar/004.png: cannot be read as a picture .*; mend or"
    ):
        Shards(str(tmp_path / "shards")).open("004.png")


def tar_of(file: Path, members: dict[str, bytes]) -> Path:
    for name, data in members.items():
        (file.parent / "one").write_bytes(data)
        with tarfile.open(file, "a") as archive:
            archive.add(file.parent / "one", name)
    return file


def complaint(root: object) -> str:
    with pytest.raises(InputError) as caught:
        Shards(str(root))
    return str(caught.value)


def test_a_set_that_is_none_is_named(tmp_path: Path) -> None:
    one = tar_of(tmp_path / "a-0.tar", {"x.png": encoded(1), "y.png": encoded(2), "y.txt": b"two"})
    said = complaint(f"{tmp_path}/a-{{0..2}}.tar")
    assert said.startswith(f"2 of 3 shards: {tmp_path}/a-1.tar: no such file; correct the path, or copy it there; ")
    assert "a-0.tar" not in said
    assert f"data.root={tmp_path}/a-{{0: cannot be read as a pattern" in complaint(f"{tmp_path}/a-{{0")
    (tmp_path / "empty").mkdir()
    assert "empty: no .tar file there; give a folder of shards" in complaint(tmp_path / "empty")
    assert "nowhere: no such file" in complaint(tmp_path / "nowhere")
    assert "bucket/a.tar: cannot be opened" in complaint("nostore://bucket/a.tar")
    assert "no JPEG, PNG or WebP in its 1 shards" in complaint(tar_of(tmp_path / "b.tar", {"a.cls": b"1"}))
    tar_of(tmp_path / "c.tar", {"x.b.jpg": encoded(1, "JPEG")})
    twins = complaint(f"{tmp_path}/{{a-0,c}}.tar")
    assert f"which are one sample: {tmp_path}/c.tar/x.b.jpg and {one}/x.png; give" in twins
    with pytest.raises(InputError, match="^data.root is not set; give a folder of shards: data=webdataset data.root="):
        build(composed("train", "data=webdataset").data)
    assert "d.tar/x.txt: is not UTF-8" in complaint(tar_of(tmp_path / "d.tar", {"x.txt": b"\xe9", "x.png": encoded(0)}))


def test_a_truncated_or_damaged_shard_is_named(tmp_path: Path) -> None:
    file = tar_of(tmp_path / "a.tar", {f"{number}.png": encoded(number) for number in range(3)})
    whole = file.read_bytes()
    with tarfile.open(file) as archive:
        starts = [member.offset for member in archive]
    damaged = [whole[:size] for size in (0, 700, 3000, *starts[1:], len(whole) // 10)]  # some between two members
    damaged += [b"x" * 9000, whole[: starts[1]] + b"x" * 9000, whole + whole, bytes(700) + b"x"]
    for data in damaged:
        file.write_bytes(data)
        said = complaint(file)
        assert said.startswith(f"1 of 1 shards: {file}: ") and said.endswith("; copy or write it again"), said


def test_a_shard_that_changed_since_it_was_indexed_is_named(photos: Path, tmp_path: Path) -> None:
    make(Namespace(root=photos, target=tmp_path / "shards", megabytes=1))
    file, files = tmp_path / "shards/shards-000000.tar", Shards(str(tmp_path / "shards"))
    whole = file.read_bytes()
    first = files.pictures[0]
    file.write_bytes(whole[1024:] + whole[:1024])  # as long as before
    with pytest.raises(
        InputError, match="shards-000000.tar: has changed since it was indexed: part0/000.jpg is not wh"
    ):
        files.open(first)
    file.write_bytes(whole[:1000])
    with pytest.raises(InputError, match="shards-000000.tar: gave .* bytes where .* were asked for"):
        files.open(first)
    assert f"{file}: has 1000 bytes, and had {len(whole)} when {tmp_path}/shards/shards-000000.index.jsonl was" in (
        complaint(tmp_path / "shards")
    )
    file.write_bytes(whole)
    index = tmp_path / "shards/shards-000000.index.jsonl"
    told = index.read_text()
    for broken in (told[:-200], told.partition("\n")[0], "", told.replace('"format": 1', '"format": 9')):
        index.write_text(broken)
        assert f"{index}: cannot be read as the index of a shard (" in complaint(tmp_path / "shards")
    index.unlink()
    assert Shards(str(tmp_path / "shards")).pictures == files.pictures


def test_making_shards_goes_on_after_a_kill_and_makes_the_same_bytes(
    photos: Path, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target, add = tmp_path / "shards", tarfile.TarFile.addfile

    def dying(self: tarfile.TarFile, member: tarfile.TarInfo, data: object) -> None:
        if member.name == "part1/010.jpg":
            raise KilledError
        add(self, member, data)

    with monkeypatch.context() as patch:
        patch.setattr(tarfile.TarFile, "addfile", dying)
        with pytest.raises(KilledError):
            make(Namespace(root=photos, target=target, megabytes=0.012))
    there = {file.name: file.stat().st_mtime_ns for file in target.iterdir()}
    assert there and len(there) < len(list(shards.iterdir())) and not any(name.endswith(".part") for name in there)
    make(Namespace(root=photos, target=target, megabytes=0.012))
    assert {file.name: file.read_bytes() for file in target.iterdir()} == {
        file.name: file.read_bytes() for file in shards.iterdir()
    }
    assert there.items() <= {file.name: file.stat().st_mtime_ns for file in target.iterdir()}.items()
    before = sorted(target.iterdir())
    for other in (dict(megabytes=0.02), dict(megabytes=9)):
        with pytest.raises(
            InputError, match="holds shards of other pictures, or cut otherwise: .*; give another folder"
        ):
            make(Namespace(root=photos, target=target, **other))
    assert sorted(target.iterdir()) == before


def test_pictures_that_webdataset_would_read_as_one_are_refused(tmp_path: Path) -> None:
    for name in ("a.2019.jpg", "a.2020.jpg", "b.png"):
        (tmp_path / name).write_bytes(encoded(0))
    with pytest.raises(InputError, match="would read as one: a.2019.jpg and a.2020.jpg; rename one of each"):
        make(Namespace(root=tmp_path, target=tmp_path / "shards", megabytes=1))
    assert not (tmp_path / "shards").exists()
