"""Pairs to measure on: every photograph with its holes, the same whatever lies beside it."""

import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import composed
from layouts import box, noise, pairs_in, photos_in, png
from PIL import Image

from asuka.config import build, option
from asuka.data.folder import Folder
from asuka.data.made import Made, hole_hash
from asuka.data.masks import Mixed
from asuka.data.places2 import Places2
from asuka.data.synthetic import Synthetic
from asuka.errors import InputError
from asuka.train import train

NAMES = ["a.png", "b/c.d.png", "b/e.jpg", "b/f/g.webp", "h.png", "i.png"]
PAPER = option("masks", "paper")


def data(*words: str) -> object:
    """A data option, by the words of a command line."""
    return build(composed("train", *words).data)


def hashes(pairs: Made) -> dict[str, str]:
    return {pair.name: hole_hash(pair.hole) for pair in (pairs[place] for place in range(len(pairs)))}


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = photos_in(tmp_path_factory.mktemp("photos"), NAMES)
    (root / "b" / "c.d.txt").write_text("a red house")
    return root


@pytest.mark.parametrize("words", ["data=folder", "data=mixed", "data=places2"])
def test_all_photographs_come_with_all_their_holes_one_after_the_other(words: str, photos: Path) -> None:
    pairs = data(words, f"data.root={photos}", "data.size=32").pairs(PAPER, 3, 0)
    stems = ["a", "b/c.d", "b/e", "b/f/g", "h", "i"]
    assert pairs.names == [f"{stem}-{number}" for stem in stems for number in (1, 2, 3)]
    assert pairs.photos == [stem for stem in stems for _ in range(3)]
    assert len(set(hashes(pairs).values())) == len(pairs) == 18
    for place, name in enumerate(pairs.names):
        pair = pairs[place]
        assert (pair.name, pair.photo, pair.group) == (name, pairs.photos[place], pairs.groups[place])
        assert (pair.image.shape, pair.image.dtype, pair.levels.dtype) == ((32, 32, 3), np.uint8, np.uint8)
        assert 0.2 <= pair.hole.mean() <= 0.8 and set(np.unique(pair.levels)) == {0, 255}
        assert pair.caption == ("a red house" if pair.photo == "b/c.d" else "")


def test_one_hole_has_its_photographs_name(photos: Path) -> None:
    pairs = Folder(photos, size=32).pairs(PAPER, 1, 0)
    assert pairs.names == pairs.photos == ["a", "b/c.d", "b/e", "b/f/g", "h", "i"]


def test_a_folder_is_seen_as_in_validation(photos: Path) -> None:
    seen, pairs = Folder(photos, val=photos, size=24).val, Folder(photos, size=24).pairs(PAPER, 1, 0)
    for place in range(len(pairs)):
        picture = seen.centre(place)
        assert np.array_equal(pairs[place].image, picture.image) and pairs[place].caption == picture.caption


def test_another_folder_for_validation_is_what_is_measured_on(photos: Path, tmp_path: Path) -> None:
    other = photos_in(tmp_path, ["x.png", "y.png"])
    assert Folder(photos, val=other, dev=0.0).pairs(PAPER, 1, 0).names == ["x", "y"]


def test_one_photograph_is_enough_to_measure_on(tmp_path: Path) -> None:
    folder = Folder(photos_in(tmp_path, ["a.png"]))
    assert len(folder.pairs(PAPER, 8, 0)) == 8
    with pytest.raises(InputError, match="no picture for the validation set among 1; give more"):
        folder.summary()


def test_holes_belong_to_seed_path_and_number(photos: Path, tmp_path: Path) -> None:
    all_of_them = hashes(Folder(photos, size=32).pairs(PAPER, 3, 0))
    subset = hashes(Folder(photos_in(tmp_path / "few", ["b/e.png", "i.png"]), size=32).pairs(PAPER, 2, 0))
    assert len(subset) == 4
    assert subset.items() < all_of_them.items()
    other = hashes(Folder(photos, size=32).pairs(PAPER, 3, 1))
    assert other.keys() == all_of_them.keys() and not set(other.values()) & set(all_of_them.values())


def test_the_first_photographs_keep_their_holes(photos: Path) -> None:
    pairs = Folder(photos, size=32).pairs(PAPER, 3, 0)
    assert pairs.first(2).names == pairs.names[:6] and pairs.first(99).names == pairs.names
    assert hashes(pairs.first(2)).items() < hashes(pairs).items()
    with pytest.raises(InputError, match="count=0: there would be nothing to measure"):
        pairs.first(0)


def test_a_zip_file_gives_what_its_folder_gives(photos: Path, tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as file:
        for path in sorted(photos.rglob("*"), reverse=True):
            file.write(path, path.relative_to(photos))
    zipped, plain = (Folder(root, size=32).pairs(PAPER, 2, 0) for root in (tmp_path / "photos.zip", photos))
    assert hashes(zipped) == hashes(plain)
    assert all(np.array_equal(zipped[place].image, plain[place].image) for place in range(len(plain)))


def test_drawn_scenes_are_those_of_validation() -> None:
    scenes = Synthetic(size=32, count=8, val_count=3)
    pairs = scenes.pairs(PAPER, 2, 0)
    assert len(pairs) == 6
    for place in range(6):
        picture = scenes.val.centre(place // 2)
        assert np.array_equal(pairs[place].image, picture.image)
        assert (pairs[place].photo, pairs[place].caption) == (picture.name, picture.caption)


def test_two_photographs_of_one_name_are_told(tmp_path: Path) -> None:
    folder = Folder(photos_in(tmp_path, ["a.png", "a.jpg"]))
    with pytest.raises(InputError, match=r"a.jpg and .*a.png have one name but for the suffix; rename one"):
        folder.pairs(PAPER, 1, 0)


@pytest.mark.parametrize("words", ["data=folder", "data=mixed", "data=places2", "data=synthetic"])
def test_holes_must_be_said_where_none_are_brought(words: str, photos: Path) -> None:
    known = data(words, *([] if words == "data=synthetic" else [f"data.root={photos}"]))
    with pytest.raises(InputError, match="has no holes of its own; say which: masks=paper"):
        known.pairs(None, 1, 0)
    with pytest.raises(InputError, match="holes=0: .* give 1 or more"):
        known.pairs(PAPER, 0, 0)


def test_own_pairs_go_together_by_name_and_keep_their_pixels(tmp_path: Path) -> None:
    root = pairs_in(tmp_path, ["day/a.png", "day/b.png", "night/a.png", "c.png"])
    known = data("data=pairs", f"data.root={root}")
    pairs = known.pairs(None, 1, 0)
    assert pairs.names == ["c", "day/a", "day/b", "night/a"]
    assert pairs.photos == [f"image/{name}" for name in pairs.names]
    assert pairs.groups == ["", "day", "day", "night"]
    assert known.summary() == f"4 pictures from {root}, a hole in each; groups day, night"
    for place, name in enumerate(pairs.names):
        pair = pairs[place]
        assert np.array_equal(pair.image, Image.open(root / "image" / f"{name}.png"))
        assert np.array_equal(pair.levels, box(40, 30)) and pair.hole.mean() == pytest.approx(0.25, abs=0.02)


def test_files_without_partner_are_listed(tmp_path: Path) -> None:
    root = pairs_in(tmp_path, ["a.png", "b.png"])
    (root / "mask" / "b.png").rename(root / "mask" / "e.png")
    with pytest.raises(InputError, match=r"image/b.png has no mask; .*mask/e.png has no image; files go together"):
        data("data=pairs", f"data.root={root}")
    with pytest.raises(InputError, match="holes: no JPEG, PNG or WebP below it; name the two folders"):
        data("data=pairs", f"data.root={root}", "data.masks=holes")


@pytest.mark.parametrize(
    ("file", "content", "told"),
    [
        ("mask", png(box(39, 30)), "mask/a.png has 39 x 30 pixels and .*image/a.png 40 x 30; nothing is resized"),
        ("mask", png(Image.new("L", (40, 30), 127)), "mask/a.png: no pixel is white, so there is nothing to fill"),
        (
            "mask",
            png(Image.new("I;16", (40, 30), 65535)),
            "mask/a.png: cannot be .*more than 8 bits",
        ),
        ("mask", b"no picture", "mask/a.png: cannot be read as a picture .*; get or mend this file"),
        ("image", png(Image.new("I;16", (40, 30), 9)), "image/a.png: cannot be .*more than 8 bits"),
        ("image", png(noise(0, 40, 30))[:90], "image/a.png: cannot be read as a picture"),
        ("image", None, "image/a.png: no such file"),
    ],
)
def test_a_pair_that_cannot_be_used_is_named_when_it_is_read(
    file: str, content: bytes | None, told: str, tmp_path: Path
) -> None:
    pairs = data("data=pairs", f"data.root={pairs_in(tmp_path, ['a.png', 'b.png'])}").pairs(None, 1, 0)
    place = tmp_path / file / "a.png"
    place.unlink() if content is None else place.write_bytes(content)
    with pytest.raises(InputError, match=told):
        pairs[0]
    assert pairs[1].name == "b"


def test_what_brings_its_holes_takes_no_others(tmp_path: Path) -> None:
    known = data("data=pairs", f"data.root={pairs_in(tmp_path, ['a.png'])}")
    with pytest.raises(InputError, match="data=pairs brings its own holes; leave masks=… out"):
        known.pairs(Mixed(), 1, 0)
    with pytest.raises(InputError, match="holes=8: data=pairs has one hole in each picture"):
        known.pairs(None, 8, 0)


def test_a_window_is_cut_and_never_scaled(tmp_path: Path) -> None:
    for name, size in (("large", (51, 40)), ("small", (20, 40))):
        noise(0, *size).save(tmp_path / f"{name}.png")
    large, small = (np.asarray(Image.open(tmp_path / f"{name}.png")) for name in ("large", "small"))
    pairs = Places2(str(tmp_path), None, 32).pairs(PAPER, 1, 0)
    assert np.array_equal(pairs[0].image, large[4:36, 9:41])
    mirrored = np.concatenate([small, small[:, :7:-1]], axis=1)  # to the right, the last column twice
    assert np.array_equal(pairs[1].image, mirrored[4:36])


def test_a_list_says_which_photographs_count(photos: Path, tmp_path: Path) -> None:
    listing = tmp_path / "list.txt"
    listing.write_text("i.png 17\n\n/b/e.jpg 3\na.png\n")
    words = ["data=places2", f"data.root={photos}", f"data.listing={listing}", "data.size=32"]
    pairs = data(*words).pairs(PAPER, 1, 0)
    assert pairs.names == ["i", "b/e", "a"]
    assert hashes(pairs).items() < hashes(Places2(str(photos), None, 32).pairs(PAPER, 1, 0)).items()
    for text, told in (
        (
            "a.png\n" + "".join(f"{number}.jpg 5\n" for number in range(12)),
            r"12 missing: 0.jpg, .*, 9.jpg, and 2 more;",
        ),
        ("a.png\na.png 4\n", "a.png stands there twice"),
        ("\n", "it names no picture"),
    ):
        listing.write_text(text)
        with pytest.raises(InputError, match=told):
            data(*words)


def test_what_is_only_measured_on_is_not_trained_on(tmp_path: Path) -> None:
    root = pairs_in(tmp_path / "data", ["a.png"])
    for words in (["data=pairs"], ["data=places2"]):
        config = composed("train", *words, f"data.root={root}", f"run_dir={tmp_path}/run")
        with pytest.raises(InputError, match="is there to be measured on, not to be trained on; train with"):
            train(config)
    assert not (tmp_path / "run").exists()
