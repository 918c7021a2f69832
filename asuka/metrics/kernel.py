"""KID: the squared maximum mean discrepancy of two sets of features under a cubic kernel, without bias.

Binkowski et al. 2018, eq. 4, with k(x, y) = (x'y / K + 1)^3, in float64. torch-fidelity gives the mean over 100 random
subsets of 1,000 pictures a side; this is the number that such means scatter around, and equal to it where the subset is
the whole set. As there, a photograph and its own result count among the pairs between the sets. Two results of one
photograph are not independent, so they are no pair within the set: several holes per photograph leave it without bias.
"""

import torch
from torch import Tensor

from asuka.metrics.metric import MisleadingError
from asuka.metrics.whole import CHUNK, Pairs, Reducer

Part = tuple[Tensor, Tensor]  # rows (N, K), and whose they are (N,)


class Kernel:
    """The sums of the kernel over all pairs. With K = 2048, 36,500 pairs take minutes on a CPU."""

    def __init__(self, real: Tensor, result: Tensor, photo: Tensor) -> None:
        self.pairs = Pairs.of(real, result, photo)
        everyone = torch.ones_like(self.pairs.row, dtype=torch.bool)
        self.sums = self._sums(everyone, everyone)

    def numbers(self) -> dict[str, float]:
        return self._discrepancy(self.sums, torch.ones_like(self.pairs.row, dtype=torch.bool))

    def without(self, gone: Tensor) -> dict[str, float]:
        kept, _ = self.pairs.kept(gone)
        everyone = torch.ones_like(kept)
        # Pairs with an end that is gone: with the first, with the second, less those that were counted with both.
        lost = self._sums(~kept, everyone) + self._sums(everyone, ~kept) - self._sums(~kept, ~kept)
        return self._discrepancy(self.sums - lost, kept)

    def _sums(self, ones: Tensor, others: Tensor) -> Tensor:
        """Sums of the kernel from the photographs `ones` (P,) to `others` (P,): of real pictures among themselves, of
        results among themselves, and from real pictures to results: (3,)."""
        photos = torch.arange(len(ones), device=ones.device)
        real, result = (self.pairs.real, photos), (self.pairs.result, self.pairs.photo)
        stranger = (self.pairs.real, -1 - photos)  # owns no result: its own counts as any other
        sides = ((real, real), (result, result), (stranger, result))
        owners = self.pairs.photo
        keep = ((ones, others), (ones[owners], others[owners]), (ones, others[owners]))
        sums = [_sum(_pick(a, k), _pick(b, m)) for (a, b), (k, m) in zip(sides, keep, strict=True)]
        return torch.stack(sums)

    def _discrepancy(self, sums: Tensor, kept: Tensor) -> dict[str, float]:
        counts = self.pairs.counts()[kept]
        real, result = len(counts), counts.sum()
        if real < 2:
            raise MisleadingError(f"kid of {real} photographs: one alone has no pair; give two or more")
        pairs = torch.stack([counts.new_tensor(real * (real - 1)), result**2 - counts.square().sum(), real * result])
        within, other, between = sums / pairs
        return {"kid": (within + other - 2 * between).item()}


# A Reduce: {"kid": …}, real photographs counted once each. Below 0 where the sets are closer than chance makes them.
kid = Reducer(Kernel)


def _pick(part: Part, keep: Tensor) -> Part:
    return part[0][keep], part[1][keep]


def _sum(one: Part, other: Part) -> Tensor:
    """Sum of the kernel between all rows of two parts, but for pairs with one owner."""
    rows, owners = one
    total = rows.new_zeros((), dtype=torch.float64)
    for left, owner in zip(rows.split(CHUNK), owners.split(CHUNK), strict=True):
        left = left.double() / left.shape[1]
        for right, its in zip(other[0].split(CHUNK), other[1].split(CHUNK), strict=True):
            values = torch.addmm(left.new_ones(()), left, right.double().T).pow_(3)
            total += values.masked_fill_(owner[:, None] == its, 0).sum()
    return total
