"""The protocol `official` against what the released scripts computed (see fixtures/README.md)."""

import json
import math
from pathlib import Path

import pytest
import torch
from parity_weights import FIXTURES, tensor
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional
from torchvision.models import inception_v3
from transformers import CLIPImageProcessor
from untrained import ALEX, write_trunk

from asuka.foreign.place import variable_of
from asuka.image import to_tensor
from asuka.metrics import official
from asuka.metrics.frechet import fid
from asuka.metrics.metric import MisleadingError
from asuka.metrics.official import official_grad, official_psnr, official_ssim
from asuka.metrics.official_ids import official_ids
from asuka.metrics.table import PROTOCOLS

CPU = torch.device("cpu")
COUNT, SIDE, COLUMNS = 24, 128, 8
RELU = math.sqrt(2)  # the gain of stand-in weights before a ReLU
PLACES = (0, 3, 6, 8, 10)  # of AlexNet's convolutions among its layers
EQUAL = (21, 22)  # result = truth; no hole


@pytest.fixture(scope="module")
def theirs() -> dict:
    return json.loads((FIXTURES / "metrics.json").read_text())


@pytest.fixture(scope="module")
def triples() -> tuple[Tensor, Tensor, Tensor]:
    """Truth, levels and raw results of the 24 pictures."""
    pictures = torch.stack(tiles("metric_pictures.png"))
    masks = torch.stack(tiles("metric_masks.png"))[:, :1]
    return pictures[:COUNT], (masks + 1) / 2, pictures[COUNT:]


def tiles(name: str) -> list[Tensor]:
    sheet = to_tensor(Image.open(FIXTURES / name).convert("RGB"))
    corners = [(top, left) for top in range(0, sheet.shape[1], SIDE) for left in range(0, COLUMNS * SIDE, SIDE)]
    return [sheet[:, top : top + SIDE, left : left + SIDE] for top, left in corners]


def test_the_masks_lie_as_they_were_stored(triples: tuple[Tensor, Tensor, Tensor]) -> None:
    levels = triples[1] * 255
    assert (levels - levels.round()).abs().max() < 1e-4
    assert {126, 127, 128, 129, 254, 255} <= set(levels.round().long().unique().tolist())


@pytest.mark.parametrize(
    ("row", "name", "bound"),
    [(official_psnr, "psnr", 1e-5), (official_ssim, "ssim", 1e-6), (official_grad, "grad", 1e-10)],
)
def test_psnr_ssim_and_grad(row, name: str, bound: float, triples: tuple[Tensor, Tensor, Tensor], theirs: dict) -> None:
    assert row(*triples).tolist() == pytest.approx(theirs[name], abs=bound)


def test_no_picture_has_more_than_70_db(triples: tuple[Tensor, Tensor, Tensor]) -> None:
    assert official_psnr(*triples)[list(EQUAL)].tolist() == pytest.approx([70, 70], abs=1e-4)


def test_lpips(
    triples: tuple[Tensor, Tensor, Tensor], theirs: dict, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layers = {}
    for number, (place, (outs, ins, side)) in enumerate(zip(PLACES, ALEX, strict=True)):
        kernel = tensor(f"features.{place}.weight", [outs, ins, side, side], RELU).permute(2, 3, 1, 0)
        bias = tensor(f"features.{place}.bias", [outs])
        layers[f"Conv_{number}"] = {"kernel": kernel.numpy().copy(), "bias": bias.numpy()}
    write_trunk(tmp_path / "alex.ckpt", layers)
    monkeypatch.setenv(variable_of("lpips-alex"), str(tmp_path / "alex.ckpt"))
    with torch.no_grad():
        found = PROTOCOLS["official"].scores["lpips"].make(CPU)(*triples)
    assert found.tolist() == pytest.approx(theirs["lpips"], abs=1e-6)


class Stub:
    """In CLIP's place, colours in blocks: what the fixtures' clip numbers were made with."""

    def __init__(self, weights: str, device: torch.device) -> None:
        self.processor, self.matrix = CLIPImageProcessor(), tensor("stub.clip.proj.weight", [64, 48])

    def __call__(self, image: Tensor) -> Tensor:
        ready = self.processor(images=image, return_tensors="pt")["pixel_values"]
        blocks = functional.adaptive_avg_pool2d(ready, 28).unfold(2, 4, 4).unfold(3, 4, 4)
        return blocks.permute(0, 2, 3, 1, 4, 5).reshape(len(image), 49, 48).mean(1) @ self.matrix.T


def test_clip_sees_the_hole_alone(
    triples: tuple[Tensor, Tensor, Tensor], theirs: dict, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(official, "clip", Stub)
    found = official.official_clip("", CPU)(*triples)
    # Theirs resizes with Pillow, transformers with torchvision: a grey level apart.
    assert found.tolist() == pytest.approx(theirs["clip"], abs=5e-5)


@pytest.fixture
def stand_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Inception with the fixtures' weights in the place of torchvision's."""
    shapes = {key: value.shape for key, value in inception_v3(weights=None, init_weights=False).state_dict().items()}
    torch.save({key: tensor(key, list(shape), RELU) for key, shape in shapes.items()}, tmp_path / "inception.pth")
    monkeypatch.setenv(variable_of("inception-torchvision"), str(tmp_path / "inception.pth"))


def features(triples: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Of truth and result, as the harness takes them."""
    protocol, (truth, levels, raw) = PROTOCOLS["official"], triples
    embed = protocol.spaces["inception"].make(CPU)
    picture = protocol.seen(truth, levels, protocol.views[""](truth, levels, raw))
    with torch.no_grad():
        return embed(truth, levels), embed(picture, levels)


def test_inception_features_of_some(triples: tuple[Tensor, Tensor, Tensor], stand_in: None) -> None:
    stored = load_file(FIXTURES / "metric_inception.safetensors")
    some = slice(3, 5)  # a soft mask, and one around level 128
    found = features(tuple(part[some] for part in triples))
    for name, rows in zip(("real", "fake"), found, strict=True):
        torch.testing.assert_close(rows, stored[name][some], rtol=0, atol=1e-5)


@pytest.mark.slow
def test_inception_features_of_all(triples: tuple[Tensor, Tensor, Tensor], stand_in: None) -> None:
    stored = load_file(FIXTURES / "metric_inception.safetensors")
    for name, rows in zip(("real", "fake"), features(triples), strict=True):
        torch.testing.assert_close(rows, stored[name], rtol=0, atol=1e-5)


def test_fid_and_ids_are_theirs(theirs: dict) -> None:
    for name, told in (("metric_inception", theirs), ("ids_small", theirs["small"])):
        stored = load_file(FIXTURES / f"{name}.safetensors")
        pairs = stored["real"], stored["fake"], torch.arange(len(stored["real"]))
        # Their root of a product of 2048 x 2048 numbers and rank 23 is 1e-5 off: a sum of 2048 roots of rounding.
        assert fid(*pairs)["fid"] == pytest.approx(told["fid"], abs=2e-5)
        unpaired, paired = official_ids(16)(*pairs).values()
        assert unpaired == pytest.approx(told["ids_dim16"][0], abs=1e-9)
        # A result that equals its photograph is not above it, here; there rounding and chance decide.
        equal = (stored["real"] == stored["fake"]).all(1).double().mean().item()
        assert 0 <= told["ids_dim16"][1] - paired + 1e-9 <= equal + 2e-9


def test_photographs_can_be_left_out_of_their_ids() -> None:
    stored = load_file(FIXTURES / "ids_small.safetensors")
    real, result, photo = stored["real"], stored["fake"], torch.arange(200)
    gone = photo % 5 == 0
    expected = official_ids(16)(real[~gone], result[~gone], torch.arange(160))
    assert official_ids(16).open(real, result, photo).without(gone) == pytest.approx(expected, abs=1e-9)


def test_too_few_pictures_for_the_directions_are_refused() -> None:
    rows = torch.randn(7, 20, generator=torch.Generator().manual_seed(0))
    with pytest.raises(
        MisleadingError, match="no u_ids_pca16 and p_ids_pca16 of 7 pairs: 14 pictures .*; give 8 pairs"
    ):
        official_ids(16)(rows, rows, torch.arange(7))
