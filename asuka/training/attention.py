"""Which attention trains fastest on this device."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch.nn.attention import SDPBackend, sdpa_kernel


@contextmanager
def fastest(device: torch.device, precision: str) -> Iterator[None]:
    """Within, attention on a CPU in bf16 is plain matrix products, all of them bf16.

    PyTorch's fused kernel is slow there on the way back: with 256 tokens and four heads of 12 it took half of a U-Net's
    whole step. The products keep all scores, tokens x tokens, which a host can carry. Elsewhere nothing changes.
    """
    if device.type != "cpu" or precision != "bf16":
        yield
        return
    before = torch.backends.cuda.fp16_bf16_reduction_math_sdp_allowed()
    torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(True)
    try:
        with sdpa_kernel(SDPBackend.MATH):
            yield
    finally:
        torch.backends.cuda.allow_fp16_bf16_reduction_math_sdp(before)
