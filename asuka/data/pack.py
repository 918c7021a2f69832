"""One file of small JPEGs out of a folder of photographs: quick to copy, quick to read."""

import csv
import io
import zipfile
from pathlib import Path

from PIL import Image
from tqdm import tqdm

from asuka.data.files import Files
from asuka.errors import InputError

QUALITIES = (90, 80, 70, 55, 40)


def pack(root: str | Path, file: Path, side: int = 160, limit: float = 40.0) -> None:
    """Write the pictures of `root` (short side `side`, JPEG) and their captions into one zip of `limit` MB at most.

    Names stay, so that splits by name stay. The best quality that fits is taken; InputError where none does. A file
    packed from the same folder before is left as it is.
    """
    origin = str(Path(root).resolve()).encode()
    if file.exists():
        with zipfile.ZipFile(file) as archive:
            if archive.comment == origin:
                return
        raise InputError(f"{file} was packed from {archive.comment.decode()}, not {root}; choose another run folder")
    files = Files(root)
    for quality in QUALITIES:
        half = file.with_suffix(".part")
        _write(files, half, side, quality, origin)
        if half.stat().st_size <= limit * 1e6:
            half.replace(file)
            return
        half.unlink()
    raise InputError(f"{root}: {len(files.pictures)} pictures do not fit into {limit} MB; give fewer")


def _write(files: Files, file: Path, side: int, quality: int, origin: bytes) -> None:
    table = io.StringIO()
    rows = csv.writer(table)
    rows.writerow(("path", "caption"))
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        archive.comment = origin
        for name in tqdm(files.pictures, desc=f"packing at quality {quality}", unit="picture", mininterval=1):
            small = str(Path(name).with_suffix(".jpg").as_posix())
            archive.writestr(small, _jpeg(files.open(name), side, quality))
            rows.writerow((small, files.caption(name)))
        archive.writestr("captions.csv", table.getvalue())


def _jpeg(image: Image.Image, side: int, quality: int) -> bytes:
    factor = min(side / min(image.size), 1)
    size = tuple(max(round(length * factor), 1) for length in image.size)
    buffer = io.BytesIO()
    image.resize(size, Image.Resampling.LANCZOS).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()
