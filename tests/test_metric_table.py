"""Promises of every metric in the table: a new line there is tested the moment it exists."""

import math
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch
import untrained
from conftest import ROOT
from torch import Tensor

from asuka.data.synthetic import draw
from asuka.errors import InputError
from asuka.image import paste, to_tensor
from asuka.metrics import pixel, table
from asuka.metrics.metric import LOWER, MisleadingError, Rows, Score, SetScore
from asuka.metrics.table import BY_CLIP, PROTOCOLS, SCORES, Protocol, chosen

CPU = torch.device("cpu")
ALL = [(protocol, name) for protocol, parts in PROTOCOLS.items() for name in parts.scores]
# What these give does not depend on the result's known pixels: the official ones make their own composite.
HOLE_ONLY = {
    "standard": ("hole_psnr", "hole_ssim", "hole_l1", "colour_shift", "hole_de"),
    "official": tuple(PROTOCOLS["official"].scores),
}
# What these give does not depend on the result's hole.
KNOWN_ONLY = ("known_shift", "preservation_max", "preservation_mean")
# Networks that nobody trained need not find more noise to be more different.
UNTRAINED = tuple(BY_CLIP)
Case = tuple[str, str, Score, Rows]


@pytest.fixture(scope="module", autouse=True)
def clip(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Untrained networks in the place of the fetched ones; the folder of CLIP's."""
    with pytest.MonkeyPatch.context() as patch:
        untrained.lpips(Path(tmp_path_factory.mktemp("lpips")), patch)
        yield str(untrained.clip(tmp_path_factory.mktemp("clip")))


@pytest.fixture(scope="module")
def seen() -> tuple[Tensor, Tensor, Tensor]:
    """Truth, mask and noise: four drawn scenes with ragged holes."""
    rng = torch.Generator().manual_seed(0)
    truth = torch.stack([to_tensor(draw(index, 64).image) for index in range(4)])
    mask = torch.zeros(4, 1, 64, 64)
    mask[:, :, 20:50, 10:40] = 1
    mask[:, :, :, 30:36] = 1
    mask *= torch.rand(mask.shape, generator=rng) < 0.95
    return truth, mask, torch.randn(truth.shape, generator=rng)


@pytest.fixture(scope="module", params=ALL, ids=lambda case: "-".join(case))
def case(request: pytest.FixtureRequest, clip: str) -> Case:
    """A score's protocol and name, what the table says of it, and the score."""
    protocol, name = request.param
    score = chosen(protocol, [name], clip).scores[name]
    return protocol, name, score, score.make(CPU)


def noisy(truth: Tensor, noise: Tensor, amount: float) -> Tensor:
    return (truth + amount * noise).clamp(-1, 1)


@torch.no_grad()
def test_the_truth_has_the_best_value_and_more_noise_never_a_better_one(
    case: Case, seen: tuple[Tensor, Tensor, Tensor]
) -> None:
    _, name, score, rows = case
    truth, mask, noise = seen
    # Noise all over: the known pixels' scores are for raw results.
    found = torch.stack([rows(truth, mask, noisy(truth, noise, amount)) for amount in (0, 0.1, 0.3, 0.9)]).double()
    assert found.shape == (4, len(truth))
    if score.better is None:
        return
    worse = found if score.better == LOWER else -found
    assert (worse[0] <= worse[1:]).all()
    if name not in UNTRAINED:
        assert (worse[1:] >= worse[:-1]).all()
        assert (worse[3] > worse[0]).all()


@torch.no_grad()
def test_how_a_batch_is_split_changes_nothing(case: Case, seen: tuple[Tensor, Tensor, Tensor]) -> None:
    _, _, _, rows = case
    truth, mask, noise = seen
    parts = truth, mask, noisy(truth, noise, 0.3)
    split = torch.cat([rows(*(part[at : at + 1] for part in parts)) for at in range(len(truth))])
    torch.testing.assert_close(split, rows(*parts), rtol=1e-4, atol=1e-5)


@torch.no_grad()
def test_a_score_looks_where_its_name_says(case: Case, seen: tuple[Tensor, Tensor, Tensor]) -> None:
    protocol, name, _, rows = case
    truth, mask, noise = seen
    result = noisy(truth, noise, 0.3)
    around, inside = paste(noisy(truth, noise, 0.9), mask, result), paste(result, mask, noisy(truth, noise, 0.9))
    found = rows(truth, mask, result)
    assert torch.equal(rows(truth, mask, around), found) == (name in HOLE_ONLY[protocol])
    assert torch.equal(rows(truth, mask, inside), found) == (name in KNOWN_ONLY)


@torch.no_grad()
def test_what_is_no_number_is_refused(case: Case, seen: tuple[Tensor, Tensor, Tensor]) -> None:
    _, _, _, rows = case
    truth, mask, noise = seen
    result = truth.clone()
    result[3, 0, 30, 32] = math.nan
    with pytest.raises(InputError, match="picture 3 of a batch of 4 holds values that are not finite"):
        rows(truth, mask, result)


@pytest.mark.parametrize("protocol", PROTOCOLS.values(), ids=list(PROTOCOLS))
def test_a_protocol_fits_together(protocol: Protocol, seen: tuple[Tensor, Tensor, Tensor]) -> None:
    truth, mask, noise = seen
    raw = noisy(truth, noise, 0.3)
    assert set(protocol.default) == {*protocol.scores, *protocol.sets} - set(BY_CLIP)
    assert {score.space for score in protocol.sets.values()} <= set(protocol.spaces)
    for view in protocol.views.values():
        assert torch.equal(protocol.seen(truth, mask, view(truth, mask, truth)), truth)
    numbers = [name for score in protocol.sets.values() for name in score.better]
    assert len({*numbers, *protocol.scores}) == len(numbers) + len(protocol.scores)
    assert torch.equal(protocol.seen(truth, mask, protocol.views[""](truth, mask, raw)), paste(truth, mask, raw))


@pytest.mark.parametrize(
    "score",
    [score for protocol in PROTOCOLS.values() for score in protocol.sets.values()],
    ids=lambda score: next(iter(score.better)),
)
def test_a_set_score_gives_the_numbers_that_the_table_names(score: SetScore) -> None:
    rng = torch.Generator().manual_seed(0)
    real = torch.randn(140, 2048, generator=rng) * torch.linspace(1, 0.01, 2048)
    result = real + 0.3 * torch.randn(real.shape, generator=rng)
    try:
        assert score.reduce(real, result, torch.arange(140)).keys() == score.better.keys()
    except MisleadingError as error:
        assert all(name in str(error) for name in score.better)


def test_the_mask_of_the_standard_protocol_begins_at_level_128() -> None:
    levels = torch.arange(256).view(1, 1, 16, 16) / 255
    assert torch.equal(PROTOCOLS["standard"].mask(levels).flatten(), (torch.arange(256) >= 128).float())
    assert torch.equal(PROTOCOLS["official"].mask(levels), levels)


def test_what_is_chosen_needs_no_more() -> None:
    protocol = chosen("standard", ["psnr", "lpips_alex"], "")
    assert list(protocol.scores) == ["psnr", "lpips_alex"]
    assert protocol.spaces == protocol.sets == {}
    everything = chosen("standard", None, "")
    assert {*everything.scores, *everything.sets} == set(PROTOCOLS["standard"].default)


def test_unknown_words_are_refused_with_the_nearest() -> None:
    with pytest.raises(InputError, match="there is no metric 'hole_pnsr'; did you mean hole_psnr"):
        chosen("standard", ["psnr", "hole_pnsr"], "")
    with pytest.raises(InputError, match="there is no protocol 'oficial'; did you mean official"):
        chosen("oficial", None, "")


def test_a_metric_is_added_as_the_readme_says(
    seen: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch
) -> None:
    section = (ROOT / "README.md").read_text().split("## Adding a metric")[1].split("\n## ")[0]
    function, line = re.findall(r"```python\n(.*?)```", section, flags=re.DOTALL)
    exec(function, vars(pixel) | (names := {}), names)
    monkeypatch.setattr(pixel, "hole_max", names["hole_max"], raising=False)
    added = eval("{" + line + "}", vars(table))
    monkeypatch.setitem(PROTOCOLS, "standard", replace(PROTOCOLS["standard"], scores=SCORES | added))
    ((name, score),) = chosen("standard", list(added), "").scores.items()
    case = ("standard", name, score, score.make(CPU))
    monkeypatch.setitem(HOLE_ONLY, "standard", (name,))
    for promise in (
        test_the_truth_has_the_best_value_and_more_noise_never_a_better_one,
        test_how_a_batch_is_split_changes_nothing,
        test_a_score_looks_where_its_name_says,
        test_what_is_no_number_is_refused,
    ):
        promise(case, seen)
