"""Folders as benchmarks are unpacked to, for tests."""

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def noise(seed: int, width: int, height: int) -> Image.Image:
    """A picture like no other."""
    return Image.fromarray(np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8))


def box(width: int, height: int) -> Image.Image:
    """A mask whose hole is a quarter of the picture."""
    mask = Image.new("L", (width, height), 0)
    mask.paste(255, (width // 4, height // 4, width * 3 // 4, height * 3 // 4))
    return mask


def png(picture: Image.Image) -> bytes:
    """Its file."""
    file = io.BytesIO()
    picture.save(file, "png")
    return file.getvalue()


def photos_in(root: Path, names: list[str], width: int = 40, height: int = 30) -> Path:
    """Photographs called so, each another one."""
    for seed, name in enumerate(names):
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        noise(seed, width, height).save(root / name)
    return root


def pairs_in(root: Path, names: list[str]) -> Path:
    """The same below root/image, and a mask for each below root/mask."""
    photos_in(root / "image", names)
    for name in names:
        file = root / "mask" / Path(name).with_suffix(".png")
        file.parent.mkdir(parents=True, exist_ok=True)
        box(40, 30).save(file)
    return root


def misato_zip(file: Path, side: int, prefix: str, other: Mapping[str, bytes | None] | None = None) -> Path:
    """All of MISATO in one file, one grey picture again and again; but for the `other` files, None: not there."""
    photo, mask = png(Image.new("RGB", (side, side), "gray")), png(box(side, side))
    numbers = [f"{number:04d}.png" for number in range({512: 2000, 1024: 1500}[side])]
    files = {f"image/{number}": photo for number in numbers} | {f"mask/{prefix}{number}": mask for number in numbers}
    with zipfile.ZipFile(file, "w") as archive:
        for name, content in (files | dict(other or {})).items():
            if content is not None:
                archive.writestr(name, content)
    return file
