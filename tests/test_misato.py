"""MISATO in both of its sizes and both ways its masks are called; what is not there is listed."""

from pathlib import Path

import pytest
from layouts import box, misato_zip, noise

from asuka.data.misato import Misato
from asuka.errors import InputError


def test_numbers_are_names_and_tell_the_domain(tmp_path: Path) -> None:
    pairs = Misato(str(misato_zip(tmp_path / "any-name.zip", 512, ""))).pairs(None, 1, 0)
    assert pairs.names == [f"{number:04d}" for number in range(2000)]
    domains = ["landscape", "indoor", "building", "background"]
    assert pairs.groups == [domain for domain in domains for _ in range(500)]
    assert pairs[1999].image.shape == (512, 512, 3) and pairs[1999].group == "background"
    assert pairs[0].hole.mean() == 0.25


@pytest.mark.parametrize("prefix", ["", "00"])
def test_masks_of_the_larger_version_may_have_two_digits_more(prefix: str, tmp_path: Path) -> None:
    pairs = Misato(str(misato_zip(tmp_path / "any-name.zip", 1024, prefix))).pairs(None, 1, 0)
    assert len(pairs) == 1500 and set(pairs.groups) == {"landscape", "indoor", "building"}
    assert pairs[1499].image.shape == (1024, 1024, 3) and pairs[1499].hole.mean() == 0.25


def test_what_is_missing_and_surplus_is_listed(tmp_path: Path) -> None:
    names = [f"image/{number:04d}.png" for number in range(100, 113)]
    other = dict.fromkeys([*names, "mask/1999.png"]) | {name.replace("/", "/x"): b"" for name in names}
    with pytest.raises(InputError) as caught:
        Misato(str(misato_zip(tmp_path / "a.zip", 512, "", other)))
    text = str(caught.value)
    assert text.startswith(f"{tmp_path}/a.zip is no whole MISATO of 2000 pairs: 13 missing: image/0100, image/0101, ")
    assert "image/0109, and 3 more; 13 surplus: image/x0100.png, " in text
    assert text.endswith("and 3 more; 1 missing: mask/1999; unpack it again")
    other = {"mask/000007.png": None, "mask/0007.png": b""}
    with pytest.raises(InputError, match="pairs: 1 missing: mask/000007; 1 surplus: mask/0007.png; unpack"):
        Misato(str(misato_zip(tmp_path / "b.zip", 1024, "00", other)))


def test_what_is_no_misato_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="data.root is not set; .*: data=misato data.root=DIR"):
        Misato(None)
    (tmp_path / "512" / "image").mkdir(parents=True)
    noise(0, 300, 300).save(tmp_path / "512" / "image" / "0000.png")
    with pytest.raises(InputError, match="no picture in image/; data.root is the folder that holds image/ and mask/"):
        Misato(str(tmp_path))
    with pytest.raises(InputError, match="no picture in mask/"):
        Misato(str(tmp_path / "512"))
    (tmp_path / "512" / "mask").mkdir()
    box(300, 300).save(tmp_path / "512" / "mask" / "0000.png")
    with pytest.raises(InputError, match="its first picture has 300 x 300 pixels; MISATO has 512 x 512 or 1024"):
        Misato(str(tmp_path / "512"))
