"""A learned prompt: a few tokens, the same for every picture, that cross-attention reads in place of a text."""

import torch
from diffusers import ConfigMixin, ModelMixin
from diffusers.configuration_utils import register_to_config
from torch import Tensor, nn


class LearnedPrompt(ModelMixin, ConfigMixin):
    """B -> (B, count, context_dim): so many learned tokens, for B pictures.

    They stand where the text encoder's sequence stands, which is not run (task inversion, Wang et al. 2024: the
    diffusion objective, everything else frozen). trained_with: facts about the training, kept in the config.
    """

    @register_to_config
    def __init__(self, count: int, context_dim: int, trained_with: dict | None = None) -> None:
        super().__init__()
        self.tokens = nn.Parameter(torch.zeros(count, context_dim))

    def forward(self, pictures: int) -> Tensor:
        return self.tokens.expand(pictures, -1, -1)

    @torch.no_grad()
    def start_as(self, context: Tensor) -> None:
        """Let training start at a text: the first tokens of its sequence (T, context_dim), from the front again where
        there are not enough."""
        rows = torch.arange(len(self.tokens)) % len(context)
        self.tokens.copy_(context[rows])
