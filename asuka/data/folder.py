"""A folder (or one zip file) of photographs, with captions where there are any."""

import csv
import hashlib
import io
import lzma
import math
import os
import re
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path

import numpy as np
from PIL import Image

from asuka.data.picture import Picture
from asuka.errors import InputError
from asuka.image import MOST_BYTES, PictureError, contents, decode, upright_rgb

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
REMEDY = "mend or remove this file"
# All that zipfile was seen to raise at damaged bytes.
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError)


class Folder:
    """`data=folder data.root=DIR`: every JPEG, PNG and WebP below DIR, or inside the zip file DIR.

    Captions come from `captions.csv` (path,caption) at the root, or from a .txt beside a picture. A share `dev` of
    the pictures, chosen by a hash of their path, is never trained on; it is the validation set unless `val` names
    another folder. Crops are square, scaled to `size`; smaller pictures are scaled up. Pictures that cannot be read
    are left out, and stop a training that meets more of them than the share `max_bad` of all pictures.
    """

    def __init__(
        self,
        root: str | None,
        val: str | None = None,
        size: int = 128,
        dev: float = 0.02,
        zoom: float = 0.7,
        max_bad: float = 0.01,
    ):
        """Crops have `zoom`..1 of the short side. InputError where `root` holds no picture."""
        if root is None:
            raise InputError("data.root is not set; give a folder of photographs: data=folder data.root=DIR")
        if not (0 < zoom <= 1 and 0 <= dev < 1 and size >= 8 and 0 <= max_bad < 1):
            raise InputError(
                f"data.zoom={zoom}, data.dev={dev}, data.size={size}, data.max_bad={max_bad}: zoom must lie above 0 "
                "and be at most 1, dev and max_bad from 0 to below 1, size 8 or more"
            )
        files = Files(root)
        other = files if val is None else Files(val)
        held = {name for name in files.pictures if _share(name) < dev}
        rest = [name for name in files.pictures if name not in held]
        total = len(rest) + len(held if val is None else other.pictures)
        allowed = math.floor(max_bad * total + 1e-9)  # 0.29 of 100 is 29, though the product lies below
        self.train = Photos(files, rest, size, zoom, allowed)
        self.val = Photos(other, sorted(held) if val is None else other.pictures, size, zoom, allowed)
        for split, photos in (("train", self.train), ("validation", self.val)):
            if not len(photos):
                raise InputError(
                    f"{root}: no picture for the {split} set among {len(files.pictures)}; "
                    "give more pictures, or name a validation folder with data.val=DIR"
                )

    def summary(self) -> str:
        return f"{self.train.summary()}; validation: {self.val.summary()}"


class Photos:
    """Some pictures of a folder, seen as random or central squares; `allowed` of them may be unreadable."""

    def __init__(self, files: "Files", names: list[str], size: int, zoom: float, allowed: int):
        self.files, self.names, self.size, self.zoom, self.allowed = files, names, size, zoom, allowed

    def __len__(self) -> int:
        return len(self.names)

    def summary(self) -> str:
        captioned = sum(bool(self.files.caption(name)) for name in self.names)
        return f"{len(self)} pictures and {captioned} captions in {self.files.root}"

    def captions(self) -> list[str]:
        return [self.files.caption(name) for name in self.names]

    def crop(self, index: int, rng: np.random.Generator) -> Picture:
        """A random square of picture `index`; half of them mirrored, where left and right swap in the caption."""
        name = self.names[index]
        image = self.files.open(name)
        side = max(int(round(min(image.size) * rng.uniform(self.zoom, 1))), 1)
        left, top = (int(rng.integers(0, length - side + 1)) for length in image.size)
        square, caption = self._square(image, left, top, side), self.files.caption(name)
        if rng.random() < 0.5:
            return Picture(np.ascontiguousarray(square[:, ::-1]), _mirror(caption), name)
        return Picture(square, caption, name)

    def centre(self, index: int) -> Picture:
        """The largest central square of picture `index`."""
        name = self.names[index]
        image = self.files.open(name)
        side = min(image.size)
        left, top = ((length - side) // 2 for length in image.size)
        return Picture(self._square(image, left, top, side), self.files.caption(name), name)

    def _square(self, image: Image.Image, left: int, top: int, side: int) -> np.ndarray:
        box = (left, top, left + side, top + side)
        return np.asarray(image.resize((self.size, self.size), Image.Resampling.BICUBIC, box=box))


class Files:
    """The picture files below a folder or inside a zip file, by their path from its root, in sorted order."""

    def __init__(self, root: str | Path):
        self.root = Path(root)
        if not self.root.exists():
            raise InputError(f"data.root={root}: no such folder; give a folder of photographs, or data=synthetic")
        self.zipped = self.root.is_file()
        if self.zipped and not zipfile.is_zipfile(self.root):
            raise InputError(f"data.root={root}: neither a folder nor a zip file; give a folder of photographs")
        names = self._zip.namelist() if self.zipped else self._walk()
        self.pictures = sorted(name for name in names if _is_picture(Path(name)))
        self._texts = {name for name in names if name.endswith(".txt")}
        if not self.pictures:
            raise InputError(f"data.root={root}: no JPEG, PNG or WebP below it; give a folder of photographs")
        self._captions = self._read_captions() if "captions.csv" in names else {}

    def open(self, name: str) -> Image.Image:
        """Picture `name`, upright and RGB. PictureError where its bytes are none."""
        return decode(self._read(name), self.root / name, REMEDY, upright_rgb)

    def caption(self, name: str) -> str:
        """The caption of picture `name`; empty where there is none."""
        text = str(Path(name).with_suffix(".txt").as_posix())
        if name not in self._captions and text in self._texts:
            try:
                self._captions[name] = self._read(text).decode("utf-8-sig").strip()
            except UnicodeDecodeError as error:
                raise InputError(f"{self.root / text}: is not UTF-8 ({error}); save it as UTF-8") from error
        return self._captions.get(name, "")

    def _walk(self) -> list[str]:
        return [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]

    def _read(self, name: str) -> bytes:
        return self._unpacked(name) if self.zipped else contents(self.root / name)

    def _unpacked(self, name: str) -> bytes:
        try:
            size = self._zip.getinfo(name).file_size
            if size > MOST_BYTES:  # a few kilobytes may unpack to more than there is memory
                raise PictureError(self.root / name, f"it has {size >> 20} MiB", REMEDY)
            return self._zip.read(name)
        except BROKEN_ZIP as error:
            raise PictureError(self.root / name, str(error) or type(error).__name__, REMEDY) from error
        except OSError as error:
            raise InputError(f"{self.root}: cannot be read ({error}); copy or pack it again") from error

    def _read_captions(self) -> dict[str, str]:
        try:
            rows = csv.DictReader(io.StringIO(self._read("captions.csv").decode("utf-8-sig")))
        except UnicodeDecodeError as error:
            raise InputError(f"{self.root}/captions.csv: is not UTF-8 ({error}); save it as UTF-8") from error
        header = rows.fieldnames or []
        if not {"path", "caption"} <= set(header):
            raise InputError(f"{self.root}/captions.csv: its header is {','.join(header)}; it must be path,caption")
        return {row["path"]: (row["caption"] or "").strip() for row in rows}

    @property
    def _zip(self) -> zipfile.ZipFile:
        return _open_zip(self.root, os.getpid())


@lru_cache(maxsize=8)
def _open_zip(path: Path, process: int) -> zipfile.ZipFile:
    """One open file per process: forked loader workers that shared one would move each other's position."""
    try:
        return zipfile.ZipFile(path)
    except BROKEN_ZIP as error:
        raise InputError(f"{path}: cannot be read as a zip file ({error}); copy or pack it again") from error


def _is_picture(path: Path) -> bool:
    """By its suffix; hidden files and the litter of macOS archives are none."""
    return path.suffix.lower() in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in path.parts)


def _share(name: str) -> float:
    """A number in [0, 1) that depends on the path alone, and not on its suffix: a packed folder splits alike."""
    stem = Path(name).with_suffix(".jpg").as_posix()
    return int.from_bytes(hashlib.blake2b(stem.encode("utf-8", "surrogatepass"), digest_size=6).digest(), "big") / 2**48


def _mirror(caption: str) -> str:
    swap = {"left": "right", "right": "left"}
    return re.sub(r"\b(left|right)\b", lambda match: swap[match.group()], caption)
