"""95 % intervals over photographs: of means by the bootstrap, of the numbers of whole sets by the jackknife.

Photographs are what was drawn by chance, and the results of one belong together: what is drawn again, or left out, is a
photograph with all its results. A number of a whole set is never computed with a photograph drawn twice, for
duplicates bias a covariance and make sets separable: 20 groups of photographs are left out one after the other. The
numbers without a group, all from sets of nearly one size, share the bias that FID and its relatives have from the
number of pictures, and their spread is free of it. For a difference of two methods give `jackknife` the differences of
their numbers, group by group; photographs of the same names are in the same groups.
"""

import torch
from torch import Tensor

from asuka.errors import InputError
from asuka.metrics.metric import MisleadingError
from asuka.metrics.whole import Whole
from asuka.seeding import seed_of

RESAMPLES, LEAST = 2000, 5
NORMAL = 1.959964  # 97.5 % quantile
AT_ONCE = 2**24  # draws in memory


def bootstrap(values: Tensor, photo: Tensor, seed: int) -> tuple[float, float]:
    """Lower and upper end of the interval of the mean of `values` (N,), each of the photograph photo[n].

    Percentiles over 2,000 draws of as many photographs as there are, with replacement, a function of `seed` and of
    the order of the photographs. InputError for values that are not finite, MisleadingError for a single photograph.
    """
    if values.shape != photo.shape or values.ndim != 1 or not values.isfinite().all():
        raise InputError(f"{tuple(values.shape)} values of {tuple(photo.shape)} photographs: give finite ones, (N,)")
    _, owner = photo.cpu().unique(return_inverse=True)
    counts = torch.bincount(owner).double()
    if len(counts) < 2:
        raise MisleadingError(f"no interval over {len(counts)} photograph: one alone has no spread; give more")
    sums = torch.zeros_like(counts).index_add_(0, owner, values.cpu().double())
    rng = torch.Generator().manual_seed(seed_of(seed, "bootstrap"))
    means, step = [], max(AT_ONCE // len(counts), 1)
    for start in range(0, RESAMPLES, step):
        drawn = torch.randint(len(counts), (min(step, RESAMPLES - start), len(counts)), generator=rng)
        means.append(sums[drawn].sum(1) / counts[drawn].sum(1))
    low, high = torch.cat(means).quantile(torch.tensor([0.025, 0.975], dtype=torch.float64)).tolist()
    return low, high


def groups(photos: list[str], count: int = 20) -> list[int]:
    """The group, 0 to `count` - 1, of each photograph by name, in order of a hash; equal names share one.

    A function of the set of names, so that methods measured on the same photographs have the same groups, whose sizes
    differ by one at most.
    """
    ranks = {name: rank for rank, name in enumerate(sorted(set(photos), key=lambda name: (seed_of(name), name)))}
    return [ranks[name] % count for name in photos]


def leave_out(whole: Whole, photo: Tensor, group_of_photo: list[int]) -> list[dict[str, float]]:
    """The numbers of opened sets without each group, in rising order of the groups.

    `photo` (N,) is as the sets were opened with, and `group_of_photo` has the group of each of their photographs;
    groups without a result are not there.
    """
    group = torch.tensor(group_of_photo, device=photo.device)
    if len(photo) and int(photo.max()) >= len(group):
        raise InputError(f"{len(group)} groups of {int(photo.max()) + 1} photographs: give one for each")
    return [whole.without(group == left) for left in group[photo].unique().tolist()]


def jackknife(whole: dict[str, float], leave_out: list[dict[str, float]]) -> dict[str, float]:
    """Half width of the interval around each number of `whole`, from those without each of g groups of equal size.

    Delete-a-group jackknife: variance (g - 1) / g times the squared distances from the mean of the g numbers, times the
    quantile of Student's t with g - 1 degrees of freedom (2.093 for 20). MisleadingError for fewer than five groups.
    """
    if len(leave_out) < LEAST:
        raise MisleadingError(
            f"no interval from {len(leave_out)} groups of photographs: give {LEAST} photographs or more"
        )
    count = len(leave_out)
    rows = torch.tensor([[numbers[name] for name in whole] for numbers in leave_out], dtype=torch.float64)
    errors = (rows.var(0, correction=0) * (count - 1)).sqrt()
    return dict(zip(whole, (student(count - 1) * errors).tolist(), strict=True))


def student(freedom: int) -> float:
    """The 97.5 % quantile of Student's t, to .003 from 4 degrees of freedom on (Abramowitz and Stegun, 26.7.5)."""
    z = NORMAL
    terms = (
        (z**3 + z) / 4,
        (5 * z**5 + 16 * z**3 + 3 * z) / 96,
        (3 * z**7 + 19 * z**5 + 17 * z**3 - 15 * z) / 384,
        (79 * z**9 + 776 * z**7 + 1482 * z**5 - 1920 * z**3 - 945 * z) / 92160,
    )
    return z + sum(term / freedom**power for power, term in enumerate(terms, 1))
