"""FID: known answers, torch-fidelity, scipy, the official release, and sets that are small or have no full rank."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_features import made
from safetensors.torch import load_file
from scipy.linalg import sqrtm
from torch import Tensor
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric

from asuka.metrics.frechet import Few, Many, fid, frechet
from asuka.metrics.metric import MisleadingError

FIXTURES = Path(__file__).parent / "fixtures"
# Photographs, features, results of each: more pictures than dimensions on both sides, on one, on none.
SIZES = [(300, 24, 1), (130, 24, 3), (20, 24, 4), (10, 24, 1)]


def torch_fidelity(real: Tensor, result: Tensor) -> float:
    statistics = (fid_features_to_statistics(rows.double()) for rows in (real, result))
    return fid_statistics_to_metric(*statistics, verbose=False)["frechet_inception_distance"]


def by_root(real: Tensor, result: Tensor) -> float:
    means, covariances = zip(
        *((rows.mean(0), np.cov(rows.T)) for rows in (real.double(), result.double())), strict=True
    )
    root = sqrtm(covariances[0] @ covariances[1])
    return float((means[0] - means[1]).square().sum() + np.trace(covariances[0] + covariances[1] - 2 * root.real))


@pytest.mark.parametrize(("photographs", "width", "holes"), SIZES)
def test_it_is_that_of_others(photographs: int, width: int, holes: int) -> None:
    real, result, photo = made(photographs, width, holes)
    found = fid(real, result, photo)
    # A product without full rank has roots of rounding in the place of 0, which the others count.
    near = 1e-9 if photographs > width else 1e-5
    assert found == {"fid": pytest.approx(torch_fidelity(real, result), rel=near)}
    assert found == {"fid": pytest.approx(by_root(real, result), rel=near)}


def test_it_is_that_of_the_official_release() -> None:
    sets = load_file(FIXTURES / "ids_small.safetensors")
    found = fid(sets["real"], sets["fake"], torch.arange(200))
    assert found["fid"] == pytest.approx(25.706854575002968, rel=1e-6)


@pytest.mark.parametrize(("photographs", "width", "holes"), SIZES)
def test_of_a_stretched_set_it_is_known(photographs: int, width: int, holes: int) -> None:
    real, _, photo = made(photographs, width, holes)
    result = (3 * real + 5)[photo]
    expected = (2 * real.double().mean(0) + 5).square().sum()
    first, second = (rows.double().var(0).sum() for rows in (real, result))
    # Equal directions: the root's trace is that of the roots.
    expected += first + second - 2 * (first * second).sqrt()
    assert fid(real, result, photo)["fid"] == pytest.approx(expected.item(), rel=1e-6)


@pytest.mark.parametrize(("photographs", "width", "holes"), [(size) for size in SIZES if size[2] == 1])
def test_equal_sets_have_none(photographs: int, width: int, holes: int) -> None:
    real, _, photo = made(photographs, width, holes)
    assert 0 <= fid(real, real.clone(), photo)["fid"] < 1e-12


@pytest.mark.parametrize("count", [10, 300])
def test_features_that_never_change_or_always_agree_do_no_harm(count: int) -> None:
    real, result, photo = made(count, 24)
    expected = fid(real[:, 4:], result[:, 4:], photo)["fid"]
    for rows in (real, result):
        rows[:, :4] = 0
    assert fid(real, result, photo)["fid"] == pytest.approx(expected, rel=1e-9)
    doubled = [torch.cat([rows[:, 4:], rows[:, 4:]], 1) for rows in (real, result)]
    assert fid(*doubled, photo)["fid"] == pytest.approx(2 * expected, rel=1e-6)


def test_both_ways_give_the_same() -> None:
    real, result, photo = made(60, 24, 2)
    whole = frechet(real, result, photo)
    assert isinstance(whole, Many)
    assert Few(whole.pairs).numbers()["fid"] == pytest.approx(whole.numbers()["fid"], rel=1e-10)


@pytest.mark.parametrize("apart", [0.5, 5.0])  # what rounding does to the roots matters, and does not
def test_pictures_that_come_again_do_no_harm(apart: float) -> None:
    """As holes of one photograph do whose boxes are all of it: as many pictures as dimensions, and no full rank."""
    real, result, photo = made(120, 96, apart=apart, decay=-1.5)
    real[80:] = real[:40]
    near = real[photo] + 0.01 * (result - real[photo])
    for rows in (result, near):
        whole = frechet(real, rows, photo)
        assert isinstance(whole, Many)
        assert Few(whole.pairs).numbers()["fid"] == pytest.approx(whole.numbers()["fid"], rel=1e-6)


def test_a_single_picture_is_refused() -> None:
    real, result, photo = made(1, 24, 3)
    with pytest.raises(MisleadingError, match="fid of 1 pictures: one alone has no spread; give two or more"):
        fid(real, result, photo)


@pytest.mark.slow
def test_it_is_torch_fidelitys_at_the_size_of_places2() -> None:
    real, result, photo = made(36500, 2048, decay=-0.7)
    assert fid(real, result, photo)["fid"] == pytest.approx(torch_fidelity(real, result), rel=1e-6)
