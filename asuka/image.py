"""Pictures at the border: files, uint8 and PIL outside; tensors in [-1, 1] inside."""

from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps
from torch import Tensor

from asuka.errors import InputError

Made = TypeVar("Made")


def load(path: str | Path) -> Image.Image:
    """The picture of a file, upright (EXIF) and RGB. InputError where there is none or it cannot be read."""
    return read(path, upright_rgb)


def read(path: str | Path, make: Callable[[Image.Image], Made]) -> Made:
    """What `make` makes of an opened file. InputError where there is none or it cannot be read."""
    try:
        with Image.open(path) as file:
            return make(file)
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; give the path of a picture") from error
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"{path}: cannot be read as a picture ({error}); give a JPEG, PNG or WebP") from error


def upright_rgb(file: Image.Image) -> Image.Image:
    """An opened picture as 8-bit RGB, turned as its EXIF says; 16-bit grey keeps its upper eight bits."""
    if file.mode.startswith("I;16"):
        file = Image.fromarray((np.asarray(file) >> 8).astype(np.uint8))
    return ImageOps.exif_transpose(file).convert("RGB")


def load_mask(path: str | Path) -> Image.Image:
    """The mask of a file, upright and 8-bit grey; white = hole."""
    return load(path).convert("L")


def to_tensor(image: np.ndarray | Image.Image) -> Tensor:
    """uint8 RGB (H, W, 3) -> (3, H, W) in [-1, 1]."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1).float() / 127.5 - 1


def to_uint8(image: Tensor) -> np.ndarray:
    """(3, H, W) in [-1, 1] -> uint8 RGB (H, W, 3), rounded to nearest."""
    levels = (image.detach().float().clamp(-1, 1) + 1) * 127.5
    return levels.round().to(torch.uint8).permute(1, 2, 0).cpu().numpy()


def paste(image: Tensor, mask: Tensor, result: Tensor) -> Tensor:
    """The result in the hole and the image outside, all (B, C, H, W): the one rule of compositing."""
    return torch.where(mask > 0.5, result, image)


def check_name(path: str | Path) -> None:
    """InputError unless the suffix names a format that can be written."""
    suffix = Path(path).suffix
    if Image.registered_extensions().get(suffix.lower()) not in Image.SAVE:
        raise InputError(f"{path}: '{suffix}' is no picture format; end the name in .png")


def save(image: Image.Image, path: str | Path, quality: int = 95) -> None:
    """Write a picture so that the name appears only when the file is whole; the suffix chooses the format.

    Colour profile and EXIF in `image.info` go along. `quality` is JPEG's; WebP is written without loss. InputError
    where it cannot be written.
    """
    path = Path(path)
    check_name(path)
    kind = Image.registered_extensions()[path.suffix.lower()]
    options = {"JPEG": {"quality": quality}, "WEBP": {"lossless": True}}.get(kind, {})
    if kind == "JPEG" and image.mode == "RGBA":
        raise InputError(f"{path}: a JPEG has no transparency, and the picture has; end the name in .png")
    carried = {word: image.info[word] for word in ("icc_profile", "exif") if word in image.info}
    half = path.with_name(f".{path.name}.part{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        image.save(half, **options, **carried)
        half.replace(path)
    except OSError as error:
        half.unlink(missing_ok=True)
        raise InputError(f"{path}: cannot be written ({error}); give another place") from error


def grid(columns: dict[str, Tensor]) -> Image.Image:
    """One row per picture, one named column per tensor (N, 3, H, W) in [-1, 1], header on top."""
    header, gap = 16, 2
    stacks = {name: [to_uint8(image) for image in images] for name, images in columns.items()}
    rows = max(len(stack) for stack in stacks.values())
    height, width = next(iter(stacks.values()))[0].shape[:2]
    sheet = Image.new("RGB", (len(stacks) * (width + gap), header + rows * (height + gap)), "white")
    pen = ImageDraw.Draw(sheet)
    for column, (name, stack) in enumerate(stacks.items()):
        left = column * (width + gap)
        pen.text((left + 2, 2), name, fill="black")
        for row, pixels in enumerate(stack):
            sheet.paste(Image.fromarray(pixels), (left, header + row * (height + gap)))
    return sheet
