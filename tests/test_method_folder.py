"""Results of others: found by name, taken as they are, and never resized."""

import warnings
from pathlib import Path

import numpy as np
import pytest
import torch
from conftest import composed
from layouts import noise, photos_in

from asuka.batch import Batch
from asuka.config import build
from asuka.errors import InputError, InputWarning
from asuka.image import to_uint8


def batch(*names: str) -> Batch:
    """Pictures of 40 x 30 pixels."""
    count = len(names)
    return Batch(torch.zeros(count, 3, 30, 40), torch.ones(count, 1, 30, 40), names, ("",) * count)


def test_results_are_found_by_name_and_keep_their_pixels(tmp_path: Path) -> None:
    photos_in(tmp_path, ["a.png", "b/c.d-1.webp", "b/c.d-2.PNG"])
    (tmp_path / "notes.txt").write_text("no picture")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        method = build(composed("inpaint", "method=folder", f"method.path={tmp_path}").method)
    assert method.side is None
    result = method(batch("b/c.d-2", "a"))
    assert result.shape == (2, 3, 30, 40) and result.dtype == torch.float32
    assert np.array_equal(to_uint8(result[0]), noise(2, 40, 30)) and np.array_equal(
        to_uint8(result[1]), noise(0, 40, 30)
    )


def test_a_result_that_cannot_be_taken_is_named(tmp_path: Path) -> None:
    photos_in(tmp_path, ["a.png", "a.webp"])
    noise(0, 30, 40).save(tmp_path / "b.png")
    (tmp_path / "c.png").write_bytes(b"no picture")
    method = build(composed("inpaint", "method=folder", f"method.path={tmp_path}").method)
    for name, told in (
        ("a", "/a: there are a.png and a.webp; one picture a.png is wanted"),
        ("b", "b.png has 30 x 40 pixels and its pair 40 x 30; results are not resized"),
        ("c", "c.png: cannot be read as a picture"),
        ("d", "/d: there is no result; one picture d.png is wanted"),
    ):
        with pytest.raises(InputError, match=told):
            method(batch(name))


def test_a_mark_changes_with_the_result(tmp_path: Path) -> None:
    photos_in(tmp_path, ["a.png", "b.png"])
    method = build(composed("inpaint", "method=folder", f"method.path={tmp_path}").method)
    before = [method.mark(name) for name in ("a", "b", "z")]
    noise(7, 40, 30).save(tmp_path / "a.png")
    after = [method.mark(name) for name in ("a", "b", "z")]
    assert before[0] != after[0] and before[1:] == after[1:] and after[2] == ""


def test_jpegs_are_warned_of_once(tmp_path: Path) -> None:
    photos_in(tmp_path, ["a.jpg", "b.jpeg", "c.png"])
    with pytest.warns(InputWarning, match="2 of the results are JPEGs, whose compression changes scores") as told:
        method = build(composed("inpaint", "method=folder", f"method.path={tmp_path}").method)
        method(batch("a", "b", "c"))
    assert len(told) == 1


def test_a_folder_must_be_given(tmp_path: Path) -> None:
    for words, told in (([], "method.path is not set"), ([f"method.path={tmp_path}/gone"], "gone: no such folder")):
        with pytest.raises(InputError, match=told):
            build(composed("inpaint", "method=folder", *words).method)
