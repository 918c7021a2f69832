"""Ways to draw: RePaint's walk is that of diffusers, what is known is noised as the papers say, and pairs must fit."""

from itertools import pairwise
from pathlib import Path

import pytest
import torch
from diffusers import RePaintScheduler, UNet2DConditionModel
from torch import Tensor

from asuka.batch import Batch
from asuka.condition import Empty, frozen_mae, thought
from asuka.data.synthetic import Synthetic
from asuka.decode import Plain
from asuka.diffusion.base import StableDiffusion
from asuka.diffusion.known import Known, continued
from asuka.diffusion.pretrained import pretrained
from asuka.diffusion.repaint import RePaint
from asuka.diffusion.samplers import Blended, Concat, Sampler
from asuka.errors import InputError
from asuka.image import paste
from asuka.methods.diffusion import DiffusionInpainter
from asuka.methods.img2img import Img2Img


def repaint(length: int = 1, count: int = 2, first: float = 0, last: float = 1, eta: float = 1) -> RePaint:
    return RePaint(length, count, first, last, eta)


WALKS = [(250, 10, 10), (100, 10, 10), (50, 10, 5), (50, 1, 10), (25, 5, 5), (20, 3, 4), (40, 10, 1), (1000, 10, 10)]


@pytest.mark.parametrize(("steps", "length", "count"), WALKS)
def test_the_walk_is_that_of_diffusers(steps: int, length: int, count: int) -> None:
    scheduler = RePaintScheduler(num_train_timesteps=1000)
    scheduler.set_timesteps(steps, length, count)
    assert repaint(length, count).walk(steps) == (scheduler.timesteps // (1000 // steps)).tolist()


PUBLISHED = [
    *((250, 10, 10, 0, 2410, 2160), (100, 10, 10, 0, 910, 810), (50, 10, 10, 0, 410, 360), (50, 10, 5, 0, 210, 160)),
    *((50, 5, 5, 0, 230, 180), (50, 1, 10, 0, 491, 441), (25, 5, 5, 0, 105, 80), (1000, 10, 10, 0, 9910, 8910)),
    *((250, 1, 10, 0, 2491, 2241), (250, 10, 1, 0, 250, 0), (250, 10, 10, 1 - 90 / 250, 1150, 900)),
]


@pytest.mark.parametrize(("steps", "length", "count", "first", "calls", "back"), PUBLISHED)
def test_calls_and_jumps_are_as_many_as_published(
    steps: int, length: int, count: int, first: float, calls: int, back: int
) -> None:
    sampler = repaint(length, count, first)
    assert sampler.calls(steps) == calls
    assert sum(place > before for before, place in pairwise(sampler.walk(steps))) == back


def test_jumps_begin_in_their_range_alone() -> None:
    for first, last in ((0, 0.5), (0.5, 1), (0.25, 0.75)):
        walk = repaint(5, 3, first, last).walk(100)
        begins = {low for before, low, after in zip(walk, walk[1:], walk[2:], strict=False) if before > low < after}
        assert begins == {place for place in range(0, 95, 5) if first <= 1 - place / 100 <= last}


@pytest.mark.parametrize("knobs", [(0, 2), (1, 0), (1, 2, 0.6, 0.5), (1, 2, 0, 1.1), (1, 2, 0, 1, 2)])
def test_what_is_no_walk_is_refused(knobs: tuple[float, ...]) -> None:
    with pytest.raises(InputError, match="sampler.jump_length="):
        repaint(*knobs)


def test_a_walk_too_short_to_jump_is_refused_when_built(toy: Path) -> None:
    with pytest.raises(InputError, match="jump_length=10, .* there is no room for a jump in 10 steps"):
        DiffusionInpainter(pretrained(str(toy / "base")), Empty(), repaint(10, 10), Plain(), 10, 0, 1.0)


def many(count: int) -> Batch:
    """One picture under many names, its hole off the cells' borders."""
    image = torch.rand(1, 3, 64, 64, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mask = torch.zeros(1, 1, 64, 64)
    mask[:, :, 11:30, 13:50] = 1
    names = tuple(map(str, range(count)))
    return Batch(image.expand(count, -1, -1, -1), mask.expand(count, -1, -1, -1), names, ("",) * count).blind()


def asked(method: DiffusionInpainter, batch: Batch) -> tuple[list[tuple[int, Tensor]], Tensor]:
    """What the U-Net was asked, as (time, its 9 channels), and the latents that came out."""
    heard = []
    hook = method.base.unet.register_forward_pre_hook(lambda _, given: heard.append((int(given[1][0]), given[0])))
    latents = method.latents(batch)
    hook.remove()
    return heard, latents


@pytest.mark.parametrize("sampler", [repaint(2, 3), repaint(2, 3, eta=0), Blended()], ids=["ddpm", "ddim", "blended"])
def test_known_latents_are_noised_as_the_papers_say(toy: Path, sampler: Sampler) -> None:
    base, batch, steps = pretrained(str(toy / "base")), many(128), 5
    method = DiffusionInpainter(base, Empty(), sampler, Plain(), steps, 0, 1.0)
    heard, latents = asked(method, batch)
    known = Known(base, batch.take([0]))
    clean, cells = known.latents, (known.cells == 0).expand(128, 4, -1, -1)
    assert [time for time, _ in heard] == _times(method)
    for time, given in heard:
        kept = base.scheduler.alphas_cumprod[time]
        drawn = ((given[:, :4] - kept.sqrt() * clean) / (1 - kept).sqrt())[cells]
        error = drawn.numel() ** -0.5
        assert abs(drawn.mean()) < 4 * error and abs(drawn.var() - 1) < 4 * 2**0.5 * error
        assert (given[:, 4] == 1).all()  # all is hole
        assert torch.allclose(given[:, 5:], base.encode(torch.zeros(1, 3, 64, 64)), atol=1e-5)
    assert torch.allclose(latents[cells], clean.expand(128, -1, -1, -1)[cells], atol=1e-5)
    assert not torch.allclose(latents[~cells].view(128, -1)[0], latents[~cells].view(128, -1)[1], atol=1e-2)


def _times(method: DiffusionInpainter) -> list[int]:
    times = method.base.schedule(method.steps, torch.zeros(1)).timesteps.tolist()
    if isinstance(method.sampler, Blended):
        return times
    walk = method.sampler.walk(method.steps)
    return [times[::-1][place] for before, place in pairwise([method.steps, *walk]) if place < before]


def test_noise_put_on_by_a_jump_back_is_that_of_the_forward_process(toy: Path) -> None:
    """With a U-Net that says nothing but zeros, latents in the hole are Gaussians whose variance is known."""
    base, batch = pretrained(str(toy / "base")), many(128)
    for parameter in base.unet.conv_out.parameters():
        parameter.data.zero_()
    method = DiffusionInpainter(base, Empty(), repaint(2, 2, eta=0), Plain(), 5, 0, 1.0)
    heard, _ = asked(method, batch)
    scheduler = base.schedule(5, torch.zeros(1))
    times, inside = scheduler.timesteps.tolist()[::-1], base.shrink(batch.mask).expand(-1, 4, -1, -1) > 0
    kept = [*scheduler.alphas_cumprod[times].tolist(), float(scheduler.final_alpha_cumprod)]
    variance, number, walk = 1.0, 0, method.sampler.walk(5)
    for before, place in pairwise([5, *walk]):
        if place > before:
            share = kept[place - 1] / kept[place - 2]
            variance = share * variance + 1 - share
            continue
        drawn = heard[number][1][:, :4][inside]
        assert abs(drawn.var() / variance - 1) < 5 * (2 / drawn.numel()) ** 0.5
        here, there = kept[place], kept[place - 1]
        # DDIM's step where no velocity is told: both parts of the latents stay as they are, and are weighed anew.
        turned = (here * there) ** 0.5 + ((1 - here) * (1 - there)) ** 0.5
        variance, number = variance * turned**2, number + 1
    assert number == method.calls == len(heard)


@pytest.mark.parametrize("shape", [(64, 64), (24, 40), (1, 7), (8, 1)])
def test_a_hole_is_continued_from_what_is_known(shape: tuple[int, int]) -> None:
    mask = (torch.rand(3, 1, *shape, generator=torch.Generator().manual_seed(0)) < 0.8).float()
    mask[2], mask[0, 0, 0, 0], mask[1, 0, 0, 0] = 1, 0, 0
    flat = torch.tensor([0.25, -0.5, 0.75])[:, None, None, None].expand(3, 3, *shape)
    filled = continued(flat * (1 - mask), mask)
    assert torch.allclose(filled[:2], flat[:2], atol=1e-6) and (filled[2] == 0).all()
    for row in range(3):
        assert torch.equal(filled[row : row + 1], continued((flat * (1 - mask))[row : row + 1], mask[row : row + 1]))


def test_known_cells_by_the_hole_are_nearer_the_truth_than_with_a_grey_hole() -> None:
    base, scenes = pretrained("tiny"), Synthetic(size=128, count=8, val_count=8).val
    images = torch.stack([torch.from_numpy(scenes.centre(i).image).permute(2, 0, 1) for i in range(8)]).float()
    mask = torch.zeros(8, 1, 128, 128)
    mask[:, :, 40:90, 30:100] = 1
    batch = Batch(images / 127.5 - 1, mask, tuple("abcdefgh"), ("",) * 8)
    cells, truth = base.shrink(mask), base.encode(batch.image)
    border = (torch.nn.functional.max_pool2d(cells, 3, 1, 1) - cells).expand_as(truth) > 0
    ours, grey = Known(base, batch.blind()).latents, base.encode(batch.blind().image)
    assert (ours - truth)[border].square().mean() < 0.5 * (grey - truth)[border].square().mean()


def test_a_cell_with_any_hole_pixel_is_drawn(toy: Path) -> None:
    base, batch = pretrained(str(toy / "base")), many(1)
    assert torch.equal(Known(base, batch).cells[0, 0].nonzero().amin(0), torch.tensor([1, 1]))
    assert torch.equal(Known(base, batch).cells[0, 0].nonzero().amax(0), torch.tensor([3, 6]))


def img2img(toy: Path, strength: float, steps: int = 10) -> DiffusionInpainter:
    sampler = Img2Img(frozen_mae(str(toy / "mae")), strength)
    return DiffusionInpainter(pretrained(str(toy / "base")), Empty(), sampler, Plain(), steps, 0, 1.0)


def test_img2img_starts_from_what_the_mae_thinks(toy: Path) -> None:
    image = torch.rand(2, 3, 128, 128, generator=torch.Generator().manual_seed(0)) * 2 - 1
    mask = torch.zeros(2, 1, 128, 128)
    mask[:, :, 11:80, 13:50] = 1
    batch = Batch(image, mask, ("a", "b"), ("", "")).blind()
    none = img2img(toy, 0)
    start = none.base.encode(paste(batch.image, mask, thought(none.sampler.mae, batch)))
    assert none.calls == 0 and torch.equal(none.latents(batch), start)
    heard, _ = asked(img2img(toy, 0.3), batch)
    assert [time for time, _ in heard] == [299, 199, 99]
    kept = none.base.scheduler.alphas_cumprod[299]
    drawn = (heard[0][1][:, :4] - kept.sqrt() * start) / (1 - kept).sqrt()
    assert torch.allclose(drawn, none.noise(batch)("sample"), atol=1e-4)
    assert torch.equal(heard[0][1][:, 4:5], none.base.shrink(mask))


@pytest.mark.parametrize("strength", [-0.1, 1.1, float("nan")])
def test_a_strength_that_is_no_share_is_refused(toy: Path, strength: float) -> None:
    with pytest.raises(InputError, match="sampler.strength=.* from 0 to 1"):
        img2img(toy, strength)


def test_concat_refuses_a_text_to_image_model_when_built(toy: Path) -> None:
    base = pretrained(str(toy / "base"))
    unet = UNet2DConditionModel.from_config({**base.unet.config, "in_channels": 4})
    other = StableDiffusion(base.vae, unet, base.text_encoder, base.tokenizer, base.scheduler)
    with pytest.raises(InputError, match="concat .* 9 channels, and this base's reads 4; .* sampler=repaint, blended"):
        DiffusionInpainter(other, Empty(), Concat(), Plain(), 3, 0, 1.0)
    for sampler in (repaint(), Blended()):
        assert DiffusionInpainter(other, Empty(), sampler, Plain(), 3, 0, 1.0).calls
