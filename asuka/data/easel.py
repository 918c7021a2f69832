"""What a thing is painted with: its own coordinates, flat and round shapes, and light on them."""

from dataclasses import dataclass

import cv2
import numpy as np

from asuka.data.scene import Scene, Thing

Array = np.ndarray
Colour = tuple[float, float, float]
Point = tuple[float, float]


@dataclass(frozen=True)
class Light:
    """The light of a scene: from all around, from one side, and its tint; all in [0, 1.2]."""

    around: float
    aimed: float
    tint: Array


class Easel:
    """A window on the picture in a thing's own units: x from its middle, y up from its foot, height 1.

    x: (1, W), y: (H, 1); patch is a view of the picture, so what is filled here appears there.
    eye is the eye's height; what lies below it shows its top.
    """

    def __init__(self, image: Array, thing: Thing, scene: Scene, light: Light, noise: Array) -> None:
        size = image.shape[0]
        self.thing, self.light, self.size = thing, light, size
        self.scale = thing.height * size
        self.pixel = 1 / self.scale
        reach = 0.62 * thing.width + 0.02
        left, right = max(0, int((thing.x - reach) * size)), min(size, int((thing.x + reach) * size) + 1)
        top, bottom = (
            max(0, int((thing.base - 1.1 * thing.height) * size)),
            min(size, int((thing.base + 0.12 * thing.height) * size) + 2),
        )
        self.patch = image[top:bottom, left:right]
        self.cover = np.zeros(self.patch.shape[:2], np.float32)
        self.x = ((np.arange(left, right, dtype=np.float32) + 0.5) / size - thing.x)[None] / thing.height
        self.y = (thing.base - (np.arange(top, bottom, dtype=np.float32) + 0.5) / size)[:, None] / thing.height
        self.eye = (thing.base - scene.horizon) / thing.height
        self.lamp = np.array((scene.light, 0.75, 0.6)) / np.linalg.norm((scene.light, 0.75, 0.6))
        self.noise = noise
        self.lamplit = scene.sky == "night"

    def lift(self, y: float, depth: float) -> float:
        """The height at which a point of height y appears, this share of the way to infinity."""
        return y + depth * (self.eye - y)

    def lit(self, across: Array | float, up: Array | float, out: Array | float) -> Array:
        """The brightness of a surface with this normal."""
        facing = across * self.lamp[0] + up * self.lamp[1] + out * self.lamp[2]
        return np.asarray(self.light.around + self.light.aimed * np.maximum(facing, 0), np.float32)

    def fill(self, outline: Array, colour: Colour, brightness: Array | float = 1.0, gloss: Array | float = 0.0) -> None:
        """Paint where the signed distance `outline` is below 0, with a soft edge one pixel wide."""
        alpha = np.clip(0.5 - outline * self.scale, 0, 1)
        shade = np.asarray(brightness, np.float32)[..., None] * (np.array(colour, np.float32) * self.light.tint)
        shade = shade + np.asarray(gloss, np.float32)[..., None]
        self.patch += alpha[..., None] * (shade - self.patch)
        np.maximum(self.cover, alpha, out=self.cover)

    def polygon(self, *corners: Point) -> Array:
        """The signed distance from a convex polygon, corners in either direction."""
        turn = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(corners, corners[1:] + corners[:1], strict=True))
        outside = np.full(self.cover.shape, -9, np.float32)
        for (ax, ay), (bx, by) in zip(corners, corners[1:] + corners[:1], strict=True):
            long = np.hypot(bx - ax, by - ay) * np.sign(turn) + 1e-9
            side = self.x * float((by - ay) / long) - self.y * float((bx - ax) / long)
            np.maximum(outside, side - float((ax * (by - ay) - ay * (bx - ax)) / long), out=outside)
        return outside

    def block(self, x: float, foot: float, half: float, tall: float) -> Array:
        """The distance from an upright rectangle of this half width."""
        return np.maximum(np.abs(self.x - x) - half, np.abs(self.y - foot - tall / 2) - tall / 2)

    def ellipse(self, x: float, y: float, wide: float, tall: float) -> Array:
        """The signed distance, true to first order at the edge, from an ellipse of these half axes."""
        across, up = (self.x - x) / wide, (self.y - y) / tall
        reach = np.sqrt(across**2 + up**2)
        slope = np.sqrt((across / wide) ** 2 + (up / tall) ** 2)
        return (reach - 1) * reach / (slope + 1e-6)

    def mottle(self, cells: int) -> Array:
        """Smooth noise over the thing with so many cells to its height."""
        across, up = np.broadcast_arrays(self.x * cells + 20, self.y * cells + 20)
        return cv2.remap(self.noise, across, up, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP)

    def bulge(self, x: float, y: float, wide: float, tall: float) -> tuple[Array, Array, Array]:
        """The normals of an ellipsoid seen from the front."""
        across, up = np.broadcast_arrays((self.x - x) / wide, (self.y - y) / tall)
        return across, up, np.sqrt(np.maximum(1 - across**2 - up**2, 0))

    def round(self, half: Array | float) -> tuple[Array, Array]:
        """The normals (across, out) of an upright round body of this half width."""
        across = np.clip(self.x / half, -1, 1)
        return across, np.sqrt(1 - across**2)

    def column(self, half: float, foot: float, top: float, colour: Colour) -> None:
        """An upright cylinder; its top shows when the eye is above it."""
        sag, rise = 0.22 * half * self.eye, 0.22 * half * (self.eye - top)
        body = self.polygon((-half, foot + sag), (half, foot + sag), (half, top), (-half, top))
        across, out = self.round(half)
        self.fill(np.minimum(body, self.ellipse(0, foot + sag, half, sag)), colour, self.lit(across, 0.1, out))
        if rise > 0:
            self.fill(self.ellipse(0, top, half, rise), colour, self.lit(0, 1, 0.1))
