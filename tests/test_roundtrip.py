"""Round trips and the pictures they are measured on: each once, the same every time."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from asuka.batch import Batch, first
from asuka.config import option
from asuka.data.held import held
from asuka.decode import conditional
from asuka.diffusion.pretrained import pretrained
from asuka.errors import InputError
from asuka.roundtrip import round_trips, ways

HOLES = option("masks", "mixed")


@pytest.fixture
def batch() -> Batch:
    return first(held("synthetic", HOLES, 2, 64, 0), 2)


def test_each_pass_starts_from_the_last_ones_picture(toy: Path, batch: Batch) -> None:
    base = pretrained(str(toy / "base"))
    chosen = ways(conditional(str(toy / "decoder")))
    assert list(chosen) == ["plain VAE", "conditional", "plain VAE, pasted", "conditional, pasted"]
    once = base.decode(base.encode(batch.image)).clamp(-1, 1)
    twice = base.decode(base.encode(once)).clamp(-1, 1)
    assert all(map(torch.equal, round_trips(base, chosen["plain VAE"], batch, 2), (once, twice)))
    holes = batch.mask.expand_as(batch.image) > 0
    for name in ("plain VAE", "conditional"):
        whole, pasted = (round_trips(base, chosen[way], batch, 2) for way in (name, f"{name}, pasted"))
        assert torch.equal(whole[0][holes], pasted[0][holes])  # the first starts from the truth
        assert not torch.equal(whole[1][holes], pasted[1][holes])
        assert all(torch.equal(picture[~holes], batch.image[~holes]) for picture in pasted)


def test_the_conditional_decoder_is_told_the_known_pixels_of_the_truth(toy: Path, batch: Batch) -> None:
    base, decode = pretrained(str(toy / "base")), conditional(str(toy / "decoder"))
    trip = ways(decode)["conditional"]
    expected = decode(base, base.encode(-batch.image), batch.blind()).clamp(-1, 1)
    assert torch.equal(trip(base, batch, -batch.image), expected)


def test_every_picture_of_a_folder_is_held_once(tmp_path: Path) -> None:
    for number in range(5):
        Image.fromarray(np.full((20, 30, 3), number, np.uint8)).save(tmp_path / f"{number}.png")
    batches = held(str(tmp_path), HOLES, 9, 16, seed=0, batch=2)
    assert [len(batch) for batch in batches] == [2, 2, 1]
    assert sorted(sum((batch.name for batch in batches), ())) == [f"{number}.png" for number in range(5)]
    whole, again, other = (first(held(str(tmp_path), HOLES, 5, 16, seed=seed), 5) for seed in (0, 0, 1))
    assert torch.equal(whole.mask, first(batches, 5).mask) and torch.equal(whole.mask, again.mask)
    assert whole.name == other.name and not torch.equal(whole.mask, other.mask)
    with pytest.raises(InputError, match="1 of 5 pictures in .*: give two or more"):
        held(str(tmp_path), HOLES, 1, 16, seed=0)


def test_an_option_is_built_by_its_name() -> None:
    assert option("masks", "boxes").max_count == 4
    with pytest.raises(InputError, match="masks=mixd: there is no such masks; did you mean mixed?"):
        option("masks", "mixd")
