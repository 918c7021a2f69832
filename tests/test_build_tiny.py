"""The recipe of the embedded stack, whole, at two steps a stage; and what it packs and ships."""

import subprocess
import sys
import zipfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file

from asuka import AsukaPipeline
from asuka.data.folder import Folder
from asuka.data.pack import pack
from asuka.errors import InputError

ROOT = Path(__file__).parents[1]


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Two hundred noisy gradients in two folders, half of them with a caption."""
    folder, rng = tmp_path / "photos", np.random.default_rng(0)
    rows = ["path,caption"]
    for number in range(200):
        name = f"{'ab'[number % 2]}/{number:03d}.png"
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        ramp = np.linspace(0, 200, 120)[None, :, None] + rng.normal(0, 20, (90, 120, 3))
        Image.fromarray(ramp.clip(0, 255).astype(np.uint8)).save(folder / name)
        rows.append(f"{name},{'a ramp to the right' if number % 2 else ''}")
    (folder / "captions.csv").write_text("\n".join(rows))
    return folder


def test_a_pack_holds_the_same_pictures_smaller(photos: Path, tmp_path: Path) -> None:
    file = tmp_path / "photos.zip"
    pack(photos, file, side=64)
    before, after = (Folder(str(root), dev=0.3, size=32) for root in (photos, file))
    for split in ("train", "val"):
        names = [[Path(name).stem for name in getattr(data, split).names] for data in (before, after)]
        assert names[0] == names[1] and names[0]
    captions = after.train.captions() + after.val.captions()
    assert captions.count("a ramp to the right") == 100
    with zipfile.ZipFile(file) as archive:
        assert Image.open(archive.open("a/000.jpg")).size == (85, 64)


def test_a_pack_that_cannot_be_small_enough_is_refused(photos: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="200 pictures do not fit into 0.001 MB"):
        pack(photos, tmp_path / "photos.zip", limit=0.001)
    assert not list(tmp_path.glob("photos.*"))


@pytest.mark.slow
def test_the_recipe_runs_resumes_and_ships(photos: Path, tmp_path: Path) -> None:
    run_dir = tmp_path / "tiny"
    words = [sys.executable, "scripts/build_tiny.py", str(photos), "--budget", "toy", "--run-dir", str(run_dir)]
    for _ in range(2):  # the second time everything is done already
        done = subprocess.run([*words, "--workers", "0"], cwd=ROOT, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    ship = run_dir / "ship"
    assert {folder.name for folder in ship.iterdir()} == {"base", "mae", "mae-patches", "align", "decoder", "prompt"}
    for file in ship.rglob("*.safetensors"):
        assert all(value.dtype == torch.float16 for value in load_file(file).values() if value.is_floating_point())
    size = sum(file.stat().st_size for part in ("base", "mae", "align", "decoder") for file in (ship / part).rglob("*"))
    assert size < 12e6
    image, mask = Image.new("RGB", (100, 80), "teal"), Image.new("L", (100, 80), 0)
    mask.paste(255, (30, 30, 60, 50))
    assert AsukaPipeline.from_pretrained(ship)(image, mask, num_inference_steps=2).images[0].size == (100, 80)
