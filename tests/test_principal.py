"""The stored directions, what is made with them, and how they were made."""

import runpy
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors import safe_open
from sklearn.decomposition import PCA
from torch import Tensor

from asuka.commands.fit_pca import principal
from asuka.data.synthetic import draw
from asuka.errors import InputError
from asuka.metrics.discriminative import ids
from asuka.metrics.metric import MisleadingError
from asuka.metrics.principal import FILE, fingerprint, ids_pca64, project

SCRIPT = Path(__file__).parents[1] / "scripts/fit_pca.py"


def inception_like(count: int, seed: int = 0) -> Tensor:
    return torch.rand(count, 2048, generator=torch.Generator().manual_seed(seed))


def test_the_stored_directions_are_at_right_angles_and_say_where_they_come_from() -> None:
    assert FILE.stat().st_size <= 600_000
    with safe_open(FILE, "pt") as stored:
        axes, metadata = stored.get_tensor("axes"), stored.metadata()
    assert torch.allclose(axes @ axes.T, torch.eye(64), atol=1e-5)
    assert metadata["photographs"] == "a folder of 4,117 photographs"
    assert f"`{fingerprint()}…`" in (FILE.parent / "PROVENANCE.md").read_text()


def test_it_is_the_same_svm_on_64_numbers() -> None:
    real, result, photo = inception_like(200), inception_like(400, 1), torch.arange(400) % 200
    expected = ids(project(real), project(result), photo)
    assert ids_pca64(real, result, photo) == {f"{name}_pca64": value for name, value in expected.items()}


def test_a_direction_counts_in_the_features_own_units() -> None:
    with safe_open(FILE, "pt") as stored:
        mean, axes = stored.get_tensor("mean"), stored.get_tensor("axes")
    rows = mean + 3 * axes[:2]
    assert torch.allclose(project(rows), 3 * torch.eye(64)[:2].double(), atol=1e-4)


def test_too_few_photographs_are_refused() -> None:
    with pytest.raises(MisleadingError, match="no u_ids_pca64 and p_ids_pca64 of 129 results of 129 .* must be 130"):
        ids_pca64(inception_like(129), inception_like(129, 1), torch.arange(129))


def test_other_features_are_refused() -> None:
    with pytest.raises(InputError, match=r"features \(5, 768\): .* give \(N, 2048\)"):
        project(torch.zeros(5, 768))


def test_principal_directions_are_scikit_learns() -> None:
    rows = inception_like(50)[:, :20]
    mean, axes, share = principal(rows, 5)
    theirs = PCA(5, svd_solver="full").fit(rows.double().numpy())
    assert np.allclose(mean, theirs.mean_)
    assert np.allclose(abs((axes.numpy() * theirs.components_).sum(1)), 1)
    assert (axes.gather(1, axes.abs().argmax(1, keepdim=True)) > 0).all()
    assert share == pytest.approx(theirs.explained_variance_ratio_.sum())


@pytest.mark.slow
def test_the_script_fits_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture) -> None:
    for index in range(70):
        Image.fromarray(draw(index, 64).image).save(tmp_path / f"{index}.png")
    out = tmp_path / "made" / "pca.safetensors"
    monkeypatch.setattr(sys, "argv", ["fit_pca.py", str(tmp_path), "--out", str(out)])
    runpy.run_path(str(SCRIPT), run_name="__main__")
    with safe_open(out, "pt") as stored:
        assert stored.get_tensor("axes").shape == (64, 2048)
        assert stored.metadata()["photographs"] == "a folder of 70 photographs"
    assert "64 directions of 70 photographs hold" in capsys.readouterr().out
