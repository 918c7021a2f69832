"""Features of the known pixels, which the decoder reads in place of its own."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from decoder.rows import Rows

ROWS = 16_384  # places that a layer is fitted to, at most
RIDGE = 1e-3  # added to the diagonal, as a share of its mean


class KnownEncoder(nn.Module):
    """One convolution for each place where known pixels enter the decoder (sizes of the released network)."""

    def __init__(self, widths: tuple[int, ...]) -> None:
        """widths: channels of the features, finest first; the first two at full size, each later one at half."""
        super().__init__()
        self.layers = nn.ModuleList()
        for number, (inputs, width) in enumerate(zip((4, *widths[:-1]), widths, strict=True)):
            size, stride = (3, 1) if number < 2 else (4, 2)
            layer = nn.Conv2d(inputs, width, size, stride, padding=1)
            # Keeps the spread from layer to layer. PyTorch's own start would shrink it to nothing.
            nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")
            nn.init.zeros_(layer.bias)
            self.layers.append(layer)

    def forward(self, seen: Tensor) -> list[Tensor]:
        """seen: (B, 4, H, W), known pixels and mask -> features (before the ReLU), finest first."""
        features = [self.layers[0](seen)]
        for layer in self.layers[1:]:
            features.append(layer(F.relu(features[-1])))
        return features

    def rows(self, seen: Rows) -> list[Rows]:
        """The same of rows; those at full size, the largest, are computed when they are asked for."""
        features = [seen.convolved(self.layers[0])]
        for layer in self.layers[1:]:
            coarser = features[-1].mapped(F.relu).convolved(layer)
            features.append(coarser if coarser.height == seen.height else coarser.kept())
        return features

    @torch.no_grad()
    def start_near(self, seen: Tensor, wanted: list[Tensor]) -> None:
        """Fit the layers one after the other to `wanted`, by least squares; float32 on the CPU.

        seen: (B, 4, H, W); wanted: the decoder's own features of the same pictures, finest first.

        Our choice, the release does not say how it began. The decoder takes these features for its own, so they had
        better look like its own. On the tiny base (L1 of known pixels after 0, 25 and 100 steps of 8 crops) PyTorch's
        start gave .43, .30, .12, one that only has the right spread .32, .12, .075, this one .16, .08, .060.
        """
        choice = torch.Generator().manual_seed(0)
        for layer, features in zip(self.layers, wanted, strict=True):
            _fit(layer, seen, features, choice)
            seen = F.relu(layer(seen))


def _fit(layer: nn.Conv2d, inputs: Tensor, wanted: Tensor, choice: torch.Generator) -> None:
    """Ridge regression in float64 at randomly chosen places; the bias is free."""
    patches = F.unfold(inputs, layer.kernel_size, padding=layer.padding, stride=layer.stride)
    rows, targets = patches.transpose(1, 2).flatten(0, 1), wanted.flatten(2).transpose(1, 2).flatten(0, 1)
    chosen = torch.randperm(len(rows), generator=choice)[:ROWS]
    rows, targets = rows[chosen].double(), targets[chosen].double()
    middle, mean = rows.mean(dim=0), targets.mean(dim=0)
    rows = rows - middle
    gram = rows.T @ rows
    # Never singular, even where all inputs are alike.
    gram.diagonal().add_(RIDGE * gram.diagonal().mean() + 1e-9)
    weight = torch.linalg.solve(gram, rows.T @ (targets - mean))
    layer.weight.copy_(weight.T.reshape(layer.weight.shape))
    layer.bias.copy_(mean - middle @ weight)
