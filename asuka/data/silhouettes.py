"""Outlines of things, in their own coordinates of about [-1, 1] with y down: what object holes are cut from."""

import math

import numpy as np


def rounded(points: np.ndarray) -> np.ndarray:
    """An open path (n, 2) with its corners cut twice (Chaikin), both ends kept."""
    for _ in range(2):
        cuts = np.stack([0.75 * points[:-1] + 0.25 * points[1:], 0.25 * points[:-1] + 0.75 * points[1:]], 1)
        points = np.vstack([points[:1], cuts.reshape(-1, 2), points[-1:]])
    return points


def figure(rng: np.random.Generator) -> list[np.ndarray]:
    """A person or a beast: outlines (n, 2) of trunk, head and four limbs in about [-1, 1], y down."""
    tilt = rng.normal(rng.choice([0.1, 1.5]), 0.15)  # level trunk: a beast; upright: a person
    trunk = rng.uniform(0.35, 0.5) * np.array([math.cos(tilt), -math.sin(tilt)])
    girth = rng.uniform(0.17, 0.28)
    chin, crown = 1.7 * trunk, 1.9 * trunk + [0, -0.1]
    bones = [(trunk, -trunk, girth), (trunk, chin, 0.6 * girth), (chin, crown, rng.uniform(0.16, 0.24))]
    for joint in (trunk, trunk, -trunk, -trunk):
        swing = rng.normal(0, 0.4)
        foot = joint + rng.uniform(0.5, 0.8) * np.array([math.sin(swing), math.cos(swing)])
        bones.append((joint, foot, girth * rng.uniform(0.3, 0.5)))
    circle = np.exp(2j * math.pi * np.arange(24) / 24)
    circle = np.stack([circle.real, circle.imag], 1)
    return [np.where((circle @ (b - a))[:, None] > 0, b, a) + r * circle for a, b, r in bones]


def turned(rng: np.random.Generator) -> list[np.ndarray]:
    """Something mirror-symmetric, as bottles, lamps and trees are: one outline (n, 2) in [-1, 1]."""
    knots = np.stack([rng.uniform(0.1, 0.7, 7), np.linspace(-1, 1, 7)], 1)
    right = rounded(knots[np.sort(rng.choice(7, rng.integers(4, 8), replace=False))])
    return [np.vstack([right, right[::-1] * [-1, 1]])]


def lump(rng: np.random.Generator) -> list[np.ndarray]:
    """A rock, bush or fruit, or with few corners a crate or car: one outline (n, 2) in about [-1, 1]."""
    steps = np.arange(64) if rng.random() < 0.6 else np.sort(rng.choice(64, 6, replace=False))
    angle, waves = 2 * math.pi * steps / 64, np.arange(2, 8)[:, None]
    swell = np.cos(waves * angle + rng.uniform(0, 2 * math.pi, (6, 1)))
    radius = 0.75 + np.sum(rng.normal(0, 0.25, (6, 1)) / waves * swell, 0)
    return [radius[:, None] * np.stack([np.cos(angle), np.sin(angle)], 1)]
