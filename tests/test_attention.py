"""The attention that trainings on a CPU use: the same sums, and nothing left behind."""

import pytest
import torch
import torch.nn.functional as F

from asuka.training.attention import fastest

CPU = torch.device("cpu")


def _gradients(precision: str) -> list[torch.Tensor]:
    draw = torch.Generator().manual_seed(0)
    parts = [torch.randn(2, 4, 64, 12, generator=draw, requires_grad=True) for _ in range(3)]
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"), fastest(CPU, precision):
        read = F.scaled_dot_product_attention(*parts)
    read.float().square().sum().backward()
    return [read.float(), *(part.grad for part in parts)]


def test_products_in_bf16_are_attention_to_its_precision() -> None:
    for exact, ours in zip(_gradients("no"), _gradients("bf16"), strict=True):
        assert (ours - exact).norm() < 0.02 * exact.norm()


@pytest.mark.parametrize(("device", "precision"), [(CPU, "no"), (torch.device("meta"), "bf16"), (CPU, "bf16")])
def test_the_kernels_of_others_are_left_as_they_were(device: torch.device, precision: str) -> None:
    def chosen() -> tuple[bool, ...]:
        kernels = torch.backends.cuda
        return (
            kernels.flash_sdp_enabled(),
            kernels.mem_efficient_sdp_enabled(),
            kernels.math_sdp_enabled(),
            kernels.fp16_bf16_reduction_math_sdp_allowed(),
        )

    before = chosen()
    with pytest.raises(KeyError), fastest(device, precision):
        assert (chosen() != before) == (device == CPU and precision == "bf16")
        raise KeyError
    assert chosen() == before
