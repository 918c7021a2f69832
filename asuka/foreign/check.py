"""Whether a file is the one it should be."""

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """The 64 hexadecimal digits of a file's sha256."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def fault(path: Path, size: int | None, sha256: str | None) -> str | None:
    """What is wrong with a file, in words, or None; a size or hash that is None is not asked for."""
    actual = path.stat().st_size
    if size is not None and actual != size:
        return f"it has {actual} bytes and should have {size}"
    if sha256 is not None and (found := sha256_of(path)) != sha256:
        return f"its sha256 is {found[:16]}… and should be {sha256[:16]}…"
    return None
