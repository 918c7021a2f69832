"""The attention that trainings on a CPU use: the same sums, for those calls alone that it can answer."""

import pytest
import torch
import torch.nn.functional as F

from asuka.training.attention import fastest, products

CPU = torch.device("cpu")
MASK = torch.arange(64) < torch.tensor([40, 64])[:, None, None, None]  # as the MAE's: the first keys are seen


def _parts() -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    return [torch.randn(2, 4, 64, 12, generator=draw, requires_grad=True) for _ in range(3)]


def _gradients(precision: str, mask: torch.Tensor | None) -> list[torch.Tensor]:
    parts = _parts()
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"), fastest(CPU, precision):
        read = F.scaled_dot_product_attention(*parts, attn_mask=mask)
    read.float().square().sum().backward()
    return [read.float(), *(part.grad for part in parts)]


@pytest.mark.parametrize("mask", [None, MASK])
def test_products_in_bf16_are_attention_to_its_precision(mask: torch.Tensor | None) -> None:
    for exact, ours in zip(_gradients("no", mask), _gradients("bf16", mask), strict=True):
        assert (ours - exact).norm() < 0.02 * exact.norm()


@pytest.mark.parametrize("mask", [None, MASK])
def test_products_are_attention(mask: torch.Tensor | None) -> None:
    assert torch.allclose(
        products(*_parts(), mask), F.scaled_dot_product_attention(*_parts(), attn_mask=mask), atol=1e-6
    )


@pytest.mark.parametrize(
    "words",
    [
        {"is_causal": True},
        {"scale": 0.1},
        {"attn_mask": torch.linspace(-1, 1, 64).expand(64, 64)},
        {"attn_mask": MASK[:1]},
    ],
)
def test_whatever_a_call_asks_for_is_what_it_gets(words: dict[str, object]) -> None:
    expected = F.scaled_dot_product_attention(*_parts(), **words)
    with fastest(CPU, "bf16"):
        found = F.scaled_dot_product_attention(*_parts(), **words)
    assert torch.allclose(found, expected, atol=1e-6)


def test_a_call_by_name_is_answered() -> None:
    parts = dict(zip(("query", "key", "value"), _parts(), strict=True))
    with fastest(CPU, "bf16"):
        found = F.scaled_dot_product_attention(**parts)
    assert torch.equal(found, products(**parts))


@pytest.mark.parametrize(("device", "precision"), [(CPU, "no"), (torch.device("meta"), "bf16"), (CPU, "bf16")])
def test_it_ends_with_its_block_and_is_for_bf16_on_a_cpu(device: torch.device, precision: str) -> None:
    def fused() -> bool:
        return "ScaledDotProduct" in F.scaled_dot_product_attention(*_parts()).grad_fn.name()

    with pytest.raises(KeyError), fastest(device, precision):
        assert fused() != (device == CPU and precision == "bf16")
        raise KeyError
    assert fused()
