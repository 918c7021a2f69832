"""Drawn scenes: the same everywhere, told truly by their captions, none in both training and validation."""

import hashlib
import subprocess
import sys
from pathlib import Path

import cv2
import numpy as np
import pytest

from asuka.data.scene import COLOURS, PAINTS, Scene, compose
from asuka.data.synthetic import VAL_FIRST, Scenes, Synthetic, draw
from asuka.errors import InputError

ROOT = Path(__file__).parents[1]
DIGEST = """
import hashlib
from asuka.data.synthetic import draw
print(hashlib.sha256(b"".join(draw(index, 64).image.tobytes() for index in range(12))).hexdigest())
"""


def test_same_index_gives_same_bytes_in_this_and_a_fresh_process() -> None:
    bytes_here = b"".join(draw(index, 64).image.tobytes() for index in range(12))
    fresh = subprocess.run(
        [sys.executable, "-c", DIGEST], cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    assert fresh.stdout.strip() == hashlib.sha256(bytes_here).hexdigest()


def test_pictures_are_rgb_of_the_asked_size_and_differ() -> None:
    pictures = [draw(index, 48) for index in range(40)]
    assert all(picture.image.shape == (48, 48, 3) for picture in pictures)
    assert all(picture.image.dtype == np.uint8 and picture.image.std() > 5 for picture in pictures)
    assert len({picture.image.tobytes() for picture in pictures}) == 40
    assert pictures[12].name == "synthetic-0000012"


def test_composition_does_not_depend_on_size() -> None:
    for index in range(30):
        small, large = draw(index, 64).image, draw(index, 128).image
        halved = cv2.resize(large, (64, 64), interpolation=cv2.INTER_AREA)
        assert np.abs(halved.astype(float) - small).mean() < 8, index
    other = np.abs(draw(0, 64).image.astype(float) - draw(1, 64).image).mean()
    assert other > 20


@pytest.mark.parametrize("count", [1, 2, 3])
def test_captions_place_things_where_they_stand(count: int) -> None:
    scenes = [scene for scene in map(compose, range(1200)) if len(scene.things) == count]
    assert len(scenes) > 100
    for scene in scenes:
        assert all(thing.name in scene.caption for thing in scene.things)
        assert scene.sky in scene.caption and scene.far in scene.caption
        _check_places(scene)


def _check_places(scene: Scene) -> None:
    if len(scene.things) == 1:
        x = scene.things[0].x
        side = "on the left" if x < 0.4 else "on the right" if x > 0.6 else "in the middle"
        assert side in scene.caption
        return
    first, second, *rest = scene.things
    pairs = [(first, second, f"{first.name} {{}} {second.name}")]
    pairs += [(third, second, f"{third.name} {{}} it") for third in rest]
    for one, other, phrase in pairs:
        truths = {
            "left of": one.x + one.width / 2 <= other.x - other.width / 2,
            "right of": one.x - one.width / 2 >= other.x + other.width / 2,
            "in front of": one.base > other.base and abs(one.x - other.x) < (one.width + other.width) / 2,
            "behind": one.base < other.base and abs(one.x - other.x) < (one.width + other.width) / 2,
        }
        said = [words for words in truths if phrase.format(words) in scene.caption]
        assert len(said) == 1 and truths[said[0]], scene.caption


def test_a_ball_has_the_colour_its_caption_names() -> None:
    """The nearest named colour around its centre, brightness aside, by day."""
    vivid = {name: _chroma(np.array(COLOURS[name])) for name in PAINTS if name not in ("black", "white")}
    seen = 0
    for scene in map(compose, range(2500)):
        if len(scene.things) != 1 or scene.sky not in ("clear", "cloudy", "overcast"):
            continue
        ball = scene.things[0]
        if ball.kind != "ball" or ball.colour not in vivid:
            continue
        image = draw(scene.index, 64).image
        row, column = int((ball.base - ball.height / 2) * 64), int(ball.x * 64)
        patch = _chroma(image[row - 1 : row + 2, column - 1 : column + 2].mean((0, 1)) / 255)
        assert ball.colour == min(vivid, key=lambda name: np.abs(vivid[name] - patch).sum()), scene.caption
        seen += 1
    assert seen > 20


def _chroma(rgb: np.ndarray) -> np.ndarray:
    """A colour as bright as it gets."""
    return rgb / rgb.max()


def test_a_quarter_of_scenes_is_empty_and_captions_are_short() -> None:
    scenes = [compose(index) for index in range(2000)]
    assert 0.21 < np.mean([not scene.things for scene in scenes]) < 0.29
    captions = [scene.caption for scene in scenes]
    assert all(6 <= len(caption.split()) <= 26 for caption in captions)
    assert all(set(caption) <= set("abcdefghijklmnopqrstuvwxyz ,") for caption in captions)
    assert len({word.strip(",") for caption in captions for word in caption.split()}) < 120
    assert all(scene.caption.startswith(("empty ", "an empty ")) == (not scene.things) for scene in scenes)


def test_training_and_validation_never_overlap() -> None:
    data = Synthetic(size=32, count=VAL_FIRST, val_count=8)
    assert data.train.first + len(data.train) <= data.val.first
    with pytest.raises(InputError, match="count"):
        Synthetic(count=VAL_FIRST + 1)


def test_scenes_count_from_their_first_and_end() -> None:
    scenes = Scenes(first=7, count=3, size=32)
    crop = scenes.crop(2, np.random.default_rng(5))
    assert len(scenes) == 3 and crop.name == "synthetic-0000009"
    assert np.array_equal(crop.image, scenes.centre(2).image) and crop.caption == draw(9, 32).caption
    assert scenes.captions() == [scenes.centre(index).caption for index in range(3)]
    for index in (-1, 3):
        with pytest.raises(IndexError):
            scenes.centre(index)


def test_summary_is_one_line_with_the_counts() -> None:
    summary = Synthetic(count=300, val_count=20).summary()
    assert "\n" not in summary and "300" in summary and "20" in summary
