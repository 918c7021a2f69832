"""Intervals hold the truth as often as they say, and are those of both methods alike."""

import math

import pytest
import torch
from made_features import made
from scipy.stats import t

from asuka.errors import InputError
from asuka.metrics.frechet import fid
from asuka.metrics.interval import bootstrap, groups, jackknife, leave_out, student
from asuka.metrics.metric import MisleadingError

NAMES = [f"outdoor/{number:04}.jpg" for number in range(346)]


def test_the_bootstrap_holds_the_truth_as_often_as_it_says() -> None:
    rng, photo = torch.Generator().manual_seed(0), torch.arange(60).repeat_interleave(3)
    held = naive = 0
    for seed in range(200):
        values = torch.randn(60, generator=rng).exp()[photo] + torch.randn(180, generator=rng)
        low, high = bootstrap(values, photo, seed)
        held += low <= math.exp(0.5) <= high
        if seed < 60:  # as if every result had a photograph of its own
            low, high = bootstrap(values, torch.arange(180), seed)
            naive += low <= math.exp(0.5) <= high
    assert 0.90 <= held / 200 <= 0.98
    assert naive / 60 < 0.85


def test_the_bootstrap_has_a_known_answer() -> None:
    values = torch.randn(2000, generator=torch.Generator().manual_seed(0)).double()
    low, high = bootstrap(values, torch.arange(2000), 0)
    width = 1.96 * values.std().item() / 2000**0.5
    assert (low, high) == pytest.approx((values.mean().item() - width, values.mean().item() + width), abs=0.1 * width)


def test_the_bootstrap_is_a_function_of_its_seed() -> None:
    values, photo = torch.randn(12, generator=torch.Generator().manual_seed(0)), torch.arange(12) // 2
    assert bootstrap(values, photo, 1) == bootstrap(values, photo, 1) != bootstrap(values, photo, 2)
    assert bootstrap(values, 7 * photo + 3, 1) == bootstrap(values, photo, 1)


@pytest.mark.parametrize("seed", range(3))
def test_equal_values_have_no_width(seed: int) -> None:
    assert bootstrap(torch.full((9,), 0.5), torch.arange(9) % 4, seed) == (0.5, 0.5)


def test_what_has_no_interval_is_refused() -> None:
    with pytest.raises(InputError, match="give finite ones"):
        bootstrap(torch.tensor([1, torch.inf]), torch.arange(2), 0)
    with pytest.raises(MisleadingError, match="over 1 photograph"):
        bootstrap(torch.arange(3.0), torch.zeros(3).long(), 0)
    with pytest.raises(MisleadingError, match="no interval from 4 groups"):
        jackknife({"fid": 1.0}, [{"fid": 1.0}] * 4)
    with pytest.raises(InputError, match="20 groups of 30 photographs"):
        leave_out(fid.open(*made(30, 4)), made(30, 4)[2], list(range(20)))


def test_groups_are_of_one_size_and_of_names_alone() -> None:
    found = groups(NAMES)
    sizes = [found.count(number) for number in range(20)]
    assert set(sizes) == {17, 18}
    assert groups(NAMES[::-1]) == found[::-1]
    assert groups(NAMES + NAMES[:9]) == found + found[:9]
    assert found != [number % 20 for number in range(346)]
    assert groups(NAMES[:3]) in ([0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0])


def test_the_quantile_is_students() -> None:
    for freedom in (4, 9, 19, 99):
        assert student(freedom) == pytest.approx(t.ppf(0.975, freedom), abs=0.003)


def test_of_means_the_jackknife_is_the_textbooks() -> None:
    values = torch.randn(20, generator=torch.Generator().manual_seed(0)).double()
    rest = [{"mean": ((values.sum() - value) / 19).item()} for value in values]
    expected = t.ppf(0.975, 19) * values.std().item() / 20**0.5
    assert jackknife({"mean": values.mean().item()}, rest) == {"mean": pytest.approx(expected, rel=1e-5)}


def test_the_interval_of_fid_is_as_wide_as_fid_scatters() -> None:
    """It is an interval around what sets of this size give on average: FID falls as the sets grow."""
    group, found = groups(NAMES[:200]), []
    for seed in range(120):
        rng = torch.Generator().manual_seed(seed)
        real, other = torch.randn(2, 200, 3, generator=rng)
        photo = torch.arange(400) % 200
        result = 0.5 * real[photo] + other[photo] + torch.randn(400, 3, generator=rng) + 0.5
        sets = (real, result, photo)
        whole = fid(*sets)
        found.append((whole["fid"], jackknife(whole, leave_out(fid.open(*sets), photo, group))["fid"]))
    values, widths = torch.tensor(found).T
    held = ((values - values.mean()).abs() <= widths).double().mean()
    assert 0.90 <= held <= 0.98


def test_the_interval_of_fid_holds_fid_unlike_one_with_replacement() -> None:
    real, result, photo = made(200, 64)
    whole = fid(real, result, photo)
    rest = leave_out(fid.open(real, result, photo), photo, groups(NAMES[:200]))
    assert jackknife(whole, rest)["fid"] < 0.2 * whole["fid"]
    rng = torch.Generator().manual_seed(0)
    drawn = [torch.randint(200, (200,), generator=rng) for _ in range(20)]
    twice = [fid(real[index], result[photo.argsort()][index], torch.arange(200))["fid"] for index in drawn]
    assert min(twice) > whole["fid"] + jackknife(whole, rest)["fid"]  # why none is ever built so


def test_a_difference_of_two_methods_is_known_better_than_either() -> None:
    real, result, photo = made(200, 8)
    better = 0.9 * result + 0.1 * real[photo]
    group = groups(NAMES[:200])
    sets = [(fid(real, rows, photo), leave_out(fid.open(real, rows, photo), photo, group)) for rows in (result, better)]
    widths = [jackknife(*each)["fid"] for each in sets]
    rest = [{"fid": one["fid"] - other["fid"]} for one, other in zip(sets[0][1], sets[1][1], strict=True)]
    assert jackknife({"fid": 0.0}, rest)["fid"] < 0.7 * min(widths)
