"""Hole generators: what every one of them promises, for every option file in conf/masks."""

import subprocess
import sys
import time
from dataclasses import MISSING, fields
from pathlib import Path

import numpy as np
import pytest
from hydra.utils import get_class, instantiate
from omegaconf import OmegaConf

from asuka.data.masks import Border, Boxes, Complement, Holes, Mixed, Objects, Patches, Strokes

FILES = sorted((Path(__file__).parents[1] / "conf" / "masks").glob("*.yaml"))
SIZES = {(128, 128): 300, (96, 160): 300, (32, 200): 300, (16, 16): 300, (512, 512): 60}
SHAPED = (Strokes, Objects, Boxes, Border, Complement, Mixed)

by_file = pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)


def build(file: Path) -> Holes:
    return instantiate(OmegaConf.load(file))


def is_box(mask: np.ndarray) -> bool:
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    return mask.sum() == (np.ptp(rows) + 1) * (np.ptp(columns) + 1)


def test_every_kind_has_its_file() -> None:
    names = {"strokes", "boxes", "objects", "border", "complement", "patches", "mixed", "paper"}
    assert names <= {file.stem for file in FILES}


@by_file
@pytest.mark.parametrize("size", SIZES, ids=str)
def test_masks_are_binary_and_in_bounds(file: Path, size: tuple[int, int]) -> None:
    holes, rng = build(file), np.random.default_rng(7)
    for _ in range(SIZES[size]):
        mask = holes(rng, *size)
        assert mask.dtype == np.uint8
        assert mask.shape == size
        assert mask.flags.c_contiguous
        assert mask.min() == 0
        assert mask.max() == 1
        assert holes.lo <= mask.mean() <= holes.hi


@pytest.mark.slow
@by_file
@pytest.mark.parametrize("size", [(128, 128), (512, 512), (96, 160)], ids=str)
def test_two_thousand_masks_keep_every_promise(file: Path, size: tuple[int, int]) -> None:
    holes, again = build(file), build(file)
    for seed in range(2000):
        mask = holes(np.random.default_rng(seed), *size)
        assert (mask.dtype, mask.shape, mask.max()) == (np.uint8, size, 1)
        assert 0 < np.count_nonzero(mask) < mask.size
        assert holes.lo <= mask.mean() <= holes.hi
        assert np.array_equal(mask, again(np.random.default_rng(seed), *size))


@by_file
def test_a_mask_takes_less_than_two_milliseconds(file: Path) -> None:
    holes, rng, spent = build(file), np.random.default_rng(1), []
    for _ in range(150):
        start = time.process_time()
        holes(rng, 512, 512)
        spent.append(time.process_time() - start)
    assert np.mean(spent) < 0.002


def test_statistics_are_those_of_the_masks_and_come_with_published_ones() -> None:
    script = [sys.executable, str(Path(__file__).parents[1] / "scripts" / "make_masks.py"), "strokes", "--count", "40"]
    lines = subprocess.run([*script, "--size", "512"], check=True, capture_output=True, text=True).stdout.splitlines()
    rng = np.random.default_rng(0)
    shares = [Strokes()(rng, 512, 512).mean() for _ in range(40)]
    wanted = (np.mean(shares), np.std(shares), *np.percentile(shares, [5, 25, 50, 75, 95]))
    assert lines[0].split() == ["kind", "mean", "sd", "p5", "p25", "p50", "p75", "p95", "ms"]
    assert lines[1].split()[:8] == ["strokes", *(f"{value:.4f}" for value in wanted)]
    other = next(line for line in lines if line.startswith("Co-Mod-GAN "))
    assert [other[16 + 8 * place : 24 + 8 * place].strip() for place in range(7)] == [
        *("0.6437", "0.1785", "0.3047", "", "0.6687", "", "0.8902")
    ]
    assert "masks each by the authors' published code" in " ".join(lines)


@by_file
def test_the_seed_decides(file: Path) -> None:
    for size in ((64, 64), (32, 200)):
        first = [build(file)(np.random.default_rng(seed), *size).tobytes() for seed in range(40)]
        again = [build(file)(np.random.default_rng(seed), *size).tobytes() for seed in range(40)]
        assert first == again
        assert len(set(first)) >= 39


@by_file
def test_file_shows_every_knob_with_its_default(file: Path) -> None:
    shown = dict(OmegaConf.load(file))
    knobs = {knob.name: knob.default for knob in fields(get_class(shown.pop("_target_")))}
    assert MISSING not in knobs.values()
    assert set(shown) == set(knobs)
    if file.stem != "paper":
        assert shown == knobs
    assert len(file.read_text().splitlines()) <= 15


@pytest.mark.parametrize(("size", "cell"), [(128, 8), (256, 16)])
def test_patches_are_exactly_three_quarters_of_the_cells(size: int, cell: int) -> None:
    rng = np.random.default_rng(3)
    for _ in range(20):
        cells = Patches()(rng, size, size).reshape(16, cell, 16, cell).sum((1, 3))
        assert set(np.unique(cells)) == {0, cell**2}
        assert np.count_nonzero(cells) == 192


@pytest.mark.parametrize("size", [(128, 128), (32, 200), (16, 16)], ids=str)
def test_paper_has_neither_rectangles_nor_complements_of_them(size: tuple[int, int]) -> None:
    holes, rng = build(FILES[0].with_name("paper.yaml")), np.random.default_rng(11)
    for _ in range(1000):
        mask = holes(rng, *size)
        assert not is_box(mask)
        assert not is_box(1 - mask)
        assert 0.2 <= mask.mean() <= 0.8


def test_mixed_spreads_over_the_whole_range() -> None:
    holes, rng = Mixed(), np.random.default_rng(5)
    shares = np.array([holes(rng, 128, 128).mean() for _ in range(1500)])
    assert np.all(np.histogram(shares, np.linspace(0.05, 0.9, 9))[0] >= 15)
    assert 0.28 < shares.mean() < 0.42


@pytest.mark.parametrize("kind", SHAPED, ids=lambda kind: kind.__name__)
def test_holes_look_alike_at_any_resolution(kind: type[Holes]) -> None:
    pairs = [(np.random.default_rng(2), side) for side in (128, 512)]
    shares = [[kind()(rng, side, side).mean() for _ in range(300)] for rng, side in pairs]
    assert abs(np.mean(shares[0]) - np.mean(shares[1])) < 0.05


@pytest.mark.parametrize("kind", SHAPED, ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("lo", "hi"), [(0.5, 0.502), (0.01, 0.0125), (0.98, 0.99)])
def test_narrow_bounds_are_kept_all_the_same(kind: type[Holes], lo: float, hi: float) -> None:
    rng = np.random.default_rng(0)
    for size in ((16, 16), (32, 200), (9, 64)):
        shares = [kind(lo=lo, hi=hi)(rng, *size).mean() for _ in range(10)]
        assert lo <= min(shares)
        assert max(shares) <= hi


@pytest.mark.parametrize("kind", SHAPED, ids=lambda kind: kind.__name__)
def test_pictures_of_a_few_pixels(kind: type[Holes]) -> None:
    rng = np.random.default_rng(0)
    for size in ((1, 2), (2, 1), (2, 2), (1, 40), (3, 5), (8, 8)):
        for _ in range(20):
            assert 0.05 <= kind(lo=0.05)(rng, *size).mean() <= 0.9


def test_patches_of_uneven_cells_stay_in_bounds() -> None:
    holes, rng = Patches(lo=0.7499, hi=0.7501), np.random.default_rng(0)
    assert all(0.7499 <= holes(rng, 117, 203).mean() <= 0.7501 for _ in range(50))


@by_file
@pytest.mark.parametrize("size", [(1, 1), (0, 8), (8, -1)])
def test_too_small_a_picture_is_an_error_with_a_remedy(file: Path, size: tuple[int, int]) -> None:
    with pytest.raises(ValueError, match=rf"{size[0]} x {size[1]} pixels .*larger picture.*\.$"):
        build(file)(np.random.default_rng(0), *size)


def test_patches_need_a_pixel_per_cell() -> None:
    with pytest.raises(ValueError, match=r"8 x 200 pixels .*16 x 16 cells; give a larger picture or"):
        Patches()(np.random.default_rng(0), 8, 200)


@pytest.mark.parametrize("kind", [*SHAPED, Patches], ids=lambda kind: kind.__name__)
@pytest.mark.parametrize(("lo", "hi"), [(0.5, 0.5), (0.6, 0.4), (0, 0.5), (0.5, 1), (-1, 2), (np.nan, 0.9)])
def test_bad_bounds_are_named_with_a_remedy(kind: type[Holes], lo: float, hi: float) -> None:
    with pytest.raises(ValueError, match=rf"{kind.__name__}: lo={lo}, hi={hi} .*give 0 < lo < hi < 1\.$"):
        kind(lo=lo, hi=hi)


@pytest.mark.parametrize(
    ("kind", "knobs", "sentence"),
    [
        (Strokes, {"min_count": 0}, "Strokes: min_count=0 .* whole number from 1 up, not above max_count=5"),
        (Strokes, {"max_count": 2.5}, "Strokes: max_count=2.5 .* whole number"),
        (Strokes, {"scribble": 1.5}, "Strokes: scribble=1.5 .* share from 0 to 1"),
        (Boxes, {"min_side": 0.7}, "Boxes: min_side=0.7 .* not above max_side=0.6"),
        (Patches, {"ratio": 0.999}, "Patches: ratio=0.999 of 16 x 16 cells .* hi=0.9"),
        (Mixed, {"strokes": -0.1}, "Mixed: strokes=-0.1 .* share from 0 to 1"),
        (Complement, {"strokes": 0, "objects": 0, "boxes": 0}, "Complement: all weights are 0; give"),
    ],
)
def test_bad_knobs_are_named_with_a_remedy(kind: type[Holes], knobs: dict[str, float], sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        kind(**knobs)
