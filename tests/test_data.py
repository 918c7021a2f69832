"""Pictures from folders and zip files, their mixture with drawn scenes, and who comes when."""

import io
import time
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asuka.batch import Batch
from asuka.data.folder import Files, Folder, Photos
from asuka.data.ledger import Ledger
from asuka.data.masks import Strokes
from asuka.data.mixed import Mixed
from asuka.data.stream import Fixed, Visits, fixed_batches, training_batches
from asuka.data.synthetic import draw
from asuka.errors import InputError
from asuka.image import to_tensor

EMPTY = Ledger(Path("unreadable.jsonl"), print)  # nothing here goes into it


def picture(seed: int, height: int = 24, width: int = 32) -> Image.Image:
    """Coarse noise: no two alike, and no part of one like its mirror image."""
    cells = np.random.default_rng(seed).integers(0, 256, (height // 4, width // 4, 3), dtype=np.uint8)
    return Image.fromarray(cells).resize((width, height), Image.Resampling.NEAREST)


def folder_of(root: Path, count: int) -> Path:
    for number in range(count):
        place = root / f"part{number % 3}"
        place.mkdir(parents=True, exist_ok=True)
        picture(number).save(place / f"{number:03d}.png")
    return root


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("photos"), 90)


def same(one: Batch, other: Batch) -> bool:
    words = [(batch.name, batch.caption, batch.visit, batch.view) for batch in (one, other)]
    return torch.equal(one.image, other.image) and torch.equal(one.mask, other.mask) and words[0] == words[1]


def test_every_format_in_every_folder_is_found_and_rgb(tmp_path: Path) -> None:
    (tmp_path / "in" / "a").mkdir(parents=True)
    (tmp_path / "notes.md").write_text("no picture")
    files = {"b.JPG": "RGB", "a.png": "RGBA", "in/c.jpeg": "L", "in/a/d.webp": "RGB", "e.png": "P"}
    for number, (name, mode) in enumerate(files.items()):
        picture(number).convert(mode).save(tmp_path / name)
    found = Files(tmp_path)
    assert found.pictures == sorted(files)
    for number, (name, mode) in enumerate(files.items()):
        truth = np.array(picture(number).convert(mode).convert("RGB")).astype(float)
        assert found.open(name).mode == "RGB"
        assert np.abs(found.open(name) - truth).mean() < (0.1 if name.endswith("png") else 25)  # others: 85


def test_pictures_are_upright(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    picture(0).save(tmp_path / "a.png", exif=exif)
    upright = np.array(Files(tmp_path).open("a.png"))
    assert np.array_equal(upright, np.rot90(np.array(picture(0)), -1))


def test_captions_come_from_the_table_or_the_text_beside(tmp_path: Path) -> None:
    folder_of(tmp_path, 4)
    table = 'path,caption\npart0/000.png,"a red house, and a tree "\npart1/001.png,from the table\n'
    (tmp_path / "captions.csv").write_text(table, encoding="utf-8-sig")
    (tmp_path / "part1" / "001.txt").write_text("from the text\n")
    (tmp_path / "part2" / "002.txt").write_text("a café\n", encoding="utf-8")
    files = Files(tmp_path)
    names = ["part0/000.png", "part1/001.png", "part2/002.png", "part0/003.png"]
    wanted = ["a red house, and a tree", "from the table", "a café", ""]
    assert Photos(files, names, 16, 0.7, 0).captions() == wanted
    assert Photos(files, names, 16, 0.7, 0).summary() == f"4 pictures and 3 captions in {tmp_path}"


def test_a_mirrored_picture_has_a_mirrored_caption(tmp_path: Path) -> None:
    picture(0, 32, 32).save(tmp_path / "a.png")
    (tmp_path / "a.txt").write_text("a cat left of a copyright sign, its right leg bright")
    mirrored = "a cat right of a copyright sign, its left leg bright"
    photos = Photos(Files(tmp_path), ["a.png"], 32, 1.0, 0)
    upright = photos.centre(0).image
    seen = [photos.crop(0, np.random.default_rng(seed)) for seed in range(60)]
    turned = [crop for crop in seen if crop.caption == mirrored]
    assert 15 < len(turned) < 45
    for crop in seen:
        assert crop.caption in (photos.captions()[0], mirrored)
        assert np.array_equal(crop.image, upright[:, ::-1] if crop.caption == mirrored else upright)


def test_crops_are_squares_within_the_picture(tmp_path: Path) -> None:
    rows, columns = np.mgrid[:60, :100]
    ramp = np.stack([columns, rows, 0 * rows], -1).astype(np.uint8)
    Image.fromarray(ramp).save(tmp_path / "a.png")
    photos = Photos(Files(tmp_path), ["a.png"], 20, 0.5, 0)
    sides = []
    for seed in range(80):
        image = photos.crop(0, np.random.default_rng(seed)).image.astype(int)
        assert image.shape == (20, 20, 3)
        across, down = (np.ptp(image[..., channel]) / 19 * 20 for channel in (0, 1))
        assert abs(across - down) <= 3
        sides.append(down)
    assert 28 < min(sides) < 36
    assert 54 < max(sides) < 62
    centre = photos.centre(0).image[..., 0]
    assert (centre[:, 0].mean(), centre[:, -1].mean()) == (pytest.approx(21, abs=1), pytest.approx(78, abs=1))


def test_a_zip_file_gives_what_its_folder_gives(photos: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for path in sorted(photos.rglob("*.png"), reverse=True):
            file.write(path, path.relative_to(photos))
        file.writestr("captions.csv", "path,caption\npart0/000.png,one\n")
    zipped, plain = (Folder(root, size=16, dev=0.3) for root in (tmp_path / "photos.zip", photos))
    assert zipped.train.names == plain.train.names
    assert zipped.val.names == plain.val.names
    for index in range(len(plain.train)):
        one, other = (data.train.crop(index, np.random.default_rng(index)) for data in (zipped, plain))
        assert np.array_equal(one.image, other.image)
    assert zipped.train.files.caption("part0/000.png") == "one"


def test_the_dev_share_is_apart_and_stays_when_pictures_come(photos: Path, tmp_path: Path) -> None:
    few = Folder(folder_of(tmp_path / "few", 20), size=16, dev=0.3)
    many = Folder(photos, size=16, dev=0.3)
    for data, count in ((few, 20), (many, 90)):
        assert not set(data.train.names) & set(data.val.names)
        assert len(data.train) + len(data.val) == count
    assert set(few.val.names) <= set(many.val.names)
    assert set(few.train.names) <= set(many.train.names)
    assert 14 <= len(many.val) <= 40
    other = Folder(photos, val=tmp_path / "few", size=16, dev=0.3)
    assert (other.val.files.root, len(other.val)) == (tmp_path / "few", 20)
    assert other.train.names == many.train.names


def test_what_is_no_set_of_photographs_is_named(photos: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "a.txt").write_text("no zip file")
    one = folder_of(tmp_path / "one", 1)
    for root, dev, message in (
        (None, 0.02, "data.root is not set; give a folder"),
        (tmp_path / "gone", 0.02, "gone: no such folder; give a folder"),
        (tmp_path / "empty", 0.02, "empty: no JPEG, PNG or WebP below it; give a folder"),
        (tmp_path / "a.txt", 0.02, "a.txt: neither a folder nor a zip file; give a folder"),
        (one, 0.0, "no picture for the validation set among 1; give more pictures, or name"),
        (one, 1.0, "data.dev=1.0, data.size=128, data.max_bad=0.01: zoom must lie above 0"),
    ):
        with pytest.raises(InputError, match=message):
            Folder(root, dev=dev).summary()
    with pytest.raises(InputError, match="gone: no such folder"):
        Folder(photos, val=tmp_path / "gone")


def test_a_wrong_table_and_a_broken_picture_are_named(tmp_path: Path) -> None:
    folder_of(tmp_path, 1)
    (tmp_path / "bad.png").write_bytes((tmp_path / "part0" / "000.png").read_bytes()[:60])
    with pytest.raises(InputError, match="bad.png: cannot be read .*; mend or remove this file"):
        Photos(Files(tmp_path), ["bad.png"], 16, 0.7, 0).centre(0)
    (tmp_path / "captions.csv").write_text("file,text\npart0/000.png,a house\n")
    with pytest.raises(InputError, match="captions.csv: its header is file,text; it must be path,caption"):
        Files(tmp_path)


@pytest.mark.parametrize("share", [0.25, 0.4, 0.7])
def test_the_share_of_drawn_scenes_in_a_pass(photos: Path, share: float) -> None:
    data = Mixed(photos, size=16, dev=0.3, share=share)
    for pictures, most in ((data.train, 0.01), (data.val, 0.03)):
        drawn = len(pictures) - len(pictures.first)
        assert abs(drawn / len(pictures) - share) < most
    names = [data.train.crop(index, np.random.default_rng(index)).name for index in range(len(data.train))]
    assert sum(name.startswith("synthetic-") for name in names) == len(data.train) - len(data.train.first)
    assert not {name for name in names if "/" in name} & set(data.val.first.names)
    held = [data.val.centre(index).name for index in range(len(data.val))]
    assert len(set(held)) == len(held)
    assert data.train.crop(len(data.train) - 1, np.random.default_rng(1)).name != names[-1]


@pytest.mark.parametrize("share", [0, 1, -0.2, 40])
def test_a_share_that_is_none_is_named(photos: Path, share: float) -> None:
    with pytest.raises(InputError, match=f"data.share={share}: must lie between 0 and 1"):
        Mixed(photos, share=share)


@pytest.fixture(scope="module")
def pictures(photos: Path) -> Photos:
    return Folder(photos, size=16, dev=0.3).train


def test_a_visit_is_a_function_of_seed_and_number(pictures: Photos) -> None:
    forward = [Visits(pictures, Strokes(), 5)[visit] for visit in range(60)]
    visits = Visits(pictures, Strokes(), 5)
    for visit in reversed(range(60)):
        item = visits[visit]
        assert np.array_equal(item.image, forward[visit].image)
        assert np.array_equal(item.mask, forward[visit].mask)
        assert item[2:] == forward[visit][2:]
    other = [Visits(pictures, Strokes(), 6)[visit] for visit in range(60)]
    assert [item.name for item in other] != [item.name for item in forward]
    assert not any(np.array_equal(one.mask, two.mask) for one, two in zip(other, forward, strict=True))
    assert all(item.view is None and item.visit == number for number, item in enumerate(forward))


def test_a_pass_visits_every_picture_once_in_a_new_order(pictures: Photos) -> None:
    visits, count = Visits(pictures, Strokes(), 5), len(pictures)
    passes = [[visits[turn * count + place] for place in range(count)] for turn in range(3)]
    orders = [[item.name for item in items] for items in passes]
    assert all(sorted(order) == pictures.names for order in orders)
    assert len(set(map(tuple, orders))) == 3
    assert len({item.mask.tobytes() for items in passes for item in items}) == 3 * count


def test_distinct_views_come_again_under_new_visits(pictures: Photos) -> None:
    visits, endless = Visits(pictures, Strokes(), 5, distinct=40), Visits(pictures, Strokes(), 5)
    for visit in (0, 7, 39):
        item, again, free = visits[visit], visits[visit + 40], endless[visit]
        assert np.array_equal(item.image, again.image)
        assert np.array_equal(item.mask, again.mask)
        assert (item.view, again.view) == (visit, visit)
        assert (item.visit, again.visit) == (visit, visit + 40)
        assert np.array_equal(item.image, free.image)
        assert np.array_equal(item.mask, free.mask)


def test_parts_pieces_and_workers_change_nothing(pictures: Photos) -> None:
    visits = Visits(pictures, Strokes(), 5)
    whole = list(training_batches(visits, 2, 5, 8, parts=1, part=0, pieces=1, workers=0, ledger=EMPTY))
    assert [batch.visit for (batch,) in whole] == [tuple(range(8 * step, 8 * step + 8)) for step in (2, 3, 4)]
    (worked,) = next(training_batches(visits, 2, 5, 8, parts=1, part=0, pieces=1, workers=1, ledger=EMPTY))
    assert same(worked, whole[0][0])
    shares = [list(training_batches(visits, 2, 5, 8, 2, part, pieces=2, workers=0, ledger=EMPTY)) for part in (0, 1)]
    for (batch,), *parts in zip(whole, *shares, strict=True):
        pieces = [piece for part in parts for piece in part]
        assert [len(piece) for piece in pieces] == [2, 2, 2, 2]
        assert sorted(visit for piece in pieces for visit in piece.visit) == list(batch.visit)
        rows = {visit: row for piece in pieces for visit, row in zip(piece.visit, piece.image, strict=True)}
        assert all(torch.equal(rows[visit], row) for visit, row in zip(batch.visit, batch.image, strict=True))


def test_validation_batches_are_fixed_and_central(pictures: Photos) -> None:
    batches, again = (fixed_batches(Fixed(pictures, Strokes(), 5), 10, 4, 0, EMPTY) for _ in range(2))
    assert [len(batch) for batch in batches] == [4, 4, 2]
    assert all(same(one, other) for one, other in zip(batches, again, strict=True))
    for batch in batches:
        for row in batch.image:
            assert any(torch.equal(row, to_tensor(pictures.centre(place).image)) for place in range(len(pictures)))
        assert (batch.mask.mean((1, 2, 3)) > 0.04).all()
    assert len(fixed_batches(Fixed(pictures, Strokes(), 5), 10_000, 200, 0, EMPTY)[0]) == len(pictures)


@pytest.mark.slow
def test_ten_thousand_photos_start_in_five_seconds(tmp_path: Path) -> None:
    files = [io.BytesIO() for _ in range(50)]
    for number, file in enumerate(files):
        Image.fromarray(draw(number, 192).image).save(file, "JPEG", quality=90)
    for number in range(10_000):
        place = tmp_path / f"{number % 100:02d}"
        place.mkdir(exist_ok=True)
        (place / f"{number:05d}.jpg").write_bytes(files[number % 50].getvalue())
        if number % 3 == 0:
            (place / f"{number:05d}.txt").write_text("a house")
    start = time.process_time(), time.perf_counter()
    data = Folder(str(tmp_path))
    said = data.summary()
    next(training_batches(Visits(data.train, Strokes(), 0), 0, 10, 32, 1, 0, 1, workers=0, ledger=EMPTY))
    spent = time.process_time() - start[0], time.perf_counter() - start[1]
    print(f"\n{said}: {spent[1]:.1f} s, {spent[0]:.1f} s of them on the processor")
    assert len(data.train) + len(data.val) == 10_000
    assert spent[1] < 5
