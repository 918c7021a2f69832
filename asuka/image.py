"""Pictures at the border: files, uint8 and PIL outside; tensors in [-1, 1] inside."""

import io
import struct
import warnings
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageOps, UnidentifiedImageError
from torch import Tensor

from asuka.errors import InputError, said

Made = TypeVar("Made")
FORMATS = ("JPEG", "PNG", "WEBP", "AVIF", "GIF", "BMP", "TIFF")  # others hold no photographs, or start programs
MOST_BYTES = 2**30  # of a file: what the largest picture Pillow will open, 179 million pixels, has without compression
# All that Pillow was seen to raise at damaged bytes; its own promise is OSError alone.
BROKEN = (
    *(OSError, SyntaxError, ValueError, TypeError, IndexError, AttributeError, RuntimeError, ZeroDivisionError),
    *(struct.error, Image.DecompressionBombError),
)
THRESHOLD = 128  # of 255: from here on a level of a mask is white
REMEDY = "give a JPEG, PNG or WebP"


class PictureError(InputError):
    """The bytes of a file are no readable picture: a matter of these bytes alone, the same in every process."""

    def __init__(self, path: str | Path, reason: str, remedy: str):
        super().__init__(f"{path}: cannot be read as a picture ({reason}); {remedy}")
        self.path, self.reason = str(path), reason


def read(path: str | Path, make: Callable[[Image.Image], Made]) -> Made:
    """What `make` makes of the opened picture of a file. InputError where there is none or it cannot be read."""
    return decode(contents(path), path, REMEDY, make)


def contents(path: str | Path) -> bytes:
    """The bytes of a file. InputError where they cannot be had, PictureError where no picture has so many."""
    try:
        size = Path(path).stat().st_size
        if size > MOST_BYTES:
            raise PictureError(path, f"it has {size >> 20} MiB", REMEDY)
        return Path(path).read_bytes()
    except FileNotFoundError as error:
        raise InputError(f"{path}: no such file; give the path of a picture") from error
    except OSError as error:
        raise InputError(f"{path}: cannot be read as a picture ({error}); {REMEDY}") from error


def decode(data: bytes, path: str | Path, remedy: str, make: Callable[[Image.Image], Made]) -> Made:
    """What `make` makes of the opened picture, the first one where it moves, that the bytes of a file hold.

    PictureError, one sentence with `path`, the reason and `remedy`, where they hold none.
    """
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", module="PIL")  # what matters is an error, and said once
            return make(Image.open(io.BytesIO(data), formats=_formats()))
    except UnidentifiedImageError as error:
        reason = f"its first bytes are none of {', '.join(_formats())}" if data else "it is empty"
        raise PictureError(path, reason, remedy) from error
    except BROKEN as error:
        raise PictureError(path, said(error, None), remedy) from error
    except MemoryError as error:  # of this machine, not of these bytes
        raise InputError(f"{path}: does not fit into memory; give a smaller picture") from error


def upright_rgb(file: Image.Image) -> Image.Image:
    """An opened picture as 8-bit RGB, turned as its EXIF says.

    16-bit grey keeps its upper eight bits; what is transparent shows white behind it, as on a page. InputError where
    the pixels are numbers without a known white (32 bits).
    """
    return rgb(ImageOps.exif_transpose(file))


def rgb(upright: Image.Image) -> Image.Image:
    """As `upright_rgb`, of a picture that is turned already: itself where it is RGB, for it may be large."""
    image = _opaque(upright)
    return image if image.mode == "RGB" else image.convert("RGB")


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


def _opaque(image: Image.Image) -> Image.Image:
    """The picture with pixels of eight bits, white where it is transparent."""
    if image.mode.startswith("I;16"):
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    if image.mode in ("I", "F"):
        raise InputError(f"its pixels are 32-bit numbers (mode {image.mode}) without a known white; give 8 or 16 bits")
    if image.has_transparency_data:
        backdrop = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(backdrop, image.convert("RGBA"))
    return image


@cache
def _formats() -> tuple[str, ...]:
    """Those of FORMATS that this Pillow was built with."""
    Image.init()
    return tuple(name for name in FORMATS if name in Image.OPEN)
