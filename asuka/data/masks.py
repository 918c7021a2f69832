"""Hole generators: called with (rng, height, width) they return uint8 (height, width), 1 = hole, 0 = known.

Every generator keeps the share of hole pixels in [lo, hi], is never empty and never full, and draws from
`rng` alone: the same state of it gives the same mask. Lengths are shares of sqrt(height * width) unless
said otherwise: 128 and 512 pixels get the same holes. Kinds after LaMa (arXiv 2109.07161), Co-Mod-GAN
(2103.10428) and MAE (2111.06377); the shapes are our own. A knob out of range: InputError on construction.
"""

import math
from dataclasses import dataclass, fields

import cv2
import numpy as np

from asuka.data.silhouettes import figure, lump, rounded, turned
from asuka.errors import InputError

TRIES = 24  # the shipped options need less than 2 on average; `Holes.fitted` sees to the rest


def _is_box(mask: np.ndarray) -> bool:
    """Whether the pixels set in `mask` fill their bounding box."""
    _, _, width, height = cv2.boundingRect(mask)
    return cv2.countNonZero(mask) == width * height


@dataclass(frozen=True, kw_only=True)
class Holes:
    """What all generators share: 0 < lo < hi < 1, whole-number knobs from 1 up, all others in [0, 1]."""

    lo: float = 0.05
    hi: float = 0.9

    def __post_init__(self) -> None:
        kind = type(self).__name__
        if not 0 < self.lo < self.hi < 1:
            raise InputError(f"{kind}: lo={self.lo}, hi={self.hi} bound no share; give 0 < lo < hi < 1.")
        for knob in fields(self):
            value, partner = getattr(self, knob.name), knob.name.replace("min_", "max_")
            top, whole = getattr(self, partner), knob.type is int
            if not (isinstance(value, int) and 1 <= value <= top if whole else 0 <= value <= min(top, 1)):
                wanted = "a whole number from 1 up" if whole else "a share from 0 to 1"
                wanted += f", not above {partner}={top}" if partner != knob.name else ""
                raise InputError(f"{kind}: {knob.name}={value} is out of range; give {wanted}.")

    def __call__(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """One mask, uint8 (height, width) of 0/1. InputError where no mask of that size is in [lo, hi]."""
        total = max(height, 0) * max(width, 0)
        fewest, most = math.ceil(self.lo * total), math.floor(self.hi * total)
        fewest += fewest < total and fewest / total < self.lo  # the product above may have been rounded
        most -= most > 0 and most / total > self.hi
        if not 0 < fewest <= most:
            place = f"{type(self).__name__}: no mask of {height} x {width} pixels has a share of"
            bounds = f"lo={self.lo} to hi={self.hi}"
            raise InputError(f"{place} {bounds} of hole; give a larger picture or wider bounds.")
        for _ in range(TRIES):
            mask = self.draw(rng, height, width)
            if fewest <= cv2.countNonZero(mask) <= most and self.accepts(mask):
                return mask
        return self.fitted(rng, mask, fewest, most)

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """One mask of this kind, its share not yet looked at."""
        raise NotImplementedError

    def accepts(self, mask: np.ndarray) -> bool:
        """Whether `mask`, its share in bounds, will do."""
        return True

    def fitted(self, rng: np.random.Generator, mask: np.ndarray, fewest: int, most: int) -> np.ndarray:
        """`mask` grown or shrunk evenly along its outline into bounds: always ends and always succeeds.

        Where the nearest count is not accepted, one or two pixels away is; a picture of a few pixels may have
        no acceptable mask, and then being in bounds is all that is promised.
        """
        if cv2.countNonZero(mask) in (0, mask.size):  # no outline to move yet: start one anywhere
            mask.reshape(-1)[rng.integers(mask.size)] ^= 1
        inside, outside = (cv2.distanceTransform(part, cv2.DIST_L2, 5) for part in (mask, 1 - mask))
        nearest = min(max(cv2.countNonZero(mask), fewest), most)
        counts = [nearest + step for step in (0, 1, -1, 2, -2) if fewest <= nearest + step <= most]
        ranks = np.argsort(np.argsort(outside - inside, axis=None, kind="stable")).reshape(mask.shape)
        masks = [(ranks < count).astype(np.uint8) for count in counts]
        return next(filter(self.accepts, masks), masks[0])


class Irregular(Holes):
    """Holes that neither are nor leave one axis-aligned rectangle: a brush right across the picture could."""

    def accepts(self, mask: np.ndarray) -> bool:
        return not _is_box(mask) and not _is_box(1 - mask)


@dataclass(frozen=True, kw_only=True)
class Strokes(Irregular):
    """Brush strokes of a hand wandering in round turns or, with probability `scribble`, rubs about."""

    min_count: int = 1
    max_count: int = 5
    min_moves: int = 2
    max_moves: int = 8
    min_length: float = 0.08
    max_length: float = 0.4
    min_width: float = 0.04
    max_width: float = 0.22
    scribble: float = 0.35

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        mask, scale = np.zeros((height, width), np.uint8), math.sqrt(height * width)
        for _ in range(rng.integers(self.min_count, self.max_count + 1)):
            path = np.rint(self.path(rng, height, width)).astype(np.int32)
            brush = max(1, round(scale * rng.uniform(self.min_width, self.max_width)))
            cv2.polylines(mask, [path], False, 1, brush)
        return mask

    def path(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        """Points (n, 2) of one stroke, x and y in pixels, reflected at the edges of the picture."""
        moves = int(rng.integers(self.min_moves, self.max_moves + 1))
        turns = rng.normal(0, 0.6, moves)
        if rng.random() < self.scribble:
            turns = (math.pi - rng.uniform(0.25, 0.7, moves)) * (-1) ** np.arange(moves)
        heading = rng.uniform(0, 2 * math.pi) + np.cumsum(turns)
        step = math.sqrt(height * width) * rng.uniform(self.min_length, self.max_length)
        way = step * rng.uniform(0.7, 1.3, (moves, 1)) * np.stack([np.cos(heading), np.sin(heading)], 1)
        size = np.array([width, height], float)
        points = np.cumsum(np.vstack([rng.uniform(0, size), way]), 0)
        return rounded(size - np.abs(size - points % (2 * size)))


@dataclass(frozen=True, kw_only=True)
class Objects(Irregular):
    """Silhouettes of things: figures, turned things and lumps; `size` is half their length."""

    min_count: int = 1
    max_count: int = 4
    min_size: float = 0.12
    max_size: float = 0.42

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        mask = np.zeros((height, width), np.uint8)
        for _ in range(rng.integers(self.min_count, self.max_count + 1)):
            parts = (figure, turned, lump)[rng.integers(3)](rng)
            size = math.sqrt(height * width) * rng.uniform(self.min_size, self.max_size)
            turn, wide = rng.normal(0, 0.2), rng.uniform(0.8, 1.25)
            wide *= rng.choice([-1, 1])  # beasts look either way
            cos, sin = math.cos(turn), math.sin(turn)
            frame = size * np.array([[wide * cos, wide * sin], [-sin, cos]])
            centre = rng.uniform(0.05, 0.95, 2) * [width, height]
            for part in parts:  # one at a time: drawn together, overlaps would be left out
                cv2.fillPoly(mask, [np.rint(part @ frame + centre).astype(np.int32)], 1)
        return mask


@dataclass(frozen=True, kw_only=True)
class Boxes(Holes):
    """Axis-aligned rectangles inside the picture; sides are shares of the picture's own height and width."""

    min_count: int = 1
    max_count: int = 4
    min_side: float = 0.12
    max_side: float = 0.6

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        mask = np.zeros((height, width), np.uint8)
        for _ in range(rng.integers(self.min_count, self.max_count + 1)):
            tall, wide = (max(1, round(s * rng.uniform(self.min_side, self.max_side))) for s in mask.shape)
            top, left = rng.integers(height - tall + 1), rng.integers(width - wide + 1)
            mask[top : top + tall, left : left + wide] = 1
        return mask


@dataclass(frozen=True, kw_only=True)
class Border(Holes):
    """Outpainting: strips along one to four sides, as shares of the height or width they eat into."""

    min_depth: float = 0.08
    max_depth: float = 0.4

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        mask = np.zeros((height, width), np.uint8)
        for side in rng.permutation(4)[: rng.integers(1, 5)]:
            strips = np.rot90(mask, side)  # a view: painting its top rows paints that side of the mask
            strips[: max(1, round(len(strips) * rng.uniform(self.min_depth, self.max_depth)))] = 1
        return mask


@dataclass(frozen=True, kw_only=True)
class Patches(Holes):
    """MAE's pre-training holes: round(ratio * cells^2) cells of a cells x cells grid, drawn at random.

    Where a side is no multiple of `cells`, cells differ by a pixel. InputError for a side below `cells`.
    """

    cells: int = 16
    ratio: float = 0.75

    def __post_init__(self) -> None:
        super().__post_init__()
        if not self.lo <= round(self.ratio * self.cells**2) / self.cells**2 <= self.hi:
            grid = f"ratio={self.ratio} of {self.cells} x {self.cells} cells"
            raise InputError(f"Patches: {grid} is not from lo={self.lo} to hi={self.hi}; change one of them.")

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        if min(height, width) < self.cells:
            wanted = f"{self.cells} x {self.cells} cells; give a larger picture or fewer cells"
            raise InputError(f"Patches: {height} x {width} pixels cannot be cut into {wanted}.")
        grid = np.zeros(self.cells**2, np.uint8)
        grid[rng.permutation(grid.size)[: round(self.ratio * grid.size)]] = 1
        rows, columns = (np.arange(side) * self.cells // side for side in (height, width))
        return grid.reshape(self.cells, self.cells)[np.ix_(rows, columns)]


class Union(Irregular):
    """Strokes and objects in one mask."""

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        return Strokes().draw(rng, height, width) | Objects().draw(rng, height, width)


class Choice(Holes):
    """A kind of hole drawn by weight: the knobs named as in KINDS are the weights, not all of them 0."""

    def __post_init__(self) -> None:
        super().__post_init__()
        if sum(self.weights().values()) == 0:
            raise InputError(f"{type(self).__name__}: all weights are 0; give some kind a weight above 0.")

    def weights(self) -> dict[str, float]:
        return {knob.name: getattr(self, knob.name) for knob in fields(self) if knob.name in KINDS}

    def pick(self, rng: np.random.Generator) -> type[Holes]:
        weights = np.array(list(self.weights().values()))
        return KINDS[list(self.weights())[rng.choice(weights.size, p=weights / weights.sum())]]


@dataclass(frozen=True, kw_only=True)
class Complement(Choice):
    """Everything but strokes, objects or boxes is hole: what is known is a thing, or a window."""

    strokes: float = 0.3
    objects: float = 0.4
    boxes: float = 0.3
    lo: float = 0.2

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        return 1 - self.pick(rng)().draw(rng, height, width)


@dataclass(frozen=True, kw_only=True)
class Mixed(Choice):
    """One kind per mask, by weight, whatever its share of hole; `union` is strokes and objects together."""

    strokes: float = 0.4
    objects: float = 0.25
    union: float = 0.1
    boxes: float = 0.1
    border: float = 0.07
    complement: float = 0.08

    def draw(self, rng: np.random.Generator, height: int, width: int) -> np.ndarray:
        return self.pick(rng)(lo=self.lo, hi=self.hi)(rng, height, width)


KINDS = {kind.__name__.lower(): kind for kind in (Strokes, Objects, Union, Boxes, Border, Complement)}
