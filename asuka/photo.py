"""A picture from wherever a user has it: 8-bit RGB, upright, with what its file carried besides."""

import hashlib
import io
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import singledispatch
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageCms, ImageOps
from torch import Tensor

from asuka.errors import InputError
from asuka.image import BROKEN, REMEDY, read, rgb


@dataclass(frozen=True)
class Photo:
    """One picture; what cannot be kept of it is said in `notes`, sentences without the picture's name."""

    pixels: np.ndarray  # (H, W, 3) uint8
    alpha: np.ndarray | None = None  # (H, W) uint8
    grey: bool = False  # the source had no colours
    icc: bytes | None = None  # colour profile of `pixels`
    exif: bytes | None = None  # without orientation, for the pixels are upright
    stem: str | None = None  # of its file
    notes: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The stem of its file, else a hash of its pixels: what its noise is drawn by."""
        if self.stem is not None:
            return self.stem
        return hashlib.blake2b(f"{self.pixels.shape}".encode() + self.pixels.tobytes(), digest_size=8).hexdigest()

    def image(self, pixels: np.ndarray) -> Image.Image:
        """Other pixels (H, W, 3) with this picture's alpha, profile and EXIF; RGB, or RGBA where there is alpha.

        Where it had no colours, neither have they.
        """
        if self.grey:
            pixels = np.array(Image.fromarray(pixels).convert("L").convert("RGB"))
        layers = pixels if self.alpha is None else np.dstack([pixels, self.alpha])
        image = Image.fromarray(layers)
        image.info |= {key: value for key, value in (("icc_profile", self.icc), ("exif", self.exif)) if value}
        return image


Pictures = list[Image.Image] | list[np.ndarray] | list[Tensor] | np.ndarray | Tensor
GREYS = ("1", "L", "LA", "La", "I", "I;16", "I;16B", "I;16L", "I;16N", "F")
# Tags of EXIF and TIFF that a new file has of its own: sizes, strips, compression, orientation, profile.
LAYOUT = {*range(254, 264), 266, *range(273, 275), *range(277, 282), 284, *range(317, 348), 34675}
Source = str | Path | Image.Image | np.ndarray | Tensor | Photo


def listed(sources: Source | Sequence[Source]) -> list[Source]:
    """One picture, a list of them, or an array or tensor (B, …) of them, as a list."""
    if isinstance(sources, list | tuple) or (isinstance(sources, np.ndarray | Tensor) and sources.ndim == 4):
        return list(sources)
    return [sources]


def _arrays(images: list[Image.Image]) -> np.ndarray | list[np.ndarray]:
    """(H, W, C) in [0, 1]."""
    arrays = [np.asarray(image, dtype=np.float32) / 255 for image in images]
    return np.stack(arrays) if len({array.shape for array in arrays}) == 1 else arrays


def _tensors(images: list[Image.Image]) -> Tensor | list[Tensor]:
    """(C, H, W) in [0, 1]."""
    arrays = _arrays(images)
    if isinstance(arrays, np.ndarray):
        return torch.from_numpy(arrays).permute(0, 3, 1, 2)
    return [torch.from_numpy(array).permute(2, 0, 1) for array in arrays]


# output_type -> how pictures are handed back, one stack where all have one shape.
FORMATS: dict[str, Callable[[list[Image.Image]], Pictures]] = {"pil": list, "np": _arrays, "pt": _tensors}


@singledispatch
def photo(source: Source) -> Photo:
    """The picture of a file, a PIL image, an array (H, W) or (H, W, C), or a tensor (C, H, W); C = 1, 3 or 4.

    Arrays and tensors: uint8, uint16, bool (False black, True white), or floats in [0, 1]. InputError for others.
    """
    raise InputError(f"a {type(source).__name__} is no picture; give a path, a PIL image, an array or a tensor")


@photo.register
def _of_photo(known: Photo) -> Photo:
    return known


@photo.register(str)
@photo.register(Path)
def _of_file(path: str | Path) -> Photo:
    return replace(read(path, photo), stem=Path(path).stem)


@photo.register
def _of_pil(image: Image.Image) -> Photo:
    # 16-bit colours come out of Pillow as 8-bit without a word; only the yet unread file tells.
    tiles, file = getattr(image, "tile", []), getattr(image, "filename", "")
    notes = ["its 16 bits per channel are reduced to 8"] if image.mode == "I;16" or ";16" in str(tiles) else []
    if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:  # that is a JPEG of a camera with a preview
        notes.append("only its first frame is read")
    try:
        image.load()
        return replace(_developed(image, notes), stem=Path(file).stem if isinstance(file, str) and file else None)
    except InputError:
        raise
    except BROKEN as error:
        raise InputError(f"a picture cannot be read ({error}); {REMEDY}") from error


def _developed(image: Image.Image, notes: list[str]) -> Photo:
    """A picture whose file is read, with what was noted so far."""
    icc, grey = image.info.get("icc_profile"), image.mode in GREYS
    try:
        upright, exif = ImageOps.exif_transpose(image), _exif(image)
    except BROKEN:
        upright, exif, notes = image.copy(), None, [*notes, "its EXIF cannot be read and is left out"]
    if icc and upright.mode not in ("RGB", "RGBA", "P", "PA"):
        upright, icc, note = _to_srgb(upright, icc)
        notes = [*notes, note]
    alpha = None
    if upright.has_transparency_data:
        layers = upright.convert("RGBA")
        # What is transparent keeps its colours: nothing is laid behind it.
        upright, alpha = layers.convert("RGB"), np.array(layers.getchannel("A"))
    return Photo(np.array(rgb(upright)), alpha, grey, icc, exif, notes=tuple(notes))


@photo.register
def _of_array(array: np.ndarray) -> Photo:
    if array.ndim == 2:
        array = array[..., None]
    if array.ndim != 3 or array.shape[-1] not in (1, 3, 4) or not array.size:
        raise InputError(f"an array of shape {array.shape} is no picture; give (H, W), (H, W, 3) or (H, W, 4)")
    levels, notes = _levels(array)
    grey = array.shape[-1] == 1
    pixels = np.repeat(levels, 3, axis=-1) if grey else np.ascontiguousarray(levels[..., :3])
    return Photo(pixels, levels[..., 3].copy() if array.shape[-1] == 4 else None, grey, notes=notes)


@photo.register
def _of_tensor(tensor: Tensor) -> Photo:
    if tensor.ndim != 3:
        raise InputError(f"a tensor of shape {tuple(tensor.shape)} is no picture; give (C, H, W), C = 1, 3 or 4")
    tensor = tensor.detach().cpu()
    return _of_array((tensor.float() if tensor.is_floating_point() else tensor).permute(1, 2, 0).numpy())


def _levels(array: np.ndarray) -> tuple[np.ndarray, tuple[str, ...]]:
    """uint8 levels of an array, and what was lost."""
    if array.dtype == np.uint8:
        return array, ()
    if array.dtype == bool:
        return array.astype(np.uint8) * 255, ()
    if array.dtype == np.uint16:
        return (array >> 8).astype(np.uint8), ("its 16 bits per channel are reduced to 8",)
    if not np.issubdtype(array.dtype, np.floating):
        raise InputError(f"an array of {array.dtype} is no picture; give uint8, uint16, bool, or floats in [0, 1]")
    low, high = float(array.min()), float(array.max())
    if not (low >= 0 and high <= 1):  # not a number is neither
        raise InputError(f"a picture of floats reaches from {low:g} to {high:g}; give floats in [0, 1], or uint8")
    return np.rint(array * 255).astype(np.uint8), ()


def _exif(image: Image.Image) -> bytes | None:
    """What EXIF says about the picture and not about the layout of its file; thumbnails stay behind too."""
    exif = Image.Exif()
    exif.load(image.info.get("exif") or image.getexif().tobytes())
    for tag in LAYOUT & set(exif):
        del exif[tag]
    return exif.tobytes() if exif else None


def _to_srgb(image: Image.Image, icc: bytes) -> tuple[Image.Image, bytes | None, str]:
    """The picture in RGB, the profile that then holds, and what was done.

    Grey keeps its numbers: a grey profile does not fit RGB, and is seldom far from sRGB. The others are converted.
    """
    if image.mode in GREYS:
        return image, None, "its grey colour profile is left out"
    try:
        profile = ImageCms.ImageCmsProfile(io.BytesIO(icc))
        image = ImageCms.profileToProfile(image, profile, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError) as error:
        return image, None, f"its colour profile cannot be used ({error}) and is left out"
    return image, None, "its colours are converted to sRGB by its profile"
