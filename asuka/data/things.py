"""Painting the things that stand on the ground, each in its own units, with its shadow or reflection."""

from collections.abc import Callable

import cv2
import numpy as np

from asuka.data.easel import Array, Colour, Easel, Light, Point
from asuka.data.scene import Scene, Thing

# Half the width of what touches the ground, in the thing's heights, where it is not nearly half the width.
FEET = {"tree": 0.14, "pine": 0.13, "mushroom": 0.2, "flag": 0.05, "ball": 0.3}
FOOT_AT = {"flag": -0.22}
WOOD, STONE, CREAM, DARK = (0.36, 0.24, 0.15), (0.72, 0.71, 0.69), (0.95, 0.92, 0.84), (0.16, 0.17, 0.20)


def paint_thing(image: Array, thing: Thing, scene: Scene, light: Light, noise: Array) -> None:
    """Paint one thing with its shadow, or on water its reflection, into image (S, S, 3) float32 in [0, 1]."""
    if scene.ground != "water":
        _shadow(image, thing, scene, light)
    easel = Easel(image, thing, scene, light, noise)
    PAINTERS[thing.kind](easel, thing.rgb)
    if scene.ground == "water":
        _reflection(image, easel)


def _shadow(image: Array, thing: Thing, scene: Scene, light: Light) -> None:
    size = image.shape[0]
    flat = 0.3 * (thing.base - scene.horizon) / 0.4
    foot = FEET.get(thing.kind, 0.45 * thing.width / thing.height) * thing.height
    middle = thing.x + FOOT_AT.get(thing.kind, 0.0) * thing.height
    cast = 0.5 * thing.height * -scene.light
    top = max(0, int((thing.base - 0.4 * thing.height) * size))
    bottom = min(size, int((thing.base + 0.4 * thing.height) * size) + 1)
    y = ((np.arange(top, bottom, dtype=np.float32) + 0.5) / size - thing.base)[:, None]
    x = ((np.arange(size, dtype=np.float32) + 0.5) / size - middle)[None]
    patch = image[top:bottom]
    for shift, wide, strength in (
        (0.12 * cast, foot * 1.15, 0.5),
        (cast, foot * 0.7 + abs(cast), 0.9 * light.aimed),
    ):
        reach = ((x - shift) / wide) ** 2 + ((y + 0.2 * flat * foot) / (flat * (foot + 0.04) + 0.004)) ** 2
        patch *= (1 - strength * np.clip(1.25 - reach, 0, 1))[..., None]


def _reflection(image: Array, easel: Easel) -> None:
    """Mirror what was painted below the water line, fainter with distance and broken by ripples."""
    size, thing = easel.size, easel.thing
    left = round((easel.x[0, 0] * thing.height + thing.x) * size - 0.5)
    foot = round((thing.base - 0.02 * thing.height) * size)
    above = int(np.count_nonzero(easel.y[:, 0] > 0.02))
    rows = min(above, size - foot)
    if rows < 2:
        return
    mirrored, cover = easel.patch[above - rows : above][::-1], easel.cover[above - rows : above][::-1]
    down, along = np.mgrid[0:rows, 0 : cover.shape[1]].astype(np.float32)
    depth = down / size
    along += np.sin(depth / (0.018 + 0.15 * depth) * 6) * (0.006 + 0.05 * depth) * size
    weight = cv2.remap(np.ascontiguousarray(cover), along, down, cv2.INTER_LINEAR)
    colour = cv2.remap(np.ascontiguousarray(mirrored), along, down, cv2.INTER_LINEAR)
    weight *= np.clip(0.6 - 0.5 * down / max(above, 1), 0, 1)
    target = image[foot : foot + rows, left : left + cover.shape[1]]
    target += weight[..., None] * (0.85 * colour - target)


def _beside(corner: Point, easel: Easel) -> Point:
    """A pixel to the right: a face that reaches under the next leaves no seam between soft edges."""
    return corner[0] + easel.pixel, corner[1]


def _under(corner: Point, easel: Easel) -> Point:
    return corner[0], corner[1] - easel.pixel


def _ball(easel: Easel, hue: Colour) -> None:
    across, up, out = easel.bulge(0, 0.5, 0.5, 0.5)
    facing = across * easel.lamp[0] + up * easel.lamp[1] + out * easel.lamp[2]
    gloss = 0.55 * easel.light.aimed * np.clip(facing * 4.6 - 3.6, 0, 1) ** 3
    easel.fill(easel.ellipse(0, 0.5, 0.5, 0.5), hue, easel.lit(across, up, out) * (0.85 + 0.15 * out), gloss)


def _box(easel: Easel, hue: Colour) -> None:
    turn, left, right, top = 0.2 * np.sign(easel.lamp[0]), -0.58, 0.58, 0.92
    deep_left, deep_right = 0.16 * (right - turn), 0.16 * (turn - left)
    # The middle edge is nearest; the others stand back, so perspective lifts them towards the eye's height.
    near, west, east = (turn, top), (left, easel.lift(top, deep_left)), (right, easel.lift(top, deep_right))
    back = (left + right - turn, easel.lift(top, deep_left + deep_right))
    low, low_west, low_east = (turn, 0), (left, easel.lift(0, deep_left)), (right, easel.lift(0, deep_right))
    if easel.eye > top:
        easel.fill(easel.polygon(west, _under(near, easel), east, back), hue, 1.04 * easel.lit(0, 1, 0))
    overlap = easel.polygon(low_west, _beside(low, easel), _beside(near, easel), west)
    easel.fill(overlap, hue, easel.lit(-0.45, 0, 0.85))
    easel.fill(easel.polygon(low, low_east, east, near), hue, easel.lit(0.85, 0, 0.45))


def _cone(easel: Easel, hue: Colour) -> None:
    half, sag = 0.39, 0.22 * 0.39 * easel.eye
    across, out = easel.round(half * np.maximum(1 - easel.y, 0.02))
    side = easel.polygon((-half, sag), (half, sag), (0, 1))
    easel.fill(np.minimum(side, easel.ellipse(0, sag, half, sag)), hue, easel.lit(across, 0.35, out))


def _cylinder(easel: Easel, hue: Colour) -> None:
    easel.column(0.32, 0, 0.95, hue)


def _pyramid(easel: Easel, hue: Colour) -> None:
    turn = 0.22 * np.sign(easel.lamp[0])
    west, east = (-0.66, easel.lift(0, 0.14 * (0.66 - turn))), (0.66, easel.lift(0, 0.14 * (0.66 + turn)))
    courses = 1 - 0.05 * (np.sin(easel.y * 44) > 0.6)
    easel.fill(easel.polygon(west, _beside((turn, 0), easel), (0, 1)), hue, courses * easel.lit(-0.5, 0.4, 0.75))
    easel.fill(easel.polygon((turn, 0), east, (0, 1)), hue, courses * easel.lit(0.75, 0.4, 0.5))


def _mushroom(easel: Easel, hue: Colour) -> None:
    easel.column(0.13, 0, 0.55, CREAM)
    dome = np.maximum(easel.ellipse(0, 0.48, 0.46, 0.5), 0.48 - easel.y)
    across, up, out = easel.bulge(0, 0.48, 0.46, 0.5)
    easel.fill(easel.ellipse(0, 0.48, 0.45, 0.075), CREAM, 0.62 * easel.lit(0, 0, 1))
    easel.fill(dome, hue, easel.lit(across, up, out))
    dots = CREAM if min(hue) < 0.8 else (0.80, 0.45, 0.40)
    for x, y, wide in ((-0.25, 0.66, 0.06), (-0.06, 0.84, 0.07), (0.05, 0.6, 0.08), (0.27, 0.7, 0.055)):
        spot = np.maximum(easel.ellipse(x, y, wide, 0.85 * wide), dome)
        easel.fill(spot, dots, easel.lit(across, up, out))


def _rock(easel: Easel, hue: Colour) -> None:
    bend = 0.5 * np.cos(np.arange(9) * 2.4 + 40 * easel.thing.x)
    angles = np.pi * (np.arange(9) + 0.35 * bend) / 8
    reach = 1 + 0.16 * bend
    across, up = 0.74 * reach * np.cos(angles), 0.95 * np.maximum(reach * np.sin(angles), 0)
    rim = list(zip(across.tolist(), up.tolist(), strict=True))
    peak = (float(0.2 * bend[3]), 0.58)
    grit = 1 + 0.1 * easel.mottle(14) + 0.06 * easel.mottle(5)
    corners = [*rim, (-0.3, -0.09), (0.35, -0.08)]
    easel.fill(easel.polygon(*corners), hue, grit * easel.lit(0, 0, 1))
    for one, other in zip(corners, corners[1:] + corners[:1], strict=True):
        across, up = (one[0] + other[0]) / 1.4, (one[1] + other[1]) / 2 - 0.3
        easel.fill(easel.polygon(peak, one, other) - 0.004, hue, grit * easel.lit(across, up, 0.5))


def _flag(easel: Easel, hue: Colour) -> None:
    easel.fill(easel.polygon((-0.24, 0), (-0.2, 0), (-0.205, 1), (-0.235, 1)), STONE, easel.lit(0.3, 0, 0.9))
    along = np.clip((easel.x + 0.2) / 0.48, 0, 1)
    wave = along * 8.5 + 30 * easel.thing.x
    height = 0.74 + 0.035 * along * np.sin(wave)
    cloth = np.maximum(np.abs(easel.y - height) - 0.2, np.maximum(-0.21 - easel.x, easel.x - 0.28))
    easel.fill(cloth, hue, easel.lit(0.6 * np.cos(wave) * along, 0.1, 0.8))


def _tree(easel: Easel, hue: Colour) -> None:
    easel.fill(easel.polygon((-0.065, 0), (0.065, 0), (0.035, 0.5), (-0.035, 0.5)), WOOD, easel.lit(0.4, 0, 0.7))
    crown = easel.ellipse(0, 0.7, 0.2, 0.2)
    ripple = 0.3 * np.sin(40 * easel.thing.x + np.arange(7) * 2.1)
    for number, bend in enumerate(ripple):
        angle = number * 2 * np.pi / 7 + bend
        x, y, r = 0.19 * np.cos(angle), 0.69 + 0.15 * np.sin(angle), 0.14 + 0.06 * bend
        crown = np.minimum(crown, easel.ellipse(float(x), float(y), float(r), float(r)))
    across, up, out = easel.bulge(0, 0.68, 0.36, 0.34)
    leaves = easel.mottle(11)
    shade = easel.lit(across + 0.35 * easel.mottle(6), up, out) * (0.88 + 0.15 * leaves)
    easel.fill(crown + 0.014 * leaves, hue, np.clip(shade, 0.25, 1.3))


def _pine(easel: Easel, hue: Colour) -> None:
    easel.fill(easel.polygon((-0.045, 0), (0.045, 0), (0.04, 0.3), (-0.04, 0.3)), WOOD, easel.lit(0.4, 0, 0.7))
    needles = easel.mottle(16)
    for foot, top, half in ((0.13, 0.58, 0.25), (0.34, 0.79, 0.2), (0.56, 1.0, 0.145)):
        tier = easel.polygon((-half, foot), (half, foot), (0, top)) + 0.009 * needles
        across, out = easel.round(np.maximum(half * (top - easel.y) / (top - foot), 0.01))
        fall = np.clip((easel.y - foot) / (top - foot), 0, 1)
        easel.fill(tier, hue, easel.lit(across, 0.25, out) * (1.06 - 0.42 * fall + 0.12 * needles))


def _house(easel: Easel, hue: Colour) -> None:
    side = float(np.sign(easel.lamp[0])) or 1.0
    left, corner, right, eave, peak, depth = -0.56 * side, 0.12 * side, 0.56 * side, 0.58, 0.97, 0.11
    ridge, far_ridge = (
        ((left + corner) / 2, peak),
        ((left + corner) / 2 + 0.42 * side, easel.lift(peak, depth)),
    )
    over, far_over = (
        (corner + 0.05 * side, eave - 0.05),
        (right + 0.05 * side, easel.lift(eave - 0.05, depth)),
    )
    roof = (0.32, 0.33, 0.38) if hue[0] > 1.6 * hue[2] else (0.60, 0.25, 0.19)
    foot, wall = easel.lift(0, depth), easel.lift(eave, depth)
    inner = corner - side * easel.pixel
    front = easel.polygon((left, 0), (corner, 0), (corner, eave), ridge, (left, eave))
    wing = easel.polygon((inner, 0), (right, foot), (right, wall), (inner, eave))
    easel.fill(wing, hue, easel.lit(0.9 * side, 0, 0.4))
    easel.fill(front, hue, easel.lit(-0.3 * side, 0, 0.9))
    easel.fill(easel.polygon(ridge, far_ridge, far_over, over), roof, easel.lit(0.5 * side, 0.8, 0.2))
    edge, under = (left - 0.05 * side, eave - 0.05), (left - 0.03 * side, eave - 0.08)
    rim = easel.polygon(edge, (ridge[0], peak + 0.04), ridge, under)
    easel.fill(rim, roof, easel.lit(0, 0.5, 0.8))
    middle = (left + corner) / 2
    glass = (1.9, 1.5, 0.8) if easel.lamplit else (0.42, 0.52, 0.62)
    easel.fill(easel.block(middle - 0.17 * side, 0.0, 0.075, 0.34), WOOD, easel.lit(0, 0, 1))
    for x, y in ((middle + 0.14 * side, 0.2), ((corner + right) / 2, 0.22 + foot / 2)):
        easel.fill(easel.block(x, y - 0.02, 0.105, 0.23), CREAM, easel.lit(0, 0, 1))
        easel.fill(easel.block(x, y, 0.085, 0.19), glass)


def _tower(easel: Easel, hue: Colour) -> None:
    easel.column(0.13, 0, 0.84, hue)
    easel.column(0.165, 0.8, 0.9, hue)
    across, out = easel.round(0.165)
    for x in (-0.135, -0.045, 0.045, 0.135):
        easel.fill(easel.block(x, 0.88, 0.028, 0.12), hue, easel.lit(across, 0.1, out))
    glass = (1.9, 1.5, 0.8) if easel.lamplit else DARK
    for x, y in ((0.03, 0.6), (-0.04, 0.32)):
        easel.fill(easel.block(x, y, 0.02, 0.1), glass)
    easel.fill(easel.block(0, 0, 0.042, 0.15), WOOD, easel.lit(0, 0, 1))


def _boat(easel: Easel, hue: Colour) -> None:
    easel.fill(easel.block(0, 0.1, 0.014, 0.88), WOOD)
    billow = 0.05 * np.sin(np.clip(easel.y - 0.3, 0, 1) * 4.5)
    easel.fill(easel.polygon((0.03, 0.3), (0.4, 0.3), (0.03, 0.96)) - billow, CREAM, easel.lit(0.4, 0.1, 0.9))
    easel.fill(easel.polygon((-0.03, 0.34), (-0.3, 0.34), (-0.03, 0.86)), hue, easel.lit(-0.4, 0.1, 0.9))
    hull = easel.polygon((-0.3, 0), (0.3, 0), (0.47, 0.26), (-0.47, 0.26))
    easel.fill(hull, hue, easel.lit(0, 0.2, 0.9) * (0.75 + np.clip(easel.y, 0, 0.26)))
    easel.fill(np.maximum(hull, 0.215 - easel.y), CREAM, easel.lit(0, 0.3, 0.9))


PAINTERS: dict[str, Callable[[Easel, Colour], None]] = {
    "ball": _ball,
    "box": _box,
    "cone": _cone,
    "cylinder": _cylinder,
    "pyramid": _pyramid,
    "mushroom": _mushroom,
    "rock": _rock,
    "flag": _flag,
    "tree": _tree,
    "pine": _pine,
    "house": _house,
    "tower": _tower,
    "boat": _boat,
}
