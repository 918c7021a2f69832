"""The control with another picture's prior: which picture, what of it is seen, what an evaluation makes of it."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import composed
from PIL import Image
from standins import stand_in
from test_evaluate import rows

from asuka.batch import Batch
from asuka.condition import aligned
from asuka.config import build
from asuka.data.folder import Folder
from asuka.data.made import Made
from asuka.data.masks import Boxes
from asuka.data.others import Others
from asuka.data.synthetic import Synthetic
from asuka.errors import InputError
from asuka.evaluate import evaluate
from asuka.image import to_tensor
from asuka.inpaint import inpaint
from asuka.methods.inpainter import Inpainter

# Names that other pairs, or their windows, may bear as well.
NAMES = ("a", "a-1", "a-1-2", "a#2", "a#2-1", "b/a", "b/a-1", "sea")
SMALL = ["metrics=[psnr,hole_psnr]", "device=cpu", "holes=2", "masks=boxes", "method.steps=2"]


def folder_of(folder: Path, names: tuple[str, ...]) -> Path:
    """Smooth pictures, wider than high."""
    rng = np.random.default_rng(0)
    for name in names:
        file = folder / f"{name}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        small = Image.fromarray(rng.integers(0, 256, (4, 4, 3), np.uint8))
        small.resize((144, 128), Image.Resampling.BICUBIC).save(file)
    return folder


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return folder_of(tmp_path_factory.mktemp("photos"), NAMES)


def pairs_of(photos: Path, holes: int) -> Made:
    return Folder(str(photos), size=128).pairs(Boxes(), holes, 0)


def shuffled(pairs: Made) -> Made:
    order = np.random.default_rng(0).permutation(len(pairs))
    return Made(pairs.source, [pairs.recipes[place] for place in order], pairs.words)


@pytest.mark.parametrize("holes", [1, 8])
def test_no_picture_is_its_own_other_one_and_all_come_up(photos: Path, holes: int) -> None:
    pairs = pairs_of(photos, holes)
    chosen = set()
    for seed in range(40):
        others = Others(pairs, seed)
        again = Others(shuffled(pairs), seed)
        for name, own in zip(pairs.names, pairs.photos, strict=True):
            keys = (name, f"{name}#2", f"{name}#3")
            assert own not in {others.photo(key) for key in keys}
            assert [others.photo(key) for key in keys] == [again.photo(key) for key in keys]
            chosen.add((own, others.photo(name)))
    assert len(chosen) > 0.9 * len(NAMES) * (len(NAMES) - 1)


def test_holes_and_windows_of_a_photograph_share_the_other_one_in_every_process() -> None:
    # Written down by another process than this one.
    known = dict(enumerate((61, 49, 51, 60, 52, 60, 63, 62)))
    pairs = Synthetic(size=32, val_count=16).pairs(Boxes(), 8, 0)
    for seed, number in known.items():
        others = Others(pairs, seed)
        found = {others.photo(key) for name in pairs.names[:8] for key in (name, f"{name}#2")}
        assert found == {f"synthetic-21474836{number}"}


def test_a_name_that_leaves_no_other_picture_is_told(tmp_path: Path) -> None:
    others = Others(pairs_of(folder_of(tmp_path, ("a", "a#2")), 1), 0)
    assert others.photo("a") == "a#2"
    with pytest.raises(InputError, match="a#2: could mean a or a#2, and there is no other; rename one of them"):
        others.photo("a#2")


def method_of(toy: Path, words: str) -> Inpainter:
    return build(composed("evaluate", *stand_in(words, toy)).method).eval()


def batch_of(pairs: Made, places: list[int]) -> Batch:
    taken = [pairs[place] for place in places]
    images = torch.stack([to_tensor(pair.image) for pair in taken])
    masks = torch.stack([torch.from_numpy(pair.hole)[None].float() for pair in taken])
    return Batch(images, masks, tuple(pair.name for pair in taken), ("",) * len(taken)).blind()


def test_the_context_is_that_of_the_other_photograph_under_this_hole(toy: Path, photos: Path) -> None:
    pairs = pairs_of(photos, 2)
    method, prior = method_of(toy, "method=asuka_other"), aligned(str(toy / "align"), str(toy / "mae"))
    method.among(pairs)
    batch, others = batch_of(pairs, [0, 5, 7]), Others(pairs, 0)
    shown = [pairs[pairs.photos.index(others.photo(name))].image for name in batch.name]
    swapped = replace(batch, image=torch.stack([to_tensor(image) for image in shown]))
    sequence = method.context(batch).sequence
    assert torch.equal(sequence, prior(method.base, swapped.blind()).sequence)
    assert not torch.allclose(sequence, prior(method.base, batch).sequence, atol=1e-3)
    white = replace(batch, image=torch.ones_like(batch.image))
    assert torch.equal(sequence, method.context(white.blind()).sequence)  # of the picture itself nothing is seen


def test_results_differ_from_asuka_and_without_prior_are_those_of_the_empty_text(toy: Path, photos: Path) -> None:
    pairs = pairs_of(photos, 1)
    batch = batch_of(pairs, [0, 1])
    other, own, empty = (
        method_of(toy, words) for words in ("method=asuka_other", "method=asuka", "method=sd method/decode=conditional")
    )
    other.among(pairs)
    assert not torch.allclose(other(batch), own(batch), atol=1e-3)
    other.prior_scale = 0
    assert torch.equal(other(batch), empty(batch))


def run(photos: Path, toy: Path, run_dir: Path, *more: str) -> dict:
    words = [*stand_in("method=asuka_other", toy), *SMALL, f"data.root={photos}", f"run_dir={run_dir}", *more]
    return evaluate(composed("evaluate", *words))


@pytest.fixture(scope="module")
def whole(photos: Path, toy: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An undisturbed run of the first five of eight photographs."""
    run_dir = tmp_path_factory.mktemp("whole") / "run"
    run(photos, toy, run_dir, "count=5", "batch_size=4")
    return run_dir


def numbers(run_dir: Path) -> dict[str, np.ndarray]:
    """Name of a pair -> its numbers."""
    words = ("name", "photo", "group", "draw")
    return {
        row["name"]: np.array([float(value) for key, value in row.items() if key not in words]) for row in rows(run_dir)
    }


def test_batch_size_and_count_change_nothing(photos: Path, toy: Path, whole: Path, tmp_path: Path) -> None:
    run(photos, toy, tmp_path / "run", "count=2", "batch_size=1")
    few, many = numbers(tmp_path / "run"), numbers(whole)
    assert len(few) == 4 and len(many) == 10
    for name, row in few.items():
        assert np.allclose(row, many[name], atol=2e-3)


def chosen_for(photos: Path, count: int) -> dict[str, list[str]]:
    """Photograph that comes after the first `count` -> pairs among the first that it is the other one of."""
    pairs, found = pairs_of(photos, 2), {}
    others, first = Others(pairs, 0), pairs.first(count)
    for name in first.names:
        if others.photo(name) not in first.photos:
            found.setdefault(others.photo(name), []).append(name)
    return found


def test_another_photograph_that_cannot_be_read_is_told_and_the_rest_kept(
    toy: Path, photos: Path, whole: Path, tmp_path: Path
) -> None:
    copy, (photo, names) = folder_of(tmp_path / "photos", NAMES), next(iter(chosen_for(photos, 5).items()))
    file = copy / f"{photo}.png"
    data = file.read_bytes()
    file.write_bytes(b"none")
    more = ("count=5", "batch_size=4")
    with pytest.raises(InputError, match=f"{file}: cannot be read as a picture"):
        run(copy, toy, tmp_path / "run", *more)
    assert set(numbers(tmp_path / "run")) == set(numbers(whole)) - set(names)
    file.write_bytes(data)
    run(copy, toy, tmp_path / "run", *more)  # the same command continues
    assert numbers(tmp_path / "run").keys() == numbers(whole).keys()
    assert all(np.allclose(row, numbers(whole)[name], atol=2e-3) for name, row in numbers(tmp_path / "run").items())


def test_pairs_whose_other_photograph_changed_are_measured_again(toy: Path, photos: Path, tmp_path: Path) -> None:
    copy, found = folder_of(tmp_path / "photos", NAMES), chosen_for(photos, 5)
    photo, names = next(iter(found.items()))
    run(copy, toy, tmp_path / "run", "count=5")
    before = rows(tmp_path / "run")
    run(copy, toy, tmp_path / "run", "count=5")
    assert rows(tmp_path / "run") == before
    Image.new("RGB", (144, 128), "red").save(copy / f"{photo}.png")
    run(copy, toy, tmp_path / "run", "count=5")
    changed = [new["name"] for new, old in zip(rows(tmp_path / "run"), before, strict=True) if new != old]
    assert changed == names


def test_another_photograph_must_be_what_the_manifest_says(toy: Path, tmp_path: Path) -> None:
    copy = folder_of(tmp_path / "photos", NAMES[:3])
    run(copy, toy, tmp_path / "run")
    done = numbers(tmp_path / "run")
    for file in (tmp_path / "run" / "chunks").iterdir():
        file.unlink()
    others = Others(pairs_of(copy, 2), 0)
    Image.new("RGB", (144, 128), "red").save(copy / "a-1.png")
    with pytest.raises(InputError, match="a-1.png: its bytes are others than in the manifest"):
        run(copy, toy, tmp_path / "run")
    spoilt = {"a-1-1", "a-1-2"} | {name for name in done if others.photo(name) == "a-1"}
    assert set(numbers(tmp_path / "run")) == set(done) - spoilt != set(done)


def test_drawn_scenes_are_measured_too(toy: Path, tmp_path: Path) -> None:
    words = [*stand_in("method=asuka_other", toy), *SMALL, "data=synthetic", "data.val_count=3"]
    evaluate(composed("evaluate", *words, f"run_dir={tmp_path}/run"))
    assert len(numbers(tmp_path / "run")) == 6


def test_a_single_photograph_has_no_other_one(toy: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a: is the only photograph of its set, so there is no other one; give two or"):
        run(folder_of(tmp_path / "photos", ("a",)), toy, tmp_path / "run")
    assert not (tmp_path / "run" / "chunks").exists()


def test_a_picture_by_itself_has_no_other_one(toy: Path, photos: Path, tmp_path: Path) -> None:
    Image.new("L", (144, 128), 255).save(tmp_path / "mask.png")
    words = [f"image={photos}/a.png", f"mask={tmp_path}/mask.png", f"out={tmp_path}/out.png", "device=cpu"]
    with pytest.raises(InputError, match="condition=other takes its prior from another picture of a set .*evaluate"):
        inpaint(composed("inpaint", *stand_in("method=asuka_other", toy), *words))
    assert not (tmp_path / "out.png").exists()
