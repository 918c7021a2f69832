"""What a drawn scene holds and where it stands, and the caption that says so."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np

T = TypeVar("T")

GROUNDS = {
    "grass": "grass",
    "meadow": "a flower meadow",
    "sand": "sand",
    "soil": "bare soil",
    "snow": "snow",
    "water": "water",
    "asphalt": "asphalt",
    "tiles": "a tiled floor",
    "wood": "a wooden floor",
    "bricks": "a brick floor",
}
SKIES = ("clear", "cloudy", "overcast", "morning", "evening", "night")
FARS = ("", "", "hills", "mountains", "trees")

COLOURS = {
    "red": (0.84, 0.11, 0.11),
    "orange": (0.96, 0.49, 0.07),
    "yellow": (0.97, 0.84, 0.14),
    "green": (0.16, 0.58, 0.20),
    "blue": (0.13, 0.33, 0.84),
    "purple": (0.50, 0.20, 0.67),
    "pink": (0.97, 0.54, 0.71),
    "brown": (0.44, 0.26, 0.13),
    "grey": (0.53, 0.54, 0.56),
    "black": (0.12, 0.12, 0.14),
    "white": (0.95, 0.95, 0.93),
}
PAINTS = ("red", "orange", "yellow", "green", "blue", "purple", "pink", "black", "white")

# A low thing in these colours would melt into the ground or the dark.
CLASHES = {
    "grass": ("green",),
    "meadow": ("green",),
    "sand": ("white", "brown"),
    "soil": ("brown", "black"),
    "snow": ("white",),
    "water": ("blue",),
    "asphalt": ("black", "grey"),
    "wood": ("brown", "orange"),
    "bricks": ("red", "brown"),
    "overcast": ("white", "grey"),
    "night": ("black",),
}


@dataclass(frozen=True)
class Kind:
    """A kind of thing: its height in eye heights (low, high), its width per height, its colours."""

    low: float
    high: float
    aspect: float
    colours: tuple[str, ...] = PAINTS


KINDS = {
    "ball": Kind(0.55, 1.0, 1.0),
    "box": Kind(0.55, 0.95, 1.2),
    "cone": Kind(0.7, 1.1, 0.8),
    "cylinder": Kind(0.6, 1.0, 0.66),
    "pyramid": Kind(0.6, 0.95, 1.35),
    "mushroom": Kind(0.6, 0.95, 0.95),
    "rock": Kind(0.4, 0.65, 1.6, ("grey", "brown", "black", "white")),
    "flag": Kind(1.1, 1.5, 0.6, PAINTS[:-1]),
    "tree": Kind(1.2, 1.7, 0.72, ("green", "yellow", "orange", "red", "pink")),
    "pine": Kind(1.2, 1.8, 0.5, ("green", "green", "blue", "white")),
    "house": Kind(1.1, 1.4, 1.2),
    "tower": Kind(1.4, 1.9, 0.36),
    "boat": Kind(0.9, 1.2, 1.0),
}
ON_LAND = tuple(kind for kind in KINDS if kind != "boat")
ON_WATER = ("boat", "boat", "ball", "box", "cone", "cylinder", "rock")
TALL = ("tree", "pine")


@dataclass(frozen=True)
class Thing:
    """A thing on the ground, in units of the picture's side, y downwards.

    x is its middle and base the line it stands on, both in (0, 1); a larger base is nearer.
    rgb is its own shade of the named colour, each in [0, 1].
    """

    kind: str
    colour: str
    rgb: tuple[float, float, float]
    x: float
    base: float
    width: float
    height: float

    @property
    def name(self) -> str:
        return f"{'an' if self.colour == 'orange' else 'a'} {self.colour} {self.kind}"


@dataclass(frozen=True)
class Scene:
    """Everything the caption speaks of and the painter needs.

    horizon in (0, 1) is its height from the top; light in [-1, 1] is where the light comes from,
    left to right. things are in the order the caption names them; of three, the second stands
    between the other two.
    """

    index: int
    ground: str
    sky: str
    far: str
    horizon: float
    light: float
    things: tuple[Thing, ...]

    @property
    def caption(self) -> str:
        place = f"{GROUNDS[self.ground]} under {'an' if self.sky[0] in 'eo' else 'a'} {self.sky} sky"
        far = f", {self.far} behind" if self.far else ""
        if not self.things:
            return f"an empty {place[2:]}{far}" if place.startswith("a ") else f"empty {place}{far}"
        first = self.things[0]
        if len(self.things) == 1:
            return f"{first.name} {_third(first.x)} on {place}{far}"
        second = self.things[1]
        named = f"{first.name} {relation(first, second)} {second.name}"
        if len(self.things) == 3:
            third = self.things[2]
            named += f" and {third.name} {relation(third, second)} it"
        return f"{named} on {place}{far}"


def compose(index: int) -> Scene:
    """The scene of this index; the same in every process and at every picture size."""
    rng = np.random.default_rng([index, 0])
    ground, sky, far = _pick(rng, tuple(GROUNDS)), _pick(rng, SKIES), _pick(rng, FARS)
    horizon = float(rng.uniform(0.34, 0.56))
    light = float(rng.uniform(0.35, 0.9)) * _pick(rng, (-1, 1))
    wanted = int(np.searchsorted((0.25, 0.55, 0.82), rng.random()))
    things: tuple[Thing, ...] = ()
    while len(things) < wanted:
        # A crowded start may leave no room for the next thing: clear the ground and start again.
        thing = _place(rng, ground, sky, horizon, things)
        things = (*things, thing) if thing else ()
        if len(things) == 3 and not _sayable(things):
            things = ()
    if len(things) == 3:
        left, middle, right = sorted(things, key=lambda thing: thing.x)
        things = (left, middle, right) if rng.random() < 0.5 else (right, middle, left)
    return Scene(index, ground, sky, far, horizon, light, things)


def relation(one: Thing, other: Thing) -> str:
    """Where one stands as seen from the other."""
    if _apart(one, other):
        return "left of" if one.x < other.x else "right of"
    return "in front of" if one.base > other.base else "behind"


def _place(rng: np.random.Generator, ground: str, sky: str, horizon: float, others: tuple[Thing, ...]) -> Thing | None:
    """A thing that gets on with the others, or None when a number of tries found no room for one."""
    for _ in range(12):
        name = _pick(rng, ON_WATER if ground == "water" else ON_LAND)
        kind = KINDS[name]
        clashes = () if name in TALL else CLASHES.get(ground, ()) + CLASHES.get(sky, ())
        colours = [colour for colour in kind.colours if colour not in clashes]
        if not colours:
            continue
        colour = _pick(rng, colours)
        below = rng.uniform(0.17, min(0.46, 0.96 - horizon))
        height = below * rng.uniform(kind.low, kind.high)
        width = height * kind.aspect
        x = rng.uniform(0.04 + width / 2, 0.96 - width / 2)
        shade = np.array(COLOURS[colour]) * rng.uniform(0.9, 1.06) + rng.uniform(-0.025, 0.025, 3)
        rgb = tuple(float(value) for value in shade.clip(0.02, 1))
        thing = Thing(name, colour, rgb, float(x), float(horizon + below), float(width), float(height))
        fits = height >= 0.12 and thing.base - height >= 0.05 and width <= 0.62
        if fits and all(_compatible(thing, other) for other in others):
            return thing
    return None


def _pick(rng: np.random.Generator, choices: Sequence[T]) -> T:
    return choices[int(rng.integers(len(choices)))]


def _third(x: float) -> str:
    return "on the left" if x < 0.4 else "on the right" if x > 0.6 else "in the middle"


def _apart(one: Thing, other: Thing) -> bool:
    return abs(one.x - other.x) >= (one.width + other.width) / 2


def _compatible(one: Thing, other: Thing) -> bool:
    """Whether two things differ in name, both can be seen, and one word tells how they stand."""
    if one.name == other.name:
        return False
    if _apart(one, other):
        return True
    near, far = (one, other) if one.base > other.base else (other, one)
    # Not dead in line either: a far trunk must not vanish behind what is near.
    close = 0.1 < abs(one.x - other.x) / (one.width + other.width) < 0.33
    overlap = min(near.x + near.width / 2, far.x + far.width / 2) - max(near.x - near.width / 2, far.x - far.width / 2)
    hidden = min(far.base - near.base + near.height, far.height) / far.height * overlap / far.width
    return close and one.colour != other.colour and near.base - far.base > 0.07 and hidden < 0.45


def _sayable(things: tuple[Thing, ...]) -> bool:
    """Whether a caption can tell how three stand: the outer two apart, one of them beside the middle."""
    left, middle, right = sorted(things, key=lambda thing: thing.x)
    return _apart(left, right) and (_apart(left, middle) or _apart(middle, right))
