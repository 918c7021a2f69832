"""CLIP's similarities: what transformers itself computes, from whatever is on this machine, or a sentence."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file, save_file
from torch import Tensor
from transformers import CLIPImageProcessor, CLIPModel
from untrained import clip as untrained_clip

from asuka.errors import InputError
from asuka.image import to_uint8
from asuka.metrics.box import boxes
from asuka.metrics.clip import KNOWN, clip, clip_hole, clip_whole
from asuka.metrics.table import CLIP

CPU = torch.device("cpu")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return untrained_clip(tmp_path_factory.mktemp("clip"))


@pytest.fixture(scope="module")
def seen() -> tuple[Tensor, Tensor, Tensor]:
    """Truth, mask and result: smooth pictures, wider than high, and boxes of two sizes."""
    coarse = torch.randn(6, 3, 6, 7, generator=torch.Generator().manual_seed(0))
    images = torch.nn.functional.interpolate(coarse, (50, 70), mode="bicubic").tanh()
    mask = torch.zeros(3, 1, 50, 70)
    mask[:2, :, 10:30, 20:40] = 1
    mask[2, :, 5:20, :40] = 1
    return images[:3], mask, images[3:]


def embedded(folder: Path, images: list[Tensor]) -> np.ndarray:
    """What transformers makes of the files of some pictures, one by one."""
    model, processor = CLIPModel.from_pretrained(folder).eval(), CLIPImageProcessor.from_pretrained(folder)
    files = [Image.fromarray(to_uint8(image)) for image in images]
    with torch.no_grad():
        found = [model.get_image_features(**processor(images=[file], return_tensors="pt")) for file in files]
    return np.concatenate([one.pooler_output.numpy() for one in found])


def cosines(folder: Path, truth: list[Tensor], result: list[Tensor]) -> list[float]:
    first, second = embedded(folder, truth), embedded(folder, result)
    norms = np.linalg.norm(first, axis=1) * np.linalg.norm(second, axis=1)
    return ((first * second).sum(1) / norms).tolist()


def test_the_whole_and_the_hole_are_what_transformers_computes(
    folder: Path, seen: tuple[Tensor, Tensor, Tensor]
) -> None:
    truth, mask, result = seen
    expected = cosines(folder, list(truth), list(result))
    assert clip_whole(str(folder), CPU)(*seen).tolist() == pytest.approx(expected, abs=1e-5)
    crops = [
        [image[:, rows, columns] for image, (rows, columns) in zip(images, boxes(mask), strict=True)]
        for images in (truth, result)
    ]
    expected = cosines(folder, *crops)
    assert clip_hole(str(folder), CPU)(*seen).tolist() == pytest.approx(expected, abs=1e-5)


def test_loading_says_nothing(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    clip.cache_clear()
    clip(str(folder), CPU)
    assert capfd.readouterr() == ("", "")


def test_one_network_serves_all_scores(folder: Path) -> None:
    assert clip(str(folder), CPU) is clip(str(folder), CPU)
    assert not any(parameter.requires_grad for parameter in clip(str(folder), CPU).parameters())


def test_the_default_is_read_from_where_asuka_weights_has_it(
    folder: Path, seen: tuple[Tensor, Tensor, Tensor], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setenv("ASUKA_WEIGHTS_CLIP_VIT_LARGE_PATCH14", str(folder))
    assert KNOWN[CLIP] == "clip-vit-large-patch14"
    clip.cache_clear()
    assert torch.equal(clip_whole(CLIP, CPU)(*seen), clip_whole(str(folder), CPU)(*seen))


def test_what_cannot_be_had_is_a_sentence(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ASUKA_OFFLINE", "1")
    monkeypatch.setenv("ASUKA_WEIGHTS", str(tmp_path))
    with pytest.raises(InputError, match="clip=nobody/nothing: no CLIP can be read from there .*; give a folder"):
        clip("nobody/nothing", CPU)
    with pytest.raises(InputError, match=f"clip={tmp_path}: no CLIP can be read from there"):
        clip(str(tmp_path), CPU)
    with pytest.raises(InputError, match="clip-vit-large-patch14: config.json is not in .*, and ASUKA_OFFLINE forbids"):
        clip(CLIP, CPU)


def test_a_model_that_lacks_weights_is_refused(folder: Path, tmp_path: Path) -> None:
    for name in ("config.json", "preprocessor_config.json"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    state = load_file(folder / "model.safetensors")
    del state["visual_projection.weight"]
    save_file(state, tmp_path / "model.safetensors", {"format": "pt"})
    with pytest.raises(InputError, match=r"no CLIP can be read from there \(it has no visual_projection.weight\)"):
        clip(str(tmp_path), CPU)
    (tmp_path / "model.safetensors").write_bytes(b"half of it")
    with pytest.raises(InputError, match="no CLIP can be read from there"):
        clip(str(tmp_path), CPU)
