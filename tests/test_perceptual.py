"""Promises of the perceptual distances: zero for equals, more for worse, gradients for pictures only."""

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor
from untrained import lpips

from asuka.errors import InputError
from asuka.metrics.perceptual import perceptual


def pictures(count: int = 2) -> Tensor:
    """Smooth colour fields (count, 3, 64, 64) in [-1, 1]."""
    coarse = torch.randn(count, 3, 6, 6, generator=torch.Generator().manual_seed(0))
    return torch.nn.functional.interpolate(coarse, (64, 64), mode="bicubic").tanh()


def noise() -> Tensor:
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))


@pytest.fixture(scope="module", autouse=True)
def untrained_alex(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """In the place of the fetched trunks, some of the same shape and layout that nobody trained."""
    with pytest.MonkeyPatch.context() as patch:
        lpips(tmp_path_factory.mktemp("lpips"), patch)
        yield


@pytest.fixture(scope="module", params=["lite", "alex"])
def distance(request: pytest.FixtureRequest, untrained_alex: None) -> torch.nn.Module:
    return perceptual(request.param)


def test_equal_pictures_are_at_distance_zero(distance: torch.nn.Module) -> None:
    assert distance(pictures(), pictures()).tolist() == [0, 0]


def test_more_noise_is_farther(distance: torch.nn.Module) -> None:
    away = torch.stack([distance(pictures() + sd * noise(), pictures()) for sd in (0.02, 0.1, 0.3)])
    assert (away.diff(dim=0) > 0).all()


def test_only_the_picture_gets_a_gradient(distance: torch.nn.Module) -> None:
    result = (pictures() + 0.1 * noise()).requires_grad_()
    distance(result, pictures()).sum().backward()
    assert result.grad.isfinite().all()
    assert (result.grad.flatten(1).norm(dim=1) > 0).all()
    assert not any(parameter.requires_grad for parameter in distance.parameters())


def test_flat_and_equal_pictures_have_finite_gradients(distance: torch.nn.Module) -> None:
    for level in (-1.0, 0.0, 1.0):
        result = torch.full((1, 3, 64, 64), level, requires_grad=True)
        distance(result, pictures(1)).sum().backward()
        distance(result, result.detach()).sum().backward()
        assert result.grad.isfinite().all()


def test_rows_are_independent(distance: torch.nn.Module) -> None:
    result = pictures() + 0.1 * noise()
    together = distance(result, pictures())
    alone = torch.cat([distance(result[i : i + 1], pictures()[i : i + 1]) for i in range(2)])
    assert together.shape == (2,)
    torch.testing.assert_close(together, alone, rtol=1e-4, atol=1e-6)


def test_it_stays_frozen_and_in_evaluation_mode_inside_a_stage(distance: torch.nn.Module) -> None:
    stage = torch.nn.ModuleList([distance]).train()
    before = distance(pictures() + 0.1 * noise(), pictures())
    assert not any(module.training for module in stage[0].modules())
    assert torch.equal(distance(pictures() + 0.1 * noise(), pictures()), before)


def test_building_it_draws_no_random_numbers(distance: torch.nn.Module) -> None:
    torch.manual_seed(0)
    perceptual(distance.name)
    drawn = torch.rand(3)
    torch.manual_seed(0)
    assert torch.equal(drawn, torch.rand(3))


def test_lite_keeps_the_value_it_had_when_it_told_a_cat_from_an_espresso() -> None:
    found = perceptual("lite")(pictures() + 0.1 * noise(), pictures())
    torch.testing.assert_close(found, torch.tensor([1.8771, 2.0240]), rtol=1e-3, atol=0)


def test_an_unknown_distance_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(InputError, match="no perceptual distance 'light'; did you mean lite"):
        perceptual("light")
