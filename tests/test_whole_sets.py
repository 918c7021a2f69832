"""What every metric of whole sets promises: what does not matter, what is worse, and what remains without some."""

import pytest
import torch
from made_features import made

from asuka.errors import InputError
from asuka.metrics.discriminative import ids
from asuka.metrics.frechet import fid
from asuka.metrics.kernel import kid
from asuka.metrics.whole import Pairs, Reducer

EVERY = [pytest.param(reduce, id=name) for name, reduce in (("fid", fid), ("kid", kid), ("ids", ids))]
# Photographs and features: the first are many for their dimensions; FID takes another way for few.
SIZES = [(120, 16), (40, 16)]


def near(numbers: dict[str, float]) -> object:
    return pytest.approx(numbers, rel=1e-7, abs=1e-9)


@pytest.mark.parametrize("reduce", EVERY)
def test_order_does_not_matter(reduce: Reducer) -> None:
    real, result, photo = made(120, 16, 2)
    expected, rng = near(reduce(real, result, photo)), torch.Generator().manual_seed(1)
    order = torch.randperm(len(result), generator=rng)
    assert reduce(real, result[order], photo[order]) == expected
    order = torch.randperm(len(real), generator=rng)
    assert reduce(real[order], result, order.argsort()[photo]) == expected


@pytest.mark.parametrize("reduce", EVERY)
def test_photographs_without_a_result_do_not_count(reduce: Reducer) -> None:
    real, result, photo = made(120, 16, 2)
    expected = near(reduce(real, result, photo))
    assert reduce(torch.cat([real, real[:50]]), result, photo) == expected
    assert reduce(torch.cat([real[:50] + 9, real]), result, photo + 50) == expected


@pytest.mark.parametrize("reduce", EVERY)
def test_more_damage_is_never_better(reduce: Reducer) -> None:
    real, _, photo = made(400, 16)
    noise = torch.rand(real.shape, generator=torch.Generator().manual_seed(1))
    rows = [reduce(real, real + level * noise, photo) for level in (0.1, 0.3, 0.6, 1.0, 2.0)]
    for name in rows[0]:
        values = [row[name] if name in ("fid", "kid") else -row[name] for row in rows]
        assert values == sorted(values), name


@pytest.mark.parametrize("reduce", [fid, kid])
def test_equal_sets_are_the_best(reduce: Reducer) -> None:
    real, result, photo = made(120, 16)
    for name, value in reduce(real, real.clone(), photo).items():
        assert value <= 1e-12
        assert value < reduce(real, result, photo)[name]


@pytest.mark.parametrize(("photographs", "width"), SIZES)
@pytest.mark.parametrize("reduce", EVERY)
def test_without_some_it_is_that_of_the_others(reduce: Reducer, photographs: int, width: int) -> None:
    real, result, photo = made(photographs, width, 3)
    gone = torch.arange(photographs) % 8 == 3
    keep, place = ~gone[photo], torch.cumsum(~gone, 0) - 1
    expected = reduce(real[~gone], result[keep], place[photo[keep]])
    assert reduce.open(real, result, photo).without(gone) == near(expected)
    # Rows of photographs without a result have no group to be in.
    more = torch.cat([gone, torch.tensor([True, False])])
    assert reduce.open(torch.cat([real, real[:2]]), result, photo).without(more) == near(expected)


def test_the_caller_keeps_his_features() -> None:
    real, result, photo = made(120, 16)
    before = [value.clone() for value in (real, result, photo)]
    for reduce in (fid, kid, ids):
        reduce.open(real, result, photo).without(torch.arange(120) < 6)
    assert all(torch.equal(*pair) for pair in zip(before, (real, result, photo), strict=True))


@pytest.mark.parametrize("reduce", EVERY)
def test_half_precision_is_taken(reduce: Reducer) -> None:
    real, result, photo = made(120, 16)
    halves = real.half(), result.half()
    assert reduce(*halves, photo) == near(reduce(*(rows.float() for rows in halves), photo))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda real, result, photo: (real, result[:, 1:], photo), r"features \(9, 4\) and \(9, 3\), .* give \(P, K\)"),
        (lambda real, result, photo: (real, result, photo[1:]), r"photographs \(8,\): give"),
        (lambda real, result, photo: (real, result, photo + 1), "photographs 1 to 9 of 9: give rows of `real`"),
        (lambda real, result, photo: (real * torch.inf, result, photo), r"of the photographs are not finite \(row 0\)"),
        (lambda real, result, photo: (real, result.sqrt(), photo), "of the results are not finite"),
    ],
)
def test_what_does_not_fit_is_refused(change: object, message: str) -> None:
    real, result, photo = made(9, 4)
    with pytest.raises(InputError, match=message):
        Pairs.of(*change(real, result - 5, photo))
