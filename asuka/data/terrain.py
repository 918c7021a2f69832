"""Painting the ground of a scene: a textured plane seen in perspective from one eye height above it.

Lengths on the plane are in eye heights. All colours are float32 in [0, 1].
"""

from collections.abc import Callable
from typing import NamedTuple

import cv2
import numpy as np

Array = np.ndarray

# A scene mixes the base colours of its ground, so a kind keeps its look but no two are alike.
BASES = {
    "grass": ((0.28, 0.50, 0.15), (0.54, 0.62, 0.22), (0.14, 0.42, 0.24), (0.22, 0.36, 0.12)),
    "meadow": ((0.36, 0.56, 0.20), (0.50, 0.64, 0.26), (0.26, 0.50, 0.26)),
    "sand": ((0.86, 0.73, 0.50), (0.80, 0.54, 0.34), (0.93, 0.86, 0.70)),
    "soil": ((0.36, 0.24, 0.15), (0.47, 0.29, 0.18), (0.28, 0.21, 0.17)),
    "snow": ((0.90, 0.95, 1.0), (0.80, 0.89, 1.0), (0.93, 0.93, 0.99)),
    "water": ((0.10, 0.30, 0.50), (0.08, 0.42, 0.48), (0.14, 0.22, 0.40)),
    "asphalt": ((0.36, 0.36, 0.38), (0.50, 0.49, 0.47), (0.25, 0.26, 0.31)),
    "tiles": ((0.92, 0.90, 0.84), (0.96, 0.84, 0.70), (0.82, 0.89, 0.95)),
    "wood": (
        (0.74, 0.52, 0.30),
        (0.42, 0.24, 0.14),
        (0.80, 0.70, 0.56),
        (0.52, 0.46, 0.42),
        (0.62, 0.28, 0.16),
    ),
    "bricks": ((0.66, 0.28, 0.20), (0.78, 0.52, 0.34), (0.46, 0.22, 0.22), (0.58, 0.38, 0.32)),
}
DARK_TILES = (
    (0.15, 0.16, 0.19),
    (0.55, 0.16, 0.14),
    (0.12, 0.28, 0.50),
    (0.16, 0.42, 0.32),
    (0.48, 0.33, 0.22),
)
FLOWERS = ((0.95, 0.90, 0.30), (0.98, 0.97, 0.95), (0.93, 0.35, 0.40), (0.75, 0.45, 0.85), (0.97, 0.62, 0.75))


class Plane(NamedTuple):
    """Where each pixel below the horizon lies on the ground, and how much ground it covers.

    across and away: (R, S); step_across and step_away: (R, 1), one pixel's extent; noise: (4, N, N)
    standard normal, periodic.
    """

    across: Array
    away: Array
    step_across: Array
    step_away: Array
    noise: Array


def plane(horizon: float, size: int, noise: Array, yaw: float) -> tuple[Plane, Array]:
    """The plane below the horizon, turned by yaw radians, and how far each row is below it (R, 1)."""
    rows = np.arange(int(horizon * size), size, dtype=np.float32) + 0.5
    below = np.maximum(rows / size - horizon, 0.4 / size)[:, None]
    away = 1 / below
    across = (np.arange(size, dtype=np.float32) + 0.5 - size / 2) / size * away
    pixel_across, pixel_away = away / size, away**2 / size
    cos, sin = np.float32(np.cos(yaw)), np.float32(np.sin(yaw))
    step_across = abs(cos) * pixel_across + abs(sin) * pixel_away
    step_away = abs(sin) * pixel_across + abs(cos) * pixel_away
    return Plane(cos * across + sin * away, cos * away - sin * across, step_across, step_away, noise), below


def ground(kind: str, on: Plane, rng: np.random.Generator) -> Array:
    """The ground under an even white light, (R, S, 3)."""
    weights = rng.dirichlet([0.5] * len(BASES[kind]))
    base = weights @ np.array(BASES[kind]) + rng.uniform(-0.02, 0.02, 3)
    return PAINTERS[kind](base.astype(np.float32), on, rng)


def grain(on: Plane, layer: int, across: float, away: float) -> Array:
    """Smooth noise (R, S) with cells of this size on the plane; it fades where a cell is under a pixel."""
    fade = np.minimum(1, across / on.step_across) * np.minimum(1, away / on.step_away)
    columns, lines = on.across * np.float32(1 / across), on.away * np.float32(1 / away)
    return fade * cv2.remap(on.noise[layer], columns, lines, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)


def stripes(position: Array, step: Array, duty: float) -> Array:
    """How much of each pixel lies in the first `duty` of a unit period, in [0, 1], averaged over its step."""
    ends = []
    for end in (position + step / 2, position - step / 2):
        whole = np.floor(end)
        ends.append(whole * np.float32(duty) + np.minimum(end - whole, np.float32(duty)))
    return (ends[0] - ends[1]) / step


def pieces(rows: Array, columns: Array, step: Array, rng: np.random.Generator) -> Array:
    """A random tone (R, S) for each unit cell, standard normal, that fades where cells are under a pixel."""
    table = rng.standard_normal(256, dtype=np.float32)
    cells = np.floor(rows).astype(np.int32) * 37 + np.floor(columns).astype(np.int32)
    return table[cells & 255] * np.minimum(1, 0.5 / step)


def _toned(base: Array, tone: Array) -> Array:
    """The base colour (3,) made lighter and darker by a tone (R, S) around 0."""
    return base * (1 + tone)[..., None]


def _grass(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    tone = 0.10 * grain(on, 0, 1.3, 1.3) + 0.10 * grain(on, 1, 0.16, 0.3) + 0.16 * grain(on, 2, 0.03, 0.1)
    yellowing = np.array([0.6, 0.25, -0.1], np.float32) * rng.uniform(0.05, 0.16)
    return _toned(base, tone) + (0.6 * grain(on, 3, 0.9, 0.9))[..., None] * yellowing


def _meadow(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    field = _grass(base, on, rng)
    for layer, hue in zip((0, 3), rng.permutation(FLOWERS)[:2], strict=True):
        cover = np.clip(2.6 * grain(on, layer, 0.085, 0.12) - 2.7, 0, 1)
        # Far flowers are too small to see one by one, but still tint the field.
        distant = 0.12 * np.clip(on.step_away / 0.12 - 0.4, 0, 1)
        field += np.maximum(cover, distant)[..., None] * (hue.astype(np.float32) - field)
    return field


def _sand(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    wind = rng.uniform(0.15, 0.5)
    bend = 0.9 * grain(on, 0, 0.8, 0.8)
    waves = np.sin((on.away + wind * on.across) * np.float32(26) + bend * 2.5)
    waves *= np.minimum(1, (0.06 / on.step_away) ** 2) * rng.uniform(0.02, 0.07)
    return _toned(base, waves + 0.05 * grain(on, 1, 1.4, 0.9) + 0.045 * grain(on, 2, 0.02, 0.03))


def _soil(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    clods = grain(on, 1, 0.11, 0.15)
    furrows = stripes(on.across / np.float32(0.45), on.step_across / 0.45, 0.5) - 0.5
    tone = 0.13 * clods + 0.15 * grain(on, 2, 0.035, 0.05) + 0.10 * grain(on, 0, 0.9, 0.9)
    return _toned(base, tone + rng.uniform(0, 0.3) * furrows)


def _snow(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    drifts = 0.6 * grain(on, 0, 1.1, 0.7) + 0.4 * grain(on, 1, 0.4, 0.3)
    blue = np.array([-0.09, -0.055, -0.01], np.float32) * rng.uniform(0.7, 1.2)
    return _toned(base, 0.02 * grain(on, 2, 0.02, 0.03)) + np.abs(drifts)[..., None] * blue


def _water(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    swell = 0.6 * grain(on, 0, 1.2, 0.5) + 0.7 * grain(on, 1, 0.4, 0.14) + 0.5 * grain(on, 2, 0.14, 0.06)
    glints = np.clip(swell - rng.uniform(0.9, 1.3), 0, 1)
    return _toned(base, 0.22 * swell) + 0.45 * glints[..., None]


def _asphalt(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    tone = 0.12 * grain(on, 1, 0.02, 0.03) + 0.07 * grain(on, 2, 0.06, 0.09) + 0.05 * grain(on, 0, 0.9, 0.9)
    road = _toned(base, tone)
    width = 0.14
    offset = (on.across - rng.uniform(-0.5, 0.5)) / np.float32(50)
    line = stripes(offset, on.step_across / 50, width / 50)
    dashes = stripes(on.away / np.float32(1.6) + rng.random(dtype=np.float32), on.step_away / 1.6, 0.6)
    paint = (0.88, 0.87, 0.82) if rng.random() < 0.7 else (0.90, 0.74, 0.25)
    return road + (0.9 * line * dashes)[..., None] * (np.array(paint, np.float32) - road)


def _tiles(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    side = np.float32(rng.uniform(0.38, 0.6))
    columns, rows = on.across / (2 * side), on.away / (2 * side)
    even = 2 * stripes(columns, on.step_across / (2 * side), 0.5) - 1
    odd = 2 * stripes(rows, on.step_away / (2 * side), 0.5) - 1
    dark = rng.choice(DARK_TILES).astype(np.float32)
    mix = (0.5 + 0.5 * even * odd)[..., None]
    tone = 0.05 * pieces(2 * rows, 2 * columns, on.step_away / side, rng) + 0.025 * grain(on, 1, 0.1, 0.1)
    return (dark + mix * (base - dark)) * (1 + tone)[..., None]


def _wood(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    width, length = np.float32(rng.uniform(0.2, 0.34)), np.float32(2.4)
    columns = on.across / width
    rows = on.away / length + np.float32(0.38) * np.floor(columns)
    seams = stripes(columns, on.step_across / width, 0.06)
    ends = stripes(rows, on.step_away / length, 0.015)
    tone = 0.11 * pieces(rows, columns, on.step_across / width, rng)
    tone += 0.07 * grain(on, 1, 0.035, 0.8) + 0.05 * grain(on, 2, 0.012, 0.4)
    return _toned(base, tone - 0.55 * np.maximum(seams, ends))


def _bricks(base: Array, on: Plane, rng: np.random.Generator) -> Array:
    length, width = np.float32(0.5), np.float32(0.25)
    rows = on.away / width
    columns = on.across / length + np.float32(0.5) * np.floor(rows)
    mortar = np.maximum(stripes(columns, on.step_across / length, 0.08), stripes(rows, on.step_away / width, 0.16))
    tone = 0.13 * pieces(rows, columns, on.step_away / width, rng) + 0.06 * grain(on, 2, 0.04, 0.05)
    pale = np.array((0.80, 0.75, 0.68), np.float32) * rng.uniform(0.85, 1.08)
    wall = _toned(base, tone)
    return wall + (0.85 * mortar)[..., None] * (pale - wall)


PAINTERS: dict[str, Callable[[Array, Plane, np.random.Generator], Array]] = {
    "grass": _grass,
    "meadow": _meadow,
    "sand": _sand,
    "soil": _soil,
    "snow": _snow,
    "water": _water,
    "asphalt": _asphalt,
    "tiles": _tiles,
    "wood": _wood,
    "bricks": _bricks,
}
