"""U-IDS and P-IDS: scikit-learn, the official release, sets that are too small, and equal features."""

from pathlib import Path

import numpy as np
import pytest
import torch
from made_features import made
from safetensors.torch import load_file
from sklearn.svm import LinearSVC
from torch import Tensor

from asuka.errors import InputError
from asuka.metrics import discriminative
from asuka.metrics.discriminative import Discriminative, ids
from asuka.metrics.metric import MisleadingError
from asuka.metrics.whole import Pairs

FIXTURES = Path(__file__).parent / "fixtures"


def sklearns(real: Tensor, result: Tensor, photo: Tensor) -> dict[str, float]:
    rows, count = np.concatenate([real[photo].numpy(), result.numpy()]), len(result)
    labels = np.repeat([1, 0], count)
    svm = LinearSVC(dual=False).fit(rows, labels)
    height = svm.decision_function(rows)
    return {"u_ids": 1 - svm.score(rows, labels), "p_ids": (height[count:] > height[:count]).mean()}


@pytest.mark.parametrize(
    "sets",
    [
        pytest.param(made(1500, 64, apart=3), id="easy"),
        pytest.param(made(1500, 64, apart=0.2), id="hard"),
        pytest.param(made(400, 64, 4, apart=0.5, decay=0), id="holes"),
        pytest.param(tuple(10 * rows if rows.is_floating_point() else rows for rows in made(900, 64)), id="large"),
        pytest.param(made(60, 200), id="fewer than dimensions"),
    ],
)
def test_it_is_scikit_learns(sets: tuple[Tensor, Tensor, Tensor]) -> None:
    found = Discriminative(Pairs.of(*sets), "").numbers()
    assert found == pytest.approx(sklearns(*sets), abs=1e-3)


def test_it_is_that_of_the_official_release() -> None:
    sets = load_file(FIXTURES / "ids_small.safetensors")
    found = ids(sets["real"], sets["fake"], torch.arange(200))
    assert found == pytest.approx({"u_ids": 0.1375, "p_ids": 0.035}, abs=1e-9)


def test_the_plane_is_the_lowest() -> None:
    real, result, photo = made(200, 16, 2)
    svm = Discriminative(Pairs.of(real, result, photo), "").svm
    plane = svm.plane.clone().requires_grad_()
    rows = torch.cat([torch.cat([real[photo], result]), torch.ones(800, 1)], 1).double()
    side = torch.cat([torch.ones(400), -torch.ones(400)]).double()
    (plane.square().sum() / 2 + (1 - side * (rows @ plane)).clamp(min=0).square().sum()).backward()
    assert plane.grad.norm() < 1e-8


def test_a_photograph_that_comes_once_for_each_result_weighs_as_much() -> None:
    real, result, photo = made(200, 16, 3)
    assert ids(real[photo], result, torch.arange(600)) == pytest.approx(ids(real, result, photo), abs=1e-9)


def test_equal_features_cannot_be_told_apart_and_are_never_above() -> None:
    real, _, photo = made(300, 16)
    assert ids(real, real.clone(), photo) == {"u_ids": 0.5, "p_ids": 0}


def test_a_result_equal_to_its_own_photograph_is_not_above_it() -> None:
    real, result, photo = made(300, 16)
    changed = result.clone()
    changed[::2] = real[photo][::2]
    assert ids(real, changed, photo)["p_ids"] < 0.5


@pytest.mark.parametrize(
    ("photographs", "width", "holes", "refused"),
    [
        (129, 64, 1, True),
        (130, 64, 1, False),
        (68, 64, 16, True),
        (70, 64, 16, False),
        (346, 2048, 8, True),
        (2000, 2048, 1, True),
    ],
)
def test_too_few_pairs_are_refused(photographs: int, width: int, holes: int, refused: bool) -> None:
    pairs = Pairs(
        *(torch.zeros(count, width) for count in (photographs, photographs * holes)),
        *(torch.zeros(0, dtype=torch.long) for _ in range(2)),
    )
    if refused:
        why = (
            f"no u_ids and p_ids of {photographs * holes} results of {photographs} photographs: a plane in {width} dim"
        )
        with pytest.raises(MisleadingError, match=f"{why}.* must be {2 * width + 2}: give more"):
            discriminative.require_enough("u_ids and p_ids", pairs, "give more")
    else:
        discriminative.require_enough("u_ids and p_ids", pairs, "give more")


def test_ids_refuses_and_names_the_way_out() -> None:
    with pytest.raises(MisleadingError, match="or take u_ids_pca64 and p_ids_pca64"):
        ids(*made(100, 64))


@pytest.mark.parametrize("holes", [1, 8])
def test_below_what_is_refused_equal_distributions_are_told_apart(holes: int) -> None:
    """Why it is refused: the sets differ in nothing."""
    rng, photographs = torch.Generator().manual_seed(0), 48 // (1 + holes)
    photo = torch.arange(photographs).repeat_interleave(holes)
    real, result = 10 * torch.randn(photographs, 32, generator=rng), 10 * torch.randn(len(photo), 32, generator=rng)
    assert Discriminative(Pairs.of(real, result, photo), "").numbers() == {"u_ids": 0, "p_ids": 0}


def test_no_end_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(discriminative, "STEPS", 1)
    with pytest.raises(InputError, match="no plane between the features was found in 1 steps"):
        ids(*made(200, 16, apart=5))


@pytest.mark.slow
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_a_gpu_gives_the_same() -> None:
    sets = made(3000, 512)
    assert ids(*(value.cuda() for value in sets)) == pytest.approx(ids(*sets), abs=1e-3)
