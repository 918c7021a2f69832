"""Every number and feature of some filled pictures in one pass, as a protocol wants them."""

from collections.abc import Iterator
from itertools import combinations

import numpy as np
import torch
from torch import Tensor

from asuka.data.pair import Pair
from asuka.errors import InputError
from asuka.evaluation.chunk import Row
from asuka.image import paste, to_tensor
from asuka.metrics.metric import Rows
from asuka.metrics.table import Protocol

BATCH = 16  # pictures
STABLE = "lpips_alex"  # what tells draws apart


class Scorer:
    """The networks of a protocol, built once."""

    def __init__(self, protocol: Protocol, device: torch.device):
        self.protocol, self.device = protocol, device
        self.scores = {name: score.make(device) for name, score in protocol.scores.items()}
        self.spaces = {name: space.make(device) for name, space in protocol.spaces.items()}

    @torch.no_grad()
    def __call__(self, pairs: list[Pair], draws: list[list[np.ndarray]]) -> list[Row]:
        """The row of each pair; `draws` are its raw results, uint8 (H, W, 3), draw by draw.

        A score that a picture has not, such as a seam where nothing is known, is nan. InputError where a score
        is not a number although it should be.
        """
        rows: list[Row] = [{} for _ in pairs]
        for places in _alike(pairs):
            truth = self._stack([pairs[place].image for place in places])
            levels = torch.stack([torch.from_numpy(pairs[place].levels) for place in places])[:, None]
            mask = self.protocol.mask(levels.to(self.device).float() / 255)
            photos = [pairs[place].photo for place in places]
            found = {f"real/{name}": self._real(name, truth, mask, photos) for name in self.spaces}
            results = [self._stack([raw[place] for place in places]) for raw in draws]
            measured = [self._measured(truth, mask, raw) for raw in results]
            found |= {key: np.stack([one[key] for one in measured], axis=1) for key in measured[0]}
            if len(draws) > 1 and STABLE in self.scores:
                found["stability"] = self._stability(truth, mask, results)
            for number, place in enumerate(places):
                rows[place] = {key: values[number] for key, values in found.items()}
        return rows

    def _measured(self, truth: Tensor, mask: Tensor, raw: Tensor) -> dict[str, np.ndarray]:
        """Scores (B,) and features (B, K) of one draw, under each of the protocol's views."""
        found = {}
        for prefix, view in self.protocol.views.items():
            picture = view(truth, mask, raw)
            for name, rows in self.scores.items():
                found[f"score/{prefix}{name}"] = _values(name, rows, truth, mask, picture)
            seen = self.protocol.seen(truth, mask, picture)
            for name, embed in self.spaces.items():
                found[f"result/{prefix}{name}"] = embed(seen, mask).float().cpu().numpy()
        return found

    def _stability(self, truth: Tensor, mask: Tensor, results: list[Tensor]) -> np.ndarray:
        """Mean LPIPS between the composites of every two draws: (B,)."""
        composites = [paste(truth, mask, raw) for raw in results]
        pairs = [self.scores[STABLE](first, mask, second) for first, second in combinations(composites, 2)]
        return torch.stack(pairs).mean(0).double().cpu().numpy()

    def _real(self, name: str, truth: Tensor, mask: Tensor, photos: list[str]) -> np.ndarray:
        """Features of the truth (B, K): of each photograph once, where they do not depend on its hole."""
        if self.protocol.spaces[name].per_hole:
            return self.spaces[name](truth, mask).float().cpu().numpy()
        first = list(dict.fromkeys(photos))
        places = [photos.index(photo) for photo in first]
        known = self.spaces[name](truth[places], mask[places]).float().cpu().numpy()
        return known[[first.index(photo) for photo in photos]]

    def _stack(self, images: list[np.ndarray]) -> Tensor:
        return torch.stack([to_tensor(image) for image in images]).to(self.device)


def _values(name: str, rows: Rows, truth: Tensor, mask: Tensor, picture: Tensor) -> np.ndarray:
    """A score of each picture (B,); nan where a picture has none."""
    try:
        values = rows(truth, mask, picture).double().cpu()
    except InputError:
        if len(truth) == 1:
            return np.array([np.nan])
        single = [
            _values(name, rows, *(part[row : row + 1] for part in (truth, mask, picture))) for row in range(len(truth))
        ]
        return np.concatenate(single)
    if values.isnan().any():
        raise InputError(f"{name} of a picture is not a number; look at what made it, or leave {name} out: metrics=[…]")
    return values.numpy()


def _alike(pairs: list[Pair]) -> Iterator[list[int]]:
    """Places of pairs of one size, at most BATCH together."""
    sizes: dict[tuple[int, ...], list[int]] = {}
    for place, pair in enumerate(pairs):
        sizes.setdefault(pair.image.shape, []).append(place)
    for places in sizes.values():
        for start in range(0, len(places), BATCH):
            yield places[start : start + BATCH]
