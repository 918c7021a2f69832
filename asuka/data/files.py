"""The pictures of a folder, or of one zip file, with captions where there are any."""

import csv
import io
import lzma
import os
import zipfile
import zlib
from functools import lru_cache
from pathlib import Path, PurePath

from PIL import Image

from asuka.errors import InputError
from asuka.image import MOST_BYTES, PictureError, contents, decode, upright_rgb

SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
REMEDY = "mend or remove this file"
# All that zipfile was seen to raise at damaged bytes.
BROKEN_ZIP = (zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, ValueError, RuntimeError)


class Files:
    """The picture files below a folder or inside a zip file, by their path from its root, in sorted order."""

    def __init__(self, root: str | Path):
        self.root = Path(root)
        if not self.root.exists():
            raise InputError(f"data.root={root}: no such folder; give a folder of photographs, or data=synthetic")
        self.zipped = self.root.is_file()
        if self.zipped and not zipfile.is_zipfile(self.root):
            raise InputError(f"data.root={root}: neither a folder nor a zip file; give a folder of photographs")
        self.names = set(self._zip.namelist() if self.zipped else self._walk())
        self.pictures = sorted(name for name in self.names if is_picture(Path(name)))
        self._texts = {name for name in self.names if name.endswith(".txt")}
        if not self.pictures:
            raise InputError(f"data.root={root}: no JPEG, PNG or WebP below it; give a folder of photographs")
        self._captions = self._read_captions() if "captions.csv" in self.names else {}

    def open(self, name: str) -> Image.Image:
        """Picture `name`, upright and RGB. PictureError where its bytes are none."""
        return decode(self.read(name), self.place(name), REMEDY, upright_rgb)

    def place(self, name: str) -> Path:
        """Where file `name` lies, for a person."""
        return self.root / name

    def size(self, name: str) -> int:
        """The bytes that file `name` has."""
        return self._zip.getinfo(name).file_size if self.zipped else (self.root / name).stat().st_size

    def caption(self, name: str) -> str:
        """The caption of picture `name`; empty where there is none."""
        text = str(Path(name).with_suffix(".txt").as_posix())
        if name not in self._captions and text in self._texts:
            try:
                self._captions[name] = self.read(text).decode("utf-8-sig").strip()
            except UnicodeDecodeError as error:
                raise InputError(f"{self.root / text}: is not UTF-8 ({error}); save it as UTF-8") from error
        return self._captions.get(name, "")

    def _walk(self) -> list[str]:
        return [path.relative_to(self.root).as_posix() for path in self.root.rglob("*") if path.is_file()]

    def read(self, name: str) -> bytes:
        """The bytes of a file. InputError where they cannot be had."""
        return self._unpacked(name) if self.zipped else contents(self.root / name)

    def _unpacked(self, name: str) -> bytes:
        if name not in self.names:
            raise InputError(f"{self.root / name}: no such file; copy or pack {self.root} again")
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
            rows = csv.DictReader(io.StringIO(self.read("captions.csv").decode("utf-8-sig")))
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


def is_picture(path: PurePath) -> bool:
    """By its suffix; hidden files and the litter of macOS archives are none."""
    return path.suffix.lower() in SUFFIXES and not any(part.startswith((".", "__MACOSX")) for part in path.parts)
