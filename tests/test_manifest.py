"""A manifest gives the same pairs on every machine, and names what is another."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from layouts import box, noise, pairs_in, photos_in

from asuka.config import CONF, option
from asuka.data.folder import Folder
from asuka.data.made import DrawnMask, Made, Source
from asuka.data.manifest import Manifest, digest, freeze, verify
from asuka.data.masks import Mixed, Patches
from asuka.data.pairs import ImagesAndMasks
from asuka.data.synthetic import Synthetic
from asuka.errors import InputError

NAMES = ["a.png", "b/c.png", "b/d.png"]


def lines(file: Path) -> list[dict]:
    return [json.loads(line) for line in file.read_text().splitlines()]


def same(one: Made, other: Made) -> bool:
    def facts(pairs: Made) -> list:
        made = [pairs[place] for place in range(len(pairs))]
        return [(p.name, p.photo, p.group, p.caption, p.image.tobytes(), p.levels.tobytes()) for p in made]

    return facts(one) == facts(other)


def drawn_in(root: Path, file: Path) -> Made:
    """Three photographs with two holes each, frozen."""
    pairs = Folder(photos_in(root, NAMES), size=32).pairs(Mixed(), 2, 0)
    freeze(pairs, file)
    return pairs


def brought_in(root: Path, file: Path) -> Made:
    """Three photographs with their masks, frozen."""
    pairs = ImagesAndMasks(str(pairs_in(root, NAMES)), "image", "mask").pairs(None, 1, 0)
    freeze(pairs, file)
    return pairs


@pytest.mark.parametrize("make", [drawn_in, brought_in])
def test_a_manifest_gives_the_same_pairs_elsewhere(make: object, tmp_path: Path) -> None:
    file = tmp_path / "manifest.jsonl"
    pairs = make(tmp_path / "here", file)
    shutil.copytree(tmp_path / "here", tmp_path / "there")
    shutil.rmtree(tmp_path / "here")
    known = Manifest(str(file), str(tmp_path / "there"))
    read = known.pairs(None, 1, 0)
    verify(read)
    assert same(read, make(tmp_path / "here", tmp_path / "again.jsonl"))
    assert (read.names, read.photos, read.groups) == (pairs.names, pairs.photos, pairs.groups)
    assert str(tmp_path) not in file.read_text()
    freeze(read, tmp_path / "third.jsonl")
    assert file.read_bytes() == (tmp_path / "again.jsonl").read_bytes() == (tmp_path / "third.jsonl").read_bytes()


def test_a_manifest_says_all_that_a_pair_is_made_of(tmp_path: Path) -> None:
    (tmp_path / "drawn" / "b").mkdir(parents=True)
    (tmp_path / "drawn" / "b" / "c.txt").write_text("a café")
    drawn_in(tmp_path / "drawn", tmp_path / "drawn.jsonl")
    brought_in(tmp_path / "brought", tmp_path / "brought.jsonl")
    header, *drawn = lines(tmp_path / "drawn.jsonl")
    assert header["option"] == {"data": "folder", "size": 32} and (header["format"], header["pairs"]) == (1, 6)
    assert header["made_with"].keys() == {"numpy", "cv2", "PIL"}
    assert [line["name"] for line in drawn] == [f"{name}-{k}" for name in ("a", "b/c", "b/d") for k in (1, 2)]
    third = drawn[2]
    assert third["mask"]["kind"] == "Mixed" and third["mask"]["knobs"]["union"] == 0.1
    assert (third["mask"]["seed"], third["mask"]["number"]) == (0, 1)
    assert (third["photo"], third["size"], third["crop"], third["side"]) == ("b/c.png", [32, 32], "square", 32)
    assert (third["caption"], third["group"]) == ("a café", "")
    last = lines(tmp_path / "brought.jsonl")[3]
    assert (last["photo"], last["mask"]["file"], last["size"]) == ("image/b/d.png", "mask/b/d.png", [40, 30])
    assert last["group"] == "b" and last["hole_ratio"] == pytest.approx(np.asarray(box(40, 30)).mean() / 255, abs=1e-6)


def test_every_generator_is_written_and_read(tmp_path: Path) -> None:
    root = photos_in(tmp_path / "photos", NAMES)
    for file in sorted(Path(CONF, "masks").glob("*.yaml")):
        manifest = tmp_path / f"{file.stem}.jsonl"
        pairs = Folder(root, size=32).pairs(option("masks", file.stem), 1, 5)
        freeze(pairs, manifest)
        assert same(Manifest(str(manifest), str(root)).pairs(None, 1, 0), pairs)


def test_drawn_scenes_need_no_folder(tmp_path: Path) -> None:
    pairs = Synthetic(size=32, count=4, val_count=3).pairs(Patches(), 2, 1)
    freeze(pairs, tmp_path / "scenes.jsonl")
    assert same(Manifest(str(tmp_path / "scenes.jsonl"), None).pairs(None, 1, 0), pairs)


def test_a_scene_that_is_drawn_otherwise_is_told(tmp_path: Path) -> None:
    file = tmp_path / "scenes.jsonl"
    freeze(Synthetic(size=32, count=4, val_count=1).pairs(Patches(), 1, 1), file)
    scene = lines(file)[1]
    file.write_text(file.read_text().replace(scene["sha256"], "0" * 64))
    with pytest.raises(InputError, match=f"{scene['photo']}: is drawn otherwise here than in the manifest"):
        Manifest(str(file), None).pairs(None, 1, 0)[0]


@pytest.mark.parametrize("file", ["image/b/c.png", "mask/b/c.png"])
def test_one_changed_byte_is_named(file: str, tmp_path: Path) -> None:
    brought_in(tmp_path / "data", tmp_path / "manifest.jsonl")
    place = tmp_path / "data" / file
    content = place.read_bytes()
    place.write_bytes(content + b"\0")  # where no reader of pictures looks
    pairs = Manifest(str(tmp_path / "manifest.jsonl"), str(tmp_path / "data")).pairs(None, 1, 0)
    assert pairs[0].name == "a" and pairs[2].name == "b/d"
    with pytest.raises(InputError, match=f"{file}: its bytes are others than in the manifest .*get the original file"):
        pairs[1]
    place.unlink()
    with pytest.raises(InputError, match=f"{file}: no such file"):
        pairs[1]
    noise(0, 8, 8).save(tmp_path / "data" / "image" / "a.png")
    with pytest.raises(InputError) as caught:
        verify(Manifest(str(tmp_path / "manifest.jsonl"), str(tmp_path / "data")).pairs(None, 1, 0))
    assert str(caught.value).startswith("2 of 3 pairs cannot be used: ")
    assert "image/a.png: its bytes" in str(caught.value) and f"{file}: no such file" in str(caught.value)


def test_a_hole_that_comes_out_otherwise_is_told(tmp_path: Path) -> None:
    drawn_in(tmp_path / "data", tmp_path / "manifest.jsonl")
    text = (tmp_path / "manifest.jsonl").read_text()
    (tmp_path / "manifest.jsonl").write_text(text.replace('"number": 2', '"number": 3'))
    pairs = Manifest(str(tmp_path / "manifest.jsonl"), str(tmp_path / "data")).pairs(None, 1, 0)
    assert pairs[2].name == "b/c-1"
    with pytest.raises(InputError, match="b/c-2: its hole comes out otherwise .*; install the versions"):
        pairs[3]


def test_the_photograph_of_several_holes_is_read_once(tmp_path: Path) -> None:
    pairs, asked = drawn_in(tmp_path / "data", tmp_path / "manifest.jsonl"), []

    class Counted:
        root = pairs.source.root

        def picture(self, recipe: object) -> tuple[np.ndarray, str]:
            asked.append(recipe.photo)
            return pairs.source.picture(recipe)

    source: Source = Counted()
    verify(Made(source, pairs.recipes, pairs.words))
    assert asked == NAMES


def test_digests_tell_images_from_holes(tmp_path: Path) -> None:
    root = photos_in(tmp_path / "photos", NAMES)

    def told(per_photo: int, seed: int) -> dict[str, str]:
        freeze(Folder(root, size=32).pairs(Mixed(), per_photo, seed), tmp_path / "manifest.jsonl")
        return digest(tmp_path / "manifest.jsonl")

    first = told(2, 0)
    assert told(2, 0) == first
    for other in (told(2, 1), told(1, 0)):
        assert other["images"] == first["images"] and other["holes"] != first["holes"]
    noise(9, 40, 30).save(root / "a.png")
    assert told(2, 0)["images"] != first["images"] and told(2, 0)["holes"] == first["holes"]


def test_a_generator_that_nobody_could_read_again_is_refused(tmp_path: Path) -> None:
    pairs = Folder(photos_in(tmp_path, NAMES), size=32).pairs(Mixed(), 1, 0)
    recipe = replace(pairs.recipes[0], mask=DrawnMask(lambda rng, *shape: np.ones(shape, np.uint8), 0, 1))
    with pytest.raises(InputError, match="holes of a function cannot be written down; take a generator of conf/masks"):
        freeze(Made(pairs.source, [recipe], pairs.words), tmp_path / "manifest.jsonl")
    assert not (tmp_path / "manifest.jsonl").exists()


def test_pairs_that_cannot_be_made_are_told_together_and_nothing_is_written(tmp_path: Path) -> None:
    root = photos_in(tmp_path / "photos", [f"{number:02d}.png" for number in range(14)])
    for number in range(12):
        (root / f"{number:02d}.png").write_bytes(b"no picture")
    with pytest.raises(InputError, match="12 of 14 pairs .*: .*00.png: cannot be read .*09.png: .*; and 2 more$"):
        freeze(Folder(root, size=32).pairs(Mixed(), 1, 0), tmp_path / "manifest.jsonl")
    assert [file.name for file in tmp_path.iterdir()] == ["photos"]


def test_what_is_no_whole_manifest_is_told(tmp_path: Path) -> None:
    file = tmp_path / "manifest.jsonl"
    drawn_in(tmp_path / "data", file)
    text = file.read_text()
    for content, told in (
        ("".join(text.splitlines(keepends=True)[:-1]), "has 5 of the 6 pairs its first line speaks of; copy it again"),
        (text[:-30], "cannot be read as a manifest"),
        ("", "cannot be read as a manifest"),
        (text.replace('"format": 1', '"format": 2'), "is a manifest of format 2, this version reads 1"),
        (text.replace('"crop": "square"', '"crop": "round"'), "line 2: crop=round is wrong or missing"),
        (text.replace('"photo"', '"picture"'), "line 2: 'photo' is wrong or missing"),
        (text.replace('"kind": "Mixed"', '"kind": "Stars"'), "line 2: 'Stars' is wrong or missing"),
    ):
        file.write_text(content)
        with pytest.raises(InputError, match=told):
            Manifest(str(file), str(tmp_path / "data"))
    with pytest.raises(InputError, match="data.path is not set; give a manifest"):
        Manifest(None, None)
    with pytest.raises(InputError, match="gone.jsonl: cannot be read as a manifest"):
        Manifest(str(tmp_path / "gone.jsonl"), None)
    file.write_text(text)
    with pytest.raises(InputError, match="data.root is not set; .* data=manifest data.root=DIR"):
        Manifest(str(file), None)
