"""What the decoder learns to undo, and what it is judged by."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from conftest import composed
from torch import Tensor

from asuka.batch import Batch
from asuka.config import build
from asuka.diffusion.noising import estimate, noised
from asuka.diffusion.pretrained import pretrained
from asuka.errors import InputError
from decoder.degrade import ColourShift
from decoder.loss import DecoderLoss, rim

FULL = ColourShift(0.2, 0.3, 0.3, 0.3)


def pictures(count: int = 3, side: int = 64) -> Tensor:
    """Pictures whose values keep clear of both ends, so that nothing is clipped."""
    return torch.rand(count, 3, side, side, generator=torch.Generator().manual_seed(0)) - 0.5


def stage(toy: Path, *words: str) -> torch.nn.Module:
    parts = [f"base.weights={toy}/base", f"stage.align={toy}/align", f"stage.mae={toy}/mae"]
    return build(composed("train", "stage=decoder", *parts, *words).stage)


def batch() -> Batch:
    image = pictures(4, 128)
    mask = torch.zeros(4, 1, 128, 128)
    mask[:, :, 30:70, 20:80] = 1
    return Batch(image, mask, ("a", "b", "c", "d"), ("",) * 4, (0, 1, 2, 3))


def test_the_middle_of_the_draws_changes_nothing() -> None:
    image = pictures()
    assert torch.allclose(FULL(image, torch.full((3, 4), 0.5)), image, atol=1e-5)
    assert torch.allclose(ColourShift(0, 0, 0, 0)(image, torch.rand(3, 4)), image, atol=1e-5)


@pytest.mark.parametrize("knob", range(4))
def test_each_piece_does_what_it_is_called(knob: int) -> None:
    image = pictures()
    draws = torch.full((3, 4), 0.5)
    draws[:, knob] = 1.0
    strengths = [0.0] * 4
    strengths[knob] = 0.2
    result = ColourShift(*strengths)(image, draws)
    change = ((result - image) / 2).mean((1, 2, 3))
    spread = result.std((1, 2, 3)) / image.std((1, 2, 3))
    greys = (result.mean(1) - image.mean(1)).abs().max()
    if knob == 0:
        assert torch.allclose(change, torch.tensor(0.2), atol=1e-5)
    elif knob == 1:
        assert torch.allclose(spread, torch.tensor(1.2), atol=0.01)
    elif knob == 2:
        assert (result.std(1).mean() > 1.1 * image.std(1).mean()) and change.abs().max() < 0.01
    else:
        assert greys < 0.5 and not torch.allclose(result, image, atol=0.05)


def test_a_row_depends_on_its_own_draws() -> None:
    image, draws = pictures(), torch.rand(3, 4, generator=torch.Generator().manual_seed(1))
    together = FULL(image, draws)
    for i in range(3):
        assert torch.allclose(FULL(image[i : i + 1], draws[i : i + 1])[0], together[i], atol=1e-6)


def test_too_strong_a_change_is_refused() -> None:
    with pytest.raises(ValueError, match=r"hue=3.*must lie between 0 and 1"):
        ColourShift(0.1, 0.1, 0.1, 3.0)


def test_undamaged_latents_are_the_pictures_own(toy: Path) -> None:
    it = stage(toy, "stage.colour=0", "stage.latent=0")
    assert torch.equal(it.damaged(batch()), it.base.encode(batch().image))


def test_damage_comes_to_the_visits_that_drew_it(toy: Path) -> None:
    visits = tuple(range(400))
    seeds = {"colour": 0, "latent": 0}
    for kind in seeds:
        other = next(name for name in seeds if name != kind)
        it = stage(toy, f"stage.{kind}=0.5", f"stage.{other}=0")
        clean = it.base.encode(batch().image)
        hit = []
        for at in range(0, 40, 4):
            some = replace(batch(), visit=visits[at : at + 4])
            moved = (it.damaged(some) - clean).abs().flatten(1).amax(1) > 1e-3
            hit += moved.tolist()
            assert torch.equal(it.damaged(some), it.damaged(some))
        assert 8 <= sum(hit) <= 32


def test_what_is_shown_and_aimed_at_stays_true(toy: Path) -> None:
    it = stage(toy, "stage.colour=1", "stage.latent=1", "stage.crop=128")
    image, mask, latents = it._cut(batch(), it.damaged(batch()))
    assert torch.equal(image, batch().image) and torch.equal(mask, batch().mask)
    assert not torch.allclose(latents, it.base.encode(image), atol=1e-2)


def test_a_crop_shows_the_same_place_of_all_three(toy: Path) -> None:
    it = stage(toy, "stage.crop=32")
    rows = torch.arange(128.0).view(1, 1, 128, 1).expand(4, 3, 128, 128) / 128
    some = replace(batch(), image=rows, mask=(rows[:, :1] > 0.5).float())
    cells = rows[:, :, ::8, ::8]
    image, mask, latents = it._cut(some, cells)
    assert image.shape[-2:] == (32, 32) and latents.shape[-2:] == (4, 4)
    assert torch.equal(image[:, :, ::8, ::8], latents)
    assert torch.equal(mask, (image[:, :1] > 0.5).float())


def test_an_estimate_with_the_true_goal_is_the_truth(toy: Path) -> None:
    base = pretrained(str(toy / "base"))
    latents = base.latents(batch())
    noisy = noised(base, latents.truth, 0, (0, 1, 2, 3), (0, 0.9))
    told = base.goal(latents.truth, noisy.noise, noisy.step)
    base.predict = lambda *_: told  # a U-Net that knows
    found = estimate(base, noisy, latents, base.null_context(4))
    assert torch.allclose(found, latents.truth, atol=1e-3)


def test_a_rim_lies_to_both_sides_of_the_border() -> None:
    mask = torch.zeros(1, 1, 32, 32)
    mask[..., 16:] = 1
    assert rim(mask)[0, 0, 5].nonzero().flatten().tolist() == list(range(12, 20))
    assert rim(torch.ones(1, 1, 8, 8)).sum() == 0


def test_the_loss_of_the_truth_is_nothing_and_the_hole_weighs() -> None:
    image, mask = pictures(), batch().mask[:3, :, :64, :64]
    none = DecoderLoss(lambda a, b: (a - b).square().flatten(1).mean(1), perceptual=1, hole=0, seam=0, tone=1)
    assert all((value == 0).all() for value in none(image, mask, image).values())
    wrong = image + 0.1 * mask  # wrong in the hole alone
    heavy = replace(none, hole=3.0)
    share = mask.mean((1, 2, 3))
    assert torch.allclose(none(image, mask, wrong)["l1"], 0.1 * share, atol=1e-5)
    assert torch.allclose(heavy(image, mask, wrong)["l1"], 0.1 * 4 * share / (1 + 3 * share), atol=1e-5)


def test_tones_do_not_see_details() -> None:
    image, mask = torch.zeros(1, 3, 64, 64), torch.ones(1, 1, 64, 64)
    checks = image.clone()
    checks[..., ::2, ::2], checks[..., 1::2, 1::2] = 0.5, -0.5
    loss = DecoderLoss(lambda a, b: torch.zeros(len(a)), perceptual=0, hole=0, seam=0, tone=1)
    assert loss(image, mask, checks)["tone"] < 1e-6 < loss(image, mask, checks)["l1"]
    assert torch.allclose(loss(image, mask, image + 0.1)["tone"], torch.tensor([0.1]))


def test_shares_and_crops_out_of_range_are_refused(toy: Path) -> None:
    for word, sentence in (("stage.colour=1.5", "stage.colour=1.5"), ("stage.crop=30", "multiple of 8")):
        with pytest.raises(InputError, match=sentence):
            stage(toy, word)
