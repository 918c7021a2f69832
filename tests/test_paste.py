"""Pasting: what is known stays, and a feather knows nothing of what it covers."""

import numpy as np
import pytest

from asuka.paste import PASTES, feather


def scene() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Photo, result, hole, and the part of it that the window answers for."""
    photo, result = np.random.default_rng(0).integers(0, 256, (2, 60, 80, 3), dtype=np.uint8)
    hole, own = np.zeros((60, 80), bool), np.zeros((60, 80), bool)
    hole[10:40, 10:50] = own[10:40, 10:50] = True
    hole[20:30, 60:70] = True
    return photo, result, hole, own


@pytest.mark.parametrize(("manner", "known"), [("exact", True), ("feather", True), ("none", False)])
def test_what_is_laid_where(manner: str, known: bool) -> None:
    photo, result, hole, own = scene()
    where, laid = PASTES[manner](photo, result, hole, own, 4)
    assert np.array_equal(where, own if known else own | ~hole)
    if manner != "feather":
        assert laid is result


@pytest.mark.parametrize("width", [0, 1, 5, 12])
def test_a_feather_changes_the_rim_alone_and_never_reads_the_hole(width: int) -> None:
    photo, result, hole, own = scene()
    where, laid = feather(photo, result, hole, own, width)
    core = np.zeros_like(hole)
    core[10 + width : 40 - width, 10 + width : 50 - width] = True
    assert np.array_equal(laid[core & own], result[core & own])
    other = np.where(hole[..., None], 255 - photo, photo)
    assert np.array_equal(feather(other, result, hole, own, width)[1][where], laid[where])


def test_a_feather_takes_a_step_of_colour_away_over_its_width() -> None:
    hole = np.zeros((60, 80), bool)
    hole[:, 40:] = True
    photo, result = np.full((60, 80, 3), 100, np.uint8), np.full((60, 80, 3), 140, np.uint8)
    laid = feather(photo, result, hole, hole, 8)[1]
    row = np.concatenate([photo[30, :40, 0], laid[30, 40:, 0]]).astype(int)
    assert (np.diff(row) >= 0).all() and np.diff(row).max() <= 6  # 40 levels over 9 steps
    assert (row[40 + 8 :] == 140).all()


def test_a_hole_without_known_pixels_has_no_rim() -> None:
    photo, result, hole, _ = scene()
    whole = np.ones_like(hole)
    assert np.array_equal(feather(photo, result, whole, whole, 8)[1], result)
