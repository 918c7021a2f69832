"""Files that are no pictures: each is named with its reason, and passed over the same way by everyone."""

import os
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from damaged import BAD, BROKEN, batches, data, encoded, folder_of, holed_folder, ledger, train_visits

from asuka.batch import Item
from asuka.data.folder import Files
from asuka.data.masks import Strokes
from asuka.data.stream import Fixed, fixed_batches
from asuka.errors import InputError
from asuka.image import MOST_BYTES, PictureError, to_tensor


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("whole") / "photos", {})


@pytest.fixture(scope="module")
def holed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return holed_folder(tmp_path_factory.mktemp("holed") / "photos")


def equal(one: Item, other: Item) -> bool:
    return one[2:6] == other[2:6] and all(np.array_equal(a, b) for a, b in zip(one[:2], other[:2], strict=True))


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
