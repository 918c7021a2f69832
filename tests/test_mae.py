"""What the masked autoencoder promises: blind under holes, deaf to its batch, and no work for hole tokens."""

from pathlib import Path

import pytest
import torch
from torch import Tensor
from torch.nn import Module

from mae import MaskedAutoencoder, PlainAutoencoder
from mae.loss import drop_pixels, random_drop, reconstruction_loss
from mae.presets import PRESETS, build


@pytest.fixture(scope="module")
def model() -> MaskedAutoencoder:
    torch.manual_seed(0)
    return build("tiny").eval()


@pytest.fixture
def images() -> Tensor:
    """(3, 3, 128, 128) in [-1, 1]."""
    return torch.rand(3, 3, 128, 128, generator=torch.Generator().manual_seed(1)) * 2 - 1


@pytest.fixture
def masks() -> Tensor:
    """(3, 1, 128, 128): a box off the patch grid, another one, no hole."""
    masks = torch.zeros(3, 1, 128, 128)
    masks[0, :, 13:70, 21:90] = 1
    masks[1, :, 40:44, 3:121] = 1
    return masks


def near(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() < 2e-5)


@torch.no_grad()
def test_shapes(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> None:
    width = PRESETS["tiny"]["decoder_width"]
    assert model.tokens(images, masks).shape == (3, model.token_count, model.token_dim) == (3, 256, width)
    assert model(images, masks).shape == images.shape
    assert model.config.token_layer == 3
    assert model.tokens(images, masks.bool()).equal(model.tokens(images, masks))


@torch.no_grad()
def test_batch_neighbours_do_not_matter(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> None:
    together = model.tokens(images, masks)
    for i in range(3):
        assert near(together[i : i + 1], model.tokens(images[i : i + 1], masks[i : i + 1]))


@torch.no_grad()
def test_all_hole_neighbour(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> None:
    before = model(images, masks)
    masks[1] = 1
    after = model(images, masks)
    assert after.isfinite().all()
    assert near(before[::2], after[::2])
    # Alone as in company, and whatever the picture: its decoder sees hole tokens only.
    assert near(after[1:2], model(images[:1], torch.ones_like(masks[:1])))


def test_all_hole_training_step_is_finite(images: Tensor, masks: Tensor) -> None:
    model = build("tiny")
    masks[1] = 1
    reconstruction_loss(images, model(images, masks), masks).mean().backward()
    assert all(p.grad.isfinite().all() for p in model.parameters() if p.grad is not None)
    assert model.hole_token.alpha.grad != 0


@torch.no_grad()
def test_blind_to_hole_pixels(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> None:
    other = torch.where(masks > 0, torch.full_like(images, float("nan")), images)
    assert torch.equal(model.tokens(images, masks), model.tokens(other, masks))
    assert torch.equal(model(images, masks), model(other, masks))


@torch.no_grad()
def test_partly_covered_patches_are_read(images: Tensor, masks: Tensor) -> None:
    other = images.clone()
    other[0, :, 8:13, 40:48] = 0  # known, in patches that the box of mask 0 cuts
    partial, plain = build("tiny"), PlainAutoencoder(**PRESETS["tiny"])
    assert not torch.equal(partial.tokens(images, masks)[0], partial.tokens(other, masks)[0])
    assert torch.equal(plain.tokens(images, masks)[0], plain.tokens(other, masks)[0])


@torch.no_grad()
def test_hole_tokens_stay_out_of_the_encoder(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> None:
    seen: list[tuple[int, bool]] = []

    def note(_: Module, args: tuple[Tensor], kwargs: dict[str, Tensor | None], out: Tensor) -> None:
        seen.append((args[0].shape[1], kwargs["attn_mask"] is None))

    hook = model.blocks[0].register_forward_hook(note, with_kwargs=True)
    visible = 256 - int(model.hole_patches(masks[:1]).sum())
    model.tokens(images[:1].expand(2, -1, -1, -1), masks[:1].expand(2, -1, -1, -1))
    model.tokens(images[:2], masks[:2])
    hook.remove()
    longest = 256 - int(model.hole_patches(masks[:2]).sum(dim=1).min())
    assert visible < 200
    assert seen == [(visible, True), (longest, False)]


@torch.no_grad()
def test_only_the_blocks_asked_for_run(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> None:
    ran: list[int] = []
    hooks = [
        block.register_forward_hook(lambda *_, number=number: ran.append(number))
        for number, block in enumerate(model.decoder_blocks)
    ]
    assert len(model.decoder_blocks) == 4
    for layer in (0, 2, 4):
        model.tokens(images, masks, layer)
    for hook in hooks:
        hook.remove()
    assert ran == [0, 1, 0, 1, 2, 3]


def test_errors_are_sentences(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> None:
    with pytest.raises(ValueError, match=r"image has shape .*64, 64.* resize image and mask to 128 x 128"):
        model.tokens(images[..., :64, :64], masks)
    with pytest.raises(ValueError, match="mask has shape"):
        model(images, masks[:1])
    with pytest.raises(ValueError, match=r"layer is 5 .* from 0 to 4"):
        model.tokens(images, masks, 5)
    with pytest.raises(ValueError, match="tiny, base, large"):
        build("huge")
    with pytest.raises(ValueError, match="128 is no multiple of 12"):
        MaskedAutoencoder(**{**PRESETS["tiny"], "patch_size": 12})


@torch.no_grad()
@pytest.mark.parametrize("kind", [MaskedAutoencoder, PlainAutoencoder])
def test_save_and_load(kind: type[PlainAutoencoder], tmp_path: Path, images: Tensor, masks: Tensor) -> None:
    model = kind(**PRESETS["tiny"], token_layer=2).eval()
    model.save_pretrained(tmp_path)
    assert {p.name for p in tmp_path.iterdir()} == {"config.json", "diffusion_pytorch_model.safetensors"}
    loaded = kind.from_pretrained(tmp_path)
    assert loaded.token_layer == loaded.config.token_layer == 2
    assert torch.equal(model(images, masks), loaded(images, masks))
    assert not any("pos_embed" in key for key in model.state_dict())
    (other,) = {MaskedAutoencoder, PlainAutoencoder} - {kind}
    with pytest.raises(ValueError, match=f"a {kind.__name__}"):
        other.from_pretrained(tmp_path)
    assert other(**model.config).token_layer == 2  # the sizes alone, for training on


def test_presets_build() -> None:
    # The release's counts less its two stored position tables; `tiny` is ours and may change.
    counts = {"base": 112_179_713, "large": 329_763_073}
    for name in PRESETS:
        with torch.device("meta"):
            model = build(name)
        assert model.token_count == 256
        count = sum(p.numel() for p in model.parameters())
        assert count == counts.get(name, count) and count > 1e6


def test_loss_is_per_image(images: Tensor, masks: Tensor) -> None:
    result = images.flip(0)
    together = reconstruction_loss(images, result, masks)
    apart = [reconstruction_loss(images[i : i + 1], result[i : i + 1], masks[i : i + 1]) for i in range(3)]
    assert together.shape == (3,)
    assert torch.allclose(together.mean(), torch.cat(apart).mean())
    assert together[2] == 0  # no hole
    known = torch.where(masks > 0, images, result)
    assert reconstruction_loss(images, known, masks).eq(0).all()
    # A constant error of 0.1 in [-1, 1] is 0.05 / std in normalised colours.
    wanted = sum((0.05 / std) ** 2 for std in (0.229, 0.224, 0.225)) / 3
    assert reconstruction_loss(images, images + 0.1, masks)[0] == pytest.approx(wanted, rel=1e-4)


def test_random_drop(model: MaskedAutoencoder, masks: Tensor) -> None:
    hole = model.hole_patches(masks)
    dropped = random_drop(hole, torch.rand(hole.shape), 0.75)
    assert dropped[hole].all()
    assert dropped.sum(dim=1).tolist() == [192, 192, 192]
    full = torch.ones_like(hole)
    assert random_drop(full, torch.rand(hole.shape), 0.75).all()  # no hole patch is ever kept
    assert torch.equal(random_drop(hole, torch.rand(hole.shape), 0.0), hole)
    with pytest.raises(ValueError, match=r"ratio is 1\.5"):
        random_drop(hole, torch.rand(hole.shape), 1.5)


@torch.no_grad()
def test_dropped_patches_are_holes(model: MaskedAutoencoder, images: Tensor, masks: Tensor) -> None:
    dropped = random_drop(model.hole_patches(masks), torch.rand(3, 256), 0.75)
    grown = drop_pixels(masks, dropped)
    assert torch.equal(model.hole_patches(grown), dropped)
    added = grown != masks
    assert grown[added].eq(1).all() and not model.hole_patches(masks)[model.hole_patches(added)].any()
    assert torch.equal(model(images, masks, dropped), model(images, grown))
    with pytest.raises(ValueError, match="250 patches"):
        drop_pixels(masks, dropped[:, :250])
