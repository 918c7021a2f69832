"""Alignment: masked-autoencoder tokens become the sequence that cross-attention reads in place of the text.

Network of the released weights (which serves every width): a linear map, blocks of attention and MLP side by
side, a final LayerNorm. No positions: which patch a token stands for is in the token itself. The variants are
those of the paper's ablation.
"""

import torch
import torch.nn.functional as F
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn

HEAD = 64  # width of an attention head, whatever the context's width


class SelfBlock(nn.Module):
    """Attention within the running sequence, MLP beside it, one sum (released code).

    Normalised queries and keys, no gate, no modulation (the release stores modulation weights and never uses
    them).
    """

    def __init__(self, width: int, inputs: int = 7) -> None:
        """`inputs` times the width comes out of `linear1`: queries, keys, values and the MLP's four, here."""
        super().__init__()
        self.width = width
        self.linear1 = nn.Linear(width, inputs * width)
        self.linear2 = nn.Linear(5 * width, width)
        self.query_scale = nn.Parameter(torch.ones(HEAD))
        self.key_scale = nn.Parameter(torch.ones(HEAD))

    def forward(self, sequence: Tensor, source: Tensor) -> Tensor:
        """sequence (B, T, width) -> (B, T, width); `source` is not read (both kinds are called alike)."""
        parts = [self.width, self.width, self.width, 4 * self.width]
        query, key, value, hidden = self.linear1(_plain_norm(sequence)).split(parts, dim=-1)
        return sequence + self._mix(query, key, value, hidden)

    def _mix(self, query: Tensor, key: Tensor, value: Tensor, hidden: Tensor) -> Tensor:
        value = _heads(value)
        query = _rms_norm(_heads(query), self.query_scale).to(value.dtype)
        key = _rms_norm(_heads(key), self.key_scale).to(value.dtype)
        read = F.scaled_dot_product_attention(query, key, value).transpose(1, 2).flatten(2)
        return self.linear2(torch.cat([read, F.gelu(hidden, approximate="tanh")], dim=-1))


class CrossBlock(SelfBlock):
    """As `SelfBlock`, but keys and values come from the projected tokens, the same ones in every layer.

    The paper does not print its cross-attention. We chose the running sequence for the queries, which starts
    as the projected tokens: the order of the tokens stays free, and the parameters are exactly as many as in
    `SelfBlock`, so that the two differ in nothing but what they attend to.
    """

    def __init__(self, width: int) -> None:
        super().__init__(width, inputs=5)
        self.linear_source = nn.Linear(width, 2 * width)

    def forward(self, sequence: Tensor, source: Tensor) -> Tensor:
        """sequence (B, T, width), source (B, S, width) -> (B, T, width)."""
        query, hidden = self.linear1(_plain_norm(sequence)).split([self.width, 4 * self.width], dim=-1)
        key, value = self.linear_source(_plain_norm(source)).chunk(2, dim=-1)
        return sequence + self._mix(query, key, value, hidden)


# Name -> (number of layers, kind of layer); `self4` is the paper's and the release's.
VARIANTS: dict[str, tuple[int, type[SelfBlock]]] = {
    "linear": (0, SelfBlock),
    "attn": (1, SelfBlock),
    "self4": (4, SelfBlock),
    "cross4": (4, CrossBlock),
}


class Alignment(ModelMixin, ConfigMixin):
    """(B, T, token_dim) -> (B, T, context_dim), T = 256 for every size of the masked autoencoder here.

    pooled_dim: where the base reads one vector beside the sequence, its width: a second network of the same variant.
    trained_with: facts about the training (weights, schedule), kept in the config, not used by the network.
    Raises ValueError for an unknown variant and for a context that is no multiple of 64 wide.
    """

    @register_to_config
    def __init__(
        self,
        token_dim: int,
        context_dim: int,
        variant: str = "self4",
        trained_with: dict | None = None,
        pooled_dim: int | None = None,
    ) -> None:
        super().__init__()
        if variant not in VARIANTS:
            raise ValueError(
                f"There is no variant '{variant}' of asuka.alignment.Alignment; choose one of {', '.join(VARIANTS)}."
            )
        if context_dim % HEAD:
            raise ValueError(
                f"The context is {context_dim} wide in asuka.alignment.Alignment, whose heads are {HEAD} "
                f"wide; give a multiple of {HEAD}."
            )
        count, kind = VARIANTS[variant]
        self.project = nn.Linear(token_dim, context_dim)
        self.layers = nn.ModuleList(kind(context_dim) for _ in range(count))
        self.norm = nn.LayerNorm(context_dim, eps=1e-5)
        self.pooled = None if pooled_dim is None else Alignment(token_dim, pooled_dim, variant)

    def forward(self, tokens: Tensor) -> Tensor:
        """tokens (B, T, token_dim) -> context (B, T, context_dim). Raises ValueError for another width."""
        if tokens.ndim != 3 or tokens.shape[-1] != self.project.in_features:
            raise ValueError(
                f"The tokens have shape {tuple(tokens.shape)} in asuka.alignment.Alignment, which reads "
                f"(batch, count, {self.project.in_features}); give the tokens of the masked autoencoder it "
                "was built for."
            )
        source = self.project(tokens)
        sequence = source
        for layer in self.layers:
            sequence = layer(sequence, source)
        return self.norm(sequence)

    def pool(self, tokens: Tensor) -> Tensor | None:
        """tokens (B, T, token_dim) -> the second network's mean over tokens (B, pooled_dim); None without one."""
        return None if self.pooled is None else self.pooled(tokens).mean(dim=1)

    @torch.no_grad()
    def start_near(self, context: Tensor, pooled: Tensor | None = None) -> None:
        """Let training start near a context that the frozen base knows (the empty prompt's).

        context: (T, D) or (B, T, D), D = context_dim; pooled: (B, pooled_dim), for a second network, done alike.

        Sets the final LayerNorm so that every channel of the output lies around its mean in `context`, with half the
        spread that all its numbers have: within what the base's cross-attention has met, yet loud enough to be heard.
        (With a tenth of the spread of each channel over tokens, tried first, a short training hardly left the empty
        prompt.) Our choice, the paper is silent. Raises ValueError for another width.
        """
        if context.ndim not in (2, 3) or context.shape[-1] != self.norm.weight.shape[0]:
            raise ValueError(
                f"The context has shape {tuple(context.shape)} in Alignment.start_near, which reads (count, "
                f"{self.norm.weight.shape[0]}), with or without a batch; give the context of the base model."
            )
        rows = context.flatten(0, -2).float()
        self.norm.bias.copy_(rows.mean(dim=0))
        self.norm.weight.fill_(0.5 * rows.std(correction=0))
        if self.pooled is not None:
            self.pooled.start_near(pooled)


def _plain_norm(sequence: Tensor) -> Tensor:
    return F.layer_norm(sequence, sequence.shape[-1:], eps=1e-6)


def _heads(sequence: Tensor) -> Tensor:
    """(B, T, heads * 64) -> (B, heads, T, 64)."""
    return sequence.unflatten(-1, (-1, HEAD)).transpose(1, 2)


def _rms_norm(heads: Tensor, scale: Tensor) -> Tensor:
    """(B, heads, T, 64) over the last axis, in float32."""
    return F.rms_norm(heads.float(), (HEAD,), scale.float(), eps=1e-6)
