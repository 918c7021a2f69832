"""KID: torch-fidelity, its definition pair by pair, and that it has no bias."""

import pytest
import torch
from made_features import made
from torch import Tensor
from torch_fidelity.metric_kid import kid_features_to_metric

from asuka.metrics.kernel import kid
from asuka.metrics.metric import MisleadingError

CUBIC = {f"kid_kernel_poly_{name}": value for name, value in (("degree", 3), ("gamma", None), ("coef0", 1))}


@pytest.mark.parametrize(("count", "width"), [(100, 64), (40, 100)])
def test_it_is_torch_fidelitys_where_the_subset_is_the_set(count: int, width: int) -> None:
    real, result, photo = made(count, width)
    theirs = kid_features_to_metric(
        real.double(), result.double(), kid_subsets=1, kid_subset_size=count, kid_kernel="poly", verbose=False, **CUBIC
    )
    assert kid(real, result, photo)["kid"] == pytest.approx(theirs["kernel_inception_distance_mean"], rel=1e-9)


def test_it_is_what_torch_fidelitys_subsets_scatter_around() -> None:
    real, result, photo = made(400, 16)
    theirs = kid_features_to_metric(
        *(real.double(), result.double()),
        kid_subsets=200,
        kid_subset_size=100,
        kid_kernel="poly",
        verbose=False,
        **CUBIC,
    )
    error = theirs["kernel_inception_distance_std"] / 200**0.5
    assert kid(real, result, photo)["kid"] == pytest.approx(theirs["kernel_inception_distance_mean"], abs=3 * error)


def test_it_is_its_definition() -> None:
    real, result, photo = made(7, 5, 3)

    def mean(one: Tensor, other: Tensor, among: Tensor) -> float:
        return ((one.double() @ other.double().T / 5 + 1) ** 3)[among].mean().item()

    apart = photo[:, None] != photo
    expected = mean(real, real, ~torch.eye(7, dtype=torch.bool)) + mean(result, result, apart)
    expected -= 2 * mean(real, result, torch.ones(7, 21, dtype=torch.bool))
    assert kid(real, result, photo)["kid"] == pytest.approx(expected, rel=1e-10)


def test_several_results_of_a_photograph_leave_it_without_bias() -> None:
    rng, photo = torch.Generator().manual_seed(0), torch.arange(12).repeat_interleave(4)
    found = []
    for _ in range(400):
        real, other = torch.randn(2, 12, 3, generator=rng)
        result = 0.9 * other[photo] + 0.19**0.5 * torch.randn(48, 3, generator=rng)
        found.append(kid(real, result, photo)["kid"])
    values = torch.tensor(found)
    assert abs(values.mean()) < 3 * values.std() / 20


def test_a_single_photograph_is_refused() -> None:
    real, result, photo = made(1, 24, 3)
    with pytest.raises(MisleadingError, match="kid of 1 photographs: one alone has no pair"):
        kid(real, result, photo)
