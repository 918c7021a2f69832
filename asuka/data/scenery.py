"""Painting a whole scene: the sky, what lies far off, the ground, the things on it, the camera's grain."""

from dataclasses import dataclass

import cv2
import numpy as np

from asuka.data import terrain
from asuka.data.easel import Array, Colour, Light
from asuka.data.scene import Scene
from asuka.data.things import paint_thing


@dataclass(frozen=True)
class Sky:
    """The look of a sky: its colours from the top down to the horizon, its clouds and its light.

    cover (low, high): how much of it is cloud; haze: how far the horizon's colour reaches over the land.
    """

    zenith: Colour
    middle: Colour
    horizon: Colour
    cloud: Colour
    cover: tuple[float, float]
    around: float
    aimed: float
    tint: Colour
    haze: float


# fmt: off
SKIES = {
    "clear": Sky(
        (0.16, 0.42, 0.82), (0.38, 0.64, 0.92), (0.76, 0.88, 0.96), (0.97, 0.98, 1),
        (-0.6, -0.25), 0.52, 0.6, (1.02, 1, 0.96), 0.45,
    ),
    "cloudy": Sky(
        (0.28, 0.48, 0.76), (0.48, 0.66, 0.85), (0.78, 0.85, 0.90), (0.97, 0.97, 0.97),
        (0.5, 0.75), 0.6, 0.45, (0.97, 0.98, 0.98), 0.45,
    ),
    "overcast": Sky(
        (0.52, 0.55, 0.60), (0.62, 0.65, 0.68), (0.76, 0.77, 0.78), (0.46, 0.49, 0.54),
        (0.5, 0.7), 0.74, 0.2, (0.88, 0.90, 0.93), 0.45,
    ),
    "morning": Sky(
        (0.50, 0.66, 0.88), (0.84, 0.80, 0.86), (1.0, 0.88, 0.70), (1.0, 0.82, 0.80),
        (0.1, 0.4), 0.55, 0.5, (1.02, 0.97, 0.93), 0.6,
    ),
    "evening": Sky(
        (0.22, 0.17, 0.42), (0.72, 0.32, 0.42), (1.0, 0.58, 0.22), (0.52, 0.20, 0.36),
        (0.2, 0.55), 0.46, 0.5, (1.0, 0.85, 0.74), 0.5,
    ),
    "night": Sky(
        (0.03, 0.04, 0.14), (0.07, 0.11, 0.28), (0.20, 0.27, 0.46), (0.13, 0.17, 0.30),
        (-0.2, 0.25), 0.55, 0.42, (0.72, 0.76, 0.94), 0.4,
    ),
}
# fmt: on
SUNS = {"morning": (1.0, 0.97, 0.80), "evening": (1.0, 0.80, 0.40)}
HILLS = ((0.30, 0.46, 0.24), (0.46, 0.50, 0.26), (0.24, 0.40, 0.32))
PEAKS = ((0.36, 0.37, 0.44), (0.44, 0.38, 0.36), (0.30, 0.36, 0.46))
WOODS = ((0.13, 0.32, 0.17), (0.24, 0.36, 0.14), (0.12, 0.28, 0.24))


def paint(scene: Scene, size: int) -> Array:
    """The scene as (size, size, 3) uint8 RGB."""
    rng = np.random.default_rng([scene.index, 1])
    noise = rng.standard_normal((4, 64, 64), dtype=np.float32)
    look = SKIES[scene.sky]
    tint = np.array(look.tint, np.float32) * np.float32(rng.uniform(0.93, 1.05))
    light = Light(look.around, look.aimed, tint)
    image = np.empty((size, size, 3), np.float32)
    above = image[: int(scene.horizon * size) + 1]
    horizon = _sky(above, scene, size, noise, rng)
    if scene.far:
        _far(above, scene, size, horizon, light, rng)
    _ground(image, scene, horizon, light, noise, rng)
    for thing in sorted(scene.things, key=lambda thing: thing.base):
        paint_thing(image, thing, scene, light, noise[3])
    grain = rng.standard_normal((size, size, 1), dtype=np.float32) * np.float32(rng.uniform(1.0, 2.6))
    return np.clip(image * 255 + grain + 0.5, 0, 255).astype(np.uint8)


def _sky(above: Array, scene: Scene, size: int, noise: Array, rng: np.random.Generator) -> Array:
    """Fill the rows above the horizon (R, S, 3); give the colour at the horizon (3,)."""
    look = SKIES[scene.sky]
    jitter = rng.normal(0, 0.025, 3) + rng.normal(0, 0.03, (3, 1))
    stops = np.clip(np.array((look.zenith, look.middle, look.horizon)) + jitter, 0.01, 1).astype(np.float32)
    bend = rng.uniform(0.42, 0.68)
    rows = (np.arange(len(above), dtype=np.float32) + 0.5) / size
    down = np.minimum(rows / scene.horizon, 1)
    gradient = [np.interp(down, (0, bend, 1), stops[:, channel]) for channel in range(3)]
    above[:] = np.stack(gradient, axis=-1).astype(np.float32)[:, None]
    across = (np.arange(size, dtype=np.float32) + 0.5) / size
    if scene.sky == "night":
        _stars(above, scene.horizon, size, rng)
    if scene.sky in SUNS:
        _sun(above, rows, across, scene, rng)
    _clouds(above, rows, across, scene, noise, rng)
    return stops[2]


def _stars(above: Array, horizon: float, size: int, rng: np.random.Generator) -> None:
    dots = np.zeros(above.shape[:2], np.uint8)
    number = int(rng.integers(30, 70))
    places = rng.random((number, 2)) * (1, horizon * 0.92)
    glow = rng.random(number) ** 2
    for (x, y), bright in zip(places, glow, strict=True):
        centre = (round((x * size - 0.5) * 16), round((y * size - 0.5) * 16))
        radius = round((0.0015 + 0.0035 * float(bright)) * size * 16)
        cv2.circle(dots, centre, radius, 120 + 135 * float(bright), -1, cv2.LINE_AA, 4)
    above += (dots / np.float32(255))[..., None] * (np.array((1, 0.98, 0.9), np.float32) - above)


def _sun(above: Array, rows: Array, across: Array, scene: Scene, rng: np.random.Generator) -> None:
    """A low sun on the side the light comes from."""
    x, y = 0.5 + 0.42 * scene.light, scene.horizon * rng.uniform(0.62, 0.85)
    reach = np.sqrt((across[None] - x) ** 2 + (rows[:, None] - y) ** 2)
    glow = (0.75 * np.exp(-reach / 0.16))[..., None]
    colour = np.array(SUNS[scene.sky], np.float32)
    above += glow * (colour - above)
    disc = np.clip(0.5 - (reach - 0.035) * len(across), 0, 1)[..., None]
    above += disc * (np.minimum(colour * 1.1, 1) - above)


def _clouds(above: Array, rows: Array, across: Array, scene: Scene, noise: Array, rng: np.random.Generator) -> None:
    """A level layer of cloud in perspective, thinner cells and lower contrast towards the horizon."""
    look = SKIES[scene.sky]
    away = 1 / (scene.horizon * 1.35 - rows + 0.02)[:, None]
    columns = (across[None] - 0.5) * away
    billow = np.zeros(above.shape[:2], np.float32)
    for layer, (cell, weight) in enumerate(((1.1, 0.75), (0.5, 0.5), (0.22, 0.28), (0.1, 0.14))):
        wide, long = columns / np.float32(cell), away / np.float32(0.9 * cell) + np.zeros_like(columns)
        octave = cv2.remap(noise[layer], wide, long, cv2.INTER_CUBIC, borderMode=cv2.BORDER_WRAP)
        billow += np.float32(weight) * octave
    cover = rng.uniform(*look.cover)
    density = np.clip((billow + 1.6 * cover - 0.75) * 1.3 + 0.3, 0, 1)
    density = density * density * (3 - 2 * density) * np.float32(0.92)
    # Thick cloud is darker beneath than at its thin edge.
    shade = 1.0 - 0.16 * np.clip(billow + 1.6 * cover - 1.0, 0, 1)
    colour = shade[..., None] * np.array(look.cloud, np.float32)
    above += density[..., None] * (colour - above)


def _far(above: Array, scene: Scene, size: int, horizon: Array, light: Light, rng: np.random.Generator) -> None:
    """Two ranges of hills, mountains or trees along the horizon, the farther one paler."""
    ranges = {"hills": (HILLS, 0.10, 5), "mountains": (PEAKS, 0.26, 8), "trees": (WOODS, 0.075, 30)}
    bases, height, waves = ranges[scene.far]
    base = (rng.dirichlet((1, 1, 1)) @ np.array(bases)).astype(np.float32) * light.tint
    base *= np.float32(light.around + 0.5 * light.aimed)
    across = (np.arange(size) + 0.5) / size
    rows = ((np.arange(len(above), dtype=np.float32) + 0.5) / size)[:, None]
    for scale, veil in ((1.0, 0.6), (0.6, 0.3)):
        ridge = _ridge(scene.far, across, waves, rng)
        top = (scene.horizon - scale * height * (0.35 + 0.75 * ridge)).astype(np.float32)
        alpha = np.clip((rows - top) * size + 0.5, 0, 1)[..., None]
        depth = np.clip((rows - top) / (scale * height), 0, 1)[..., None]
        colour = np.broadcast_to(base, (*alpha.shape[:2], 3))
        if scene.far == "mountains":
            teeth = 0.05 * np.interp(across * 40, np.arange(41), rng.random(41)).astype(np.float32)
            snow = np.clip((scene.horizon - rows - teeth - 0.55 * height) * size * 0.5, 0, 1)[..., None]
            colour = colour + snow * (np.float32(0.95) * light.tint - colour)
        colour = colour + (veil + 0.35 * depth * (1 - veil)) * (horizon - colour)
        above += alpha * (colour - above)


def _ridge(kind: str, across: Array, waves: int, rng: np.random.Generator) -> Array:
    """The height of a range over each column (S,), about 0 to 1, with so many rises in the picture."""
    ridge = np.interp(across * waves + rng.random(), np.arange(waves + 2), rng.random(waves + 2))
    if kind == "mountains":
        return ridge + 0.16 * np.interp(across * 48, np.arange(49), rng.random(49) - 0.5)
    blur = 0.3 * len(across) / waves
    ridge = cv2.GaussianBlur(ridge[None], (0, 0), blur, borderType=cv2.BORDER_REPLICATE)[0]
    if kind == "hills":
        return ridge
    return 0.5 + 0.4 * ridge + 0.25 * np.interp(across * 70, np.arange(71), rng.random(71))


def _ground(image: Array, scene: Scene, horizon: Array, light: Light, noise: Array, rng: np.random.Generator) -> None:
    size = len(image)
    straight = scene.ground in ("wood", "bricks", "asphalt", "soil")
    yaw = rng.uniform(-0.25, 0.25) if straight else rng.uniform(-0.75, 0.75)
    on, below = terrain.plane(scene.horizon, size, noise, yaw)
    top = size - len(below)
    land = terrain.ground(scene.ground, on, rng)
    if scene.ground == "water":
        mirror = cv2.resize(image[:top][::-1], (size, len(below)), interpolation=cv2.INTER_AREA)
        land = land * light.tint * np.float32(0.9)
        land += (0.25 + 0.45 * np.exp(-below / 0.12))[..., None] * (mirror - land)
    else:
        land = land * (light.tint * np.float32(light.around + 0.75 * light.aimed))
    haze = np.float32(SKIES[scene.sky].haze) * np.exp(-below / 0.05)
    land += haze[..., None] * (horizon - land)
    # The row that the horizon crosses is part sky.
    share = np.float32(top + 1 - scene.horizon * size)
    image[top] += share * (land[0] - image[top])
    image[top + 1 :] = land[1:]
