"""What scripts/cache_empty_text.py does."""

from pathlib import Path

from asuka.diffusion.flux_folder import encode_empty, write_empty
from asuka.diffusion.quiet import quiet_libraries


def cache(folder: Path) -> None:
    """All of it, as the script's page of help says."""
    quiet_libraries()
    print(write_empty(folder, *encode_empty(folder)))
