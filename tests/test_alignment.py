"""What the alignment promises: the variants of the ablation, no order among tokens, a start near the base."""

from pathlib import Path

import pytest
import torch

from asuka.alignment import VARIANTS, Alignment

TOKENS = torch.randn(2, 256, 32, generator=torch.Generator().manual_seed(0))


def parameters(model: Alignment) -> int:
    return sum(p.numel() for p in model.parameters())


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_variants(variant: str) -> None:
    model = Alignment(32, 128, variant)
    assert model(TOKENS).shape == (2, 256, 128)
    assert len(model.layers) == {"linear": 0, "attn": 1, "self4": 4, "cross4": 4}[variant]


def test_parameters() -> None:
    linear, attn, self4, cross4 = (parameters(Alignment(32, 128, name)) for name in VARIANTS)
    block = 7 * 128 * 128 + 7 * 128 + 5 * 128 * 128 + 128 + 2 * 64
    assert linear == 32 * 128 + 128 + 2 * 128
    assert (attn - linear, self4 - linear, cross4 - linear) == (block, 4 * block, 4 * block)
    with torch.device("meta"):
        # The released size without its unused modulation weights.
        assert parameters(Alignment(512, 768)) == 28_732_160


@torch.no_grad()
@pytest.mark.parametrize("variant", VARIANTS)
def test_order_of_tokens_is_free(variant: str) -> None:
    model = Alignment(32, 64, variant)
    order = torch.randperm(256)
    assert (model(TOKENS)[:, order] - model(TOKENS[:, order])).abs().max() < 1e-5


@torch.no_grad()
def test_what_a_token_depends_on() -> None:
    changed = TOKENS.clone()
    changed[:, 0] += 1
    for variant, mixes in (("linear", False), ("attn", True), ("self4", True), ("cross4", True)):
        model = Alignment(32, 64, variant)
        assert torch.equal(model(TOKENS)[:, 1:], model(changed)[:, 1:]) is not mixes


@torch.no_grad()
def test_cross_attention_reads_the_projected_tokens() -> None:
    layer = Alignment(32, 64, "cross4").layers[3]
    sequence, source = torch.randn(1, 5, 64), torch.randn(1, 7, 64)
    before = layer(sequence, source)
    moved = sequence.clone()
    moved[:, 0] += 1
    assert (before[:, 1:] - layer(moved, source)[:, 1:]).abs().max() < 1e-5
    assert not torch.allclose(before, layer(sequence, source.flip(-1)))


@torch.no_grad()
@pytest.mark.parametrize("batched", [True, False])
def test_start_near(batched: bool) -> None:
    context = torch.randn(77, 128) * torch.linspace(0, 3, 128) + torch.randn(128) * 5
    model = Alignment(32, 128)
    model.start_near(context[None] if batched else context)
    output = model(TOKENS).flatten(0, 1)
    spread = 0.5 * context.std(correction=0)
    # The LayerNorm's input has about unit spread: the output lies within a few of `spread` around the mean.
    assert ((output - context.mean(dim=0)).abs() < 6 * spread).all()
    assert output.std(dim=0).mean() > 0.1 * spread
    one = Alignment(32, 128)
    one.start_near(context[:1])
    assert one(TOKENS).isfinite().all()


@torch.no_grad()
def test_save_and_load(tmp_path: Path) -> None:
    model = Alignment(32, 128, "cross4", trained_with={"steps": 7, "prior": "tiny"})
    model.save_pretrained(tmp_path)
    loaded = Alignment.from_pretrained(tmp_path)
    assert loaded.config.variant == "cross4"
    assert loaded.config.trained_with == {"steps": 7, "prior": "tiny"}
    assert torch.equal(model(TOKENS), loaded(TOKENS))


@torch.no_grad()
def test_half_precision() -> None:
    model = Alignment(32, 128)
    wanted = model(TOKENS)
    with torch.autocast("cpu", torch.bfloat16):
        cast = model(TOKENS)
    assert (cast - wanted).norm() / wanted.norm() < 0.03
    assert (model.to(torch.bfloat16)(TOKENS.to(torch.bfloat16)) - wanted).norm() / wanted.norm() < 0.03


def test_errors_are_sentences() -> None:
    with pytest.raises(ValueError, match="linear, attn, self4, cross4"):
        Alignment(32, 128, "self5")
    with pytest.raises(ValueError, match=r"100 wide .* multiple of 64"):
        Alignment(32, 100)
    model = Alignment(32, 128)
    with pytest.raises(ValueError, match=r"tokens have shape \(2, 256, 16\)"):
        model(TOKENS[..., :16])
    with pytest.raises(ValueError, match=r"context has shape \(77, 64\)"):
        model.start_near(torch.zeros(77, 64))
