"""Which attention trains fastest on this device."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch
from torch import Tensor
from torch.nn.functional import scaled_dot_product_attention
from torch.overrides import TorchFunctionMode


@contextmanager
def fastest(device: torch.device, precision: str) -> Iterator[None]:
    """Within, attention on a CPU in bf16 is `products`.

    PyTorch's fused kernel is slow there on the way back, and its unfused one spends more on rows that are all hidden,
    which no network here has, than on the rest. Elsewhere nothing changes.
    """
    if device.type != "cpu" or precision != "bf16":
        yield
        return
    with _Products():
        yield


def products(query: Tensor, key: Tensor, value: Tensor, attn_mask: Tensor | None = None) -> Tensor:
    """softmax(query key^T / sqrt(D)) value, heads (B, h, N, D) and (B, h, M, D), as two products and a softmax.

    attn_mask: bool, broadcast to (B, h, N, M), False where a key is hidden; each row must keep one key at least. All
    scores, tokens x tokens, are kept for the way back.
    """
    scores = (query * query.shape[-1] ** -0.5) @ key.transpose(-2, -1)
    if attn_mask is not None:
        scores = scores.masked_fill(attn_mask.logical_not(), float("-inf"))
    return scores.softmax(-1) @ value


class _Products(TorchFunctionMode):
    """Takes the calls of PyTorch's attention that `products` can answer; the others go their way."""

    def __torch_function__(
        self, function: Callable, types: object, args: tuple = (), kwargs: dict[str, object] | None = None
    ) -> object:
        kwargs = kwargs or {}
        answer = _answered(*args, **kwargs) if function is scaled_dot_product_attention else None
        return function(*args, **kwargs) if answer is None else answer


def _answered(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attn_mask: Tensor | None = None,
    dropout_p: float = 0.0,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
) -> Tensor | None:
    """`products` of a call with PyTorch's arguments; None where it asks for more than they can."""
    weighed = attn_mask is not None and attn_mask.dtype != torch.bool
    if weighed or dropout_p or is_causal or scale is not None or enable_gqa:
        return None
    return products(query, key, value, attn_mask)
