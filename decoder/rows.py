"""Maps whose rows are computed when they are asked for, and layers over such maps."""

from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn import functional

STRIP = 32  # rows that are worked on at once; those that a convolution reads beyond them are few against so many


class Rows:
    """A map (B, C, H, W) of which `rows(first, last)`, (B, C, last - first, W), can be had; `stored` where it is whole.

    What is made of it below equals what its layer would make of the whole map but for the last bits: a strip brings
    the rows that a convolution reads beyond it, and a norm has the statistics of the whole.
    """

    def __init__(self, height: int, width: int, rows: Callable[[int, int], Tensor], stored: Tensor | None = None):
        self.height, self.width, self.rows, self.stored = height, width, rows, stored

    @classmethod
    def of(cls, whole: Tensor) -> "Rows":
        """A map that is there."""
        return cls(*whole.shape[-2:], lambda first, last: whole[:, :, first:last], whole)

    def strips(self) -> Iterator[tuple[int, Tensor]]:
        """All rows, some at a time, each time with the number of the first."""
        for first in range(0, self.height, STRIP):
            yield first, self.rows(first, min(first + STRIP, self.height))

    def kept(self) -> "Rows":
        """The same, computed once and stored."""
        return self if self.stored is not None else self.into(None)

    def into(self, whole: Tensor | None) -> "Rows":
        """The same, stored in `whole`, which it may be computed from row by row, or in new memory."""
        for first, strip in self.strips():
            if whole is None:
                whole = strip.new_empty(*strip.shape[:2], self.height, self.width)
            whole[:, :, first : first + strip.shape[2]] = strip
        return Rows.of(whole)

    def plus(self, other: "Rows", divided: float) -> "Rows":
        """The sum of two maps, divided by a number."""
        return Rows(
            self.height,
            self.width,
            lambda first, last: self.rows(first, last).add(other.rows(first, last)).div_(divided),
        )

    def mapped(self, change: Callable[[Tensor], Tensor]) -> "Rows":
        """After a change that every place goes through by itself."""
        return Rows(self.height, self.width, lambda first, last: change(self.rows(first, last)))

    def doubled(self) -> "Rows":
        """Every place four times: the nearest neighbour at twice the size."""

        def rows(first: int, last: int) -> Tensor:
            wide = functional.interpolate(self.rows(first // 2, (last + 1) // 2), scale_factor=2.0, mode="nearest")
            return wide[:, :, first % 2 :][:, :, : last - first]

        return Rows(2 * self.height, 2 * self.width, rows)

    def convolved(self, layer: nn.Conv2d, beyond: int = 0) -> "Rows":
        """After a convolution; `beyond` more rows and columns of zeros lie below and right of the map."""
        (size, _), (step, _), (edge, _) = layer.kernel_size, layer.stride, layer.padding

        def rows(first: int, last: int) -> Tensor:
            above, below = first * step - edge, (last - 1) * step - edge + size
            seen = self.rows(max(above, 0), min(below, self.height))
            zeros = (edge, edge + beyond, max(-above, 0), max(below - self.height, 0))
            return functional.conv2d(functional.pad(seen, zeros), layer.weight, layer.bias, layer.stride)

        height, width = (((side + 2 * edge + beyond - size) // step + 1) for side in (self.height, self.width))
        return Rows(height, width, rows)

    def normed(self, layer: nn.GroupNorm, activation: nn.Module) -> "Rows":
        """After a norm, with the statistics of the whole map, and an activation."""
        mean, variance = self._moments(layer.num_groups)
        scale = (variance + layer.eps).rsqrt().repeat_interleave(layer.num_channels // layer.num_groups, dim=1)
        scale = (scale * layer.weight.float())[:, :, None, None]
        shift = mean.repeat_interleave(layer.num_channels // layer.num_groups, dim=1)[:, :, None, None]
        bias = layer.bias.float()[:, None, None]

        def rows(first: int, last: int) -> Tensor:
            seen = self.rows(first, last)
            return activation(seen.float().sub(shift).mul_(scale).add_(bias).to(seen.dtype))

        return Rows(self.height, self.width, rows)

    def _moments(self, groups: int) -> tuple[Tensor, Tensor]:
        """Mean and variance of each group, (B, groups) in float32, from those of strips (Chan et al. 1979)."""
        count, mean, squares = 0, 0.0, 0.0
        for _, strip in self.strips():
            values = strip.float().reshape(len(strip), groups, -1)
            variance, own = torch.var_mean(values, dim=2, correction=0)
            more = values.shape[2]
            apart = own - mean
            squares = squares + variance * more + apart**2 * (count * more / (count + more))
            mean = mean + apart * (more / (count + more))
            count += more
        return mean, squares / count
