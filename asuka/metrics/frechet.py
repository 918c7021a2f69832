"""FID: the Frechet distance of two normal distributions with the means and covariances of two sets of features.

Heusel et al. 2017, eq. 6: |m1 - m2|^2 + tr(S1 + S2 - 2 (S1 S2)^(1/2)), covariances over N - 1, all in float64. The last
trace is the nuclear norm of L1' L2 for any L with L L' = S, so that no root of a product without symmetry is taken. L
is a Cholesky factor; where a set has fewer pictures than dimensions, both L are the centred features themselves and
L1' L2 is their table of inner products. Singular values are what takes the time, and those of L1' L2 are the roots of
the eigenvalues of L2' S1 L2, found six times as quickly: they are taken unless what rounding does to the small ones
could be seen in the distance.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from asuka.metrics.metric import MisleadingError
from asuka.metrics.whole import CHUNK, Pairs, Reducer, Whole

NEAR = 1e-6  # share of a distance that rounding may take


class _Side:
    """Rows (N, K) of one set, moved by `centre` (K,), which changes nothing but how much is lost in rounding."""

    def __init__(self, rows: Tensor, centre: Tensor) -> None:
        self.rows, self.centre = rows, centre
        self.total = sum(part.sum(0) for part in self.parts(slice(None)))
        self.squares = torch.cat([part.square().sum(1) for part in self.parts(slice(None))])

    def parts(self, which: slice | Tensor) -> Iterator[Tensor]:
        """The rows `which`, not all at a time."""
        for part in self.rows[which].split(CHUNK):
            yield part.double() - self.centre

    def moments(self, keep: Tensor) -> tuple[int, Tensor, Tensor]:
        """Number, mean (K,) and trace of the covariance of the rows `keep`."""
        count = int(keep.sum())
        if count < 2:
            raise MisleadingError(f"fid of {count} pictures: one alone has no spread; give two or more on each side")
        total = self.total - sum(part.sum(0) for part in self.parts(~keep))
        trace = (self.squares[keep].sum() - total.square().sum() / count) / (count - 1)
        return count, total / count, trace.clamp(min=0)


class _Frechet:
    """The half that is the same for few and for many pictures."""

    def __init__(self, pairs: Pairs) -> None:
        self.pairs = pairs
        centre = pairs.real.mean(0, dtype=torch.float64)
        self.real, self.result = _Side(pairs.real, centre), _Side(pairs.result, centre)

    def numbers(self) -> dict[str, float]:
        return self._distance(*(torch.ones_like(rows[:, 0], dtype=torch.bool) for rows in self._sets()))

    def without(self, gone: Tensor) -> dict[str, float]:
        return self._distance(*self.pairs.kept(gone))

    def overlap(self, photos: Tensor, results: Tensor, apart: Tensor) -> Tensor:
        """tr((S1 S2)^(1/2)) of the photographs and results that are kept; twice that is taken from `apart`."""
        raise NotImplementedError

    def _sets(self) -> tuple[Tensor, Tensor]:
        return self.pairs.real, self.pairs.result

    def _distance(self, photos: Tensor, results: Tensor) -> dict[str, float]:
        _, mean, spread = self.real.moments(photos)
        _, other_mean, other_spread = self.result.moments(results)
        apart = (mean - other_mean).square().sum() + spread + other_spread
        distance = apart - 2 * self.overlap(photos, results, apart)
        return {"fid": max(distance.item(), 0.0)}  # what is below 0 is rounding


class Few(_Frechet):
    """At least one set has fewer pictures than dimensions: keeps every inner product between the two."""

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        photos = torch.cat(list(self.real.parts(slice(None))))
        self.products = torch.cat([photos @ part.T for part in self.result.parts(slice(None))], 1)

    def overlap(self, photos: Tensor, results: Tensor, apart: Tensor) -> Tensor:
        table = self.products[photos][:, results]
        table = table - table.mean(0)
        table = table - table.mean(1, keepdim=True)
        height, width = table.shape
        return _nuclear(table) / ((height - 1) * (width - 1)) ** 0.5


class Many(_Frechet):
    """Both sets have at least as many pictures as dimensions: keeps their sums of squares and products."""

    def __init__(self, pairs: Pairs) -> None:
        super().__init__(pairs)
        self.products = [_products(side, slice(None)) for side in (self.real, self.result)]

    def overlap(self, photos: Tensor, results: Tensor, apart: Tensor) -> Tensor:
        sides = zip((self.real, self.result), self.products, (photos, results), strict=True)
        first, second = (self._covariance(side, products, keep) for side, products, keep in sides)
        factor, rank = _factor(second), int(torch.linalg.matrix_rank(first, hermitian=True))
        squares = torch.linalg.eigvalsh(factor.T @ first @ factor).clamp(min=0)
        lost = torch.finfo(squares.dtype).eps * squares[-1]
        squares = squares[len(squares) - rank :]  # of the others rounding alone is left
        trace, wrong = squares.sqrt().sum(), ((squares + lost).sqrt() - squares.sqrt()).sum()
        if 2 * wrong < NEAR * (apart - 2 * trace):
            return trace
        return _nuclear(_factor(first).T @ factor)

    def _covariance(self, side: _Side, products: Tensor, keep: Tensor) -> Tensor:
        count, mean, _ = side.moments(keep)
        return (products - _products(side, ~keep) - count * torch.outer(mean, mean)) / (count - 1)


def frechet(real: Tensor, result: Tensor, photo: Tensor) -> Whole:
    """The two sets, read once. MisleadingError for a side of fewer than two pictures."""
    pairs = Pairs.of(real, result, photo)
    return (Few if min(len(pairs.real), len(pairs.result)) < real.shape[1] else Many)(pairs)


# A Reduce: {"fid": …}, real photographs counted once each. It falls as N grows, so compare at equal N alone.
fid = Reducer(frechet)


def _products(side: _Side, which: slice | Tensor) -> Tensor:
    """Sum of x x' over the rows `which`: (K, K)."""
    width = len(side.centre)
    return sum((part.T @ part for part in side.parts(which)), side.centre.new_zeros(width, width))


def _factor(covariance: Tensor) -> Tensor:
    """L with L L' = covariance."""
    factor, fault = torch.linalg.cholesky_ex(covariance)
    if int(fault) == 0:
        return factor
    values, vectors = torch.linalg.eigh(covariance)  # a feature that never changes, or two that always agree
    return vectors * values.clamp(min=0).sqrt()


def _nuclear(table: Tensor) -> Tensor:
    """The sum of singular values. Not from the eigenvalues of a square: the small ones would be lost in rounding."""
    tall = table.T if table.shape[0] < table.shape[1] else table
    return torch.linalg.svdvals(torch.linalg.qr(tall, mode="r").R).sum()
