"""Folders of pictures some of which cannot be read, and what is done with them in every test of these."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

from asuka.batch import Batch
from asuka.data.folder import Folder
from asuka.data.ledger import Ledger
from asuka.data.masks import Strokes
from asuka.data.stream import Visits, training_batches

BAD = (3, 4, 11, 30)  # of 40; two of them one after the other


def encoded(seed: int, form: str = "PNG") -> bytes:
    cells = np.random.default_rng(seed).integers(0, 256, (6, 8, 3), dtype=np.uint8)
    file = io.BytesIO()
    Image.fromarray(cells).resize((32, 24), Image.Resampling.NEAREST).save(file, form)
    return file.getvalue()


def bomb(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says it is so large."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", zlib.compress(bytes(99))) + chunk(b"IEND", b"")


BROKEN = {
    "empty": (b"", "it is empty"),
    "text": (b"<html>not found</html>", "its first bytes are none of JPEG, PNG, WEBP,"),
    "truncated": (encoded(0)[: len(encoded(0)) // 2], "truncated"),
    "truncated JPEG": (encoded(0, "JPEG")[:-200], "truncated"),
    "huge": (bomb(60000, 60000), "3600000000 pixels"),
    "program": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "its first bytes are none of"),
}


def folder_of(root: Path, bad: dict[int, bytes], count: int = 40) -> Path:
    root.mkdir()
    for number in range(count):
        (root / f"{number:03d}.png").write_bytes(bad.get(number, encoded(number)))
    return root


def holed_folder(root: Path) -> Path:
    """Forty pictures; those in BAD cannot be read, each for another reason."""
    return folder_of(
        root, {number: data for number, (data, _) in zip(BAD, list(BROKEN.values())[: len(BAD)], strict=True)}
    )


def data(root: Path, max_bad: float = 0.2) -> Folder:
    return Folder(root, size=16, dev=0.3, max_bad=max_bad)


def train_visits(root: Path, max_bad: float = 0.2) -> Visits:
    return Visits(data(root, max_bad).train, Strokes(), 5)


def batches(visits: Visits, ledger: Ledger, steps: int, workers: int = 0) -> list[Batch]:
    return [batch for (batch,) in training_batches(visits, 0, steps, 8, 1, 0, 1, workers, ledger)]


def ledger(folder: Path, said: list[str]) -> Ledger:
    return Ledger(folder / "unreadable.jsonl", said.append)
