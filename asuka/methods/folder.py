"""Results that somebody else made, looked up by the names of their pairs."""

import hashlib
import warnings
from collections import defaultdict
from pathlib import Path

import torch
from torch import Tensor

from asuka.batch import Batch
from asuka.errors import InputError, InputWarning
from asuka.image import read, to_tensor, upright_rgb
from asuka.methods.inpainter import Inpainter
from asuka.stems import SUFFIXES, stem


class FolderInpainter(Inpainter):
    """`method=folder method.path=DIR`: the result of pair NAME is DIR/NAME.png, or of another suffix.

    Names may hold folders. Results are whole pictures of their pair's size; nothing is resized. JPEGs are warned of.
    """

    def __init__(self, path: str | None):
        super().__init__()
        if path is None:
            raise InputError("method.path is not set; give the folder of the results: method=folder method.path=DIR")
        self.path, self._files = Path(path), defaultdict(list)
        if not self.path.is_dir():
            raise InputError(f"method.path={path}: no such folder; give the folder of the results")
        for file in sorted(self.path.rglob("*")):
            if file.suffix.lower() in SUFFIXES:
                self._files[stem(file.relative_to(self.path).as_posix())].append(file)
        compressed = sum(file.suffix.lower() in (".jpg", ".jpeg") for files in self._files.values() for file in files)
        if compressed:
            warnings.warn(
                f"{path}: {compressed} of the results are JPEGs, whose compression changes scores; PNGs are better",
                InputWarning,
                stacklevel=2,
            )

    def mark(self, name: str) -> str:
        """A hash of the result of that name; "" where there is none."""
        return "".join(hashlib.sha256(file.read_bytes()).hexdigest()[:16] for file in self._files.get(name, []))

    def forward(self, batch: Batch) -> Tensor:
        """InputError for a pair without a result or with two, and for one of another size."""
        size = (batch.image.shape[-1], batch.image.shape[-2])
        return torch.stack([self._result(name, size) for name in batch.name]).to(batch.image)

    def _result(self, name: str, size: tuple[int, int]) -> Tensor:
        """(3, H, W) in [-1, 1]; `size` is (width, height)."""
        files = self._files.get(name, [])
        if len(files) != 1:
            found = f"there are {' and '.join(file.name for file in files)}" if files else "there is no result"
            raise InputError(f"{self.path / name}: {found}; one picture {name}.png is wanted")
        image = read(files[0], upright_rgb)
        if image.size != size:
            raise InputError(
                f"{files[0]} has {image.size[0]} x {image.size[1]} pixels and its pair {size[0]} x {size[1]}; results "
                "are not resized: make it of the photograph's size"
            )
        return to_tensor(image)
