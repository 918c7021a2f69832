"""Which files belong together: those with one path but for the suffix."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from asuka.errors import InputError

SUFFIXES = (".bmp", ".jpg", ".jpeg", ".png", ".tif", ".tiff", ".webp")
SHOWN = 10  # names in a sentence


def stem(name: str) -> str:
    """A path without its suffix."""
    return Path(name).with_suffix("").as_posix()


def by_stem(root: Path, names: Iterable[str]) -> dict[str, str]:
    """Files below `root` by their path without suffix, in the order given. InputError where one name stands for two."""
    found: dict[str, str] = {}
    for name in names:
        other = found.setdefault(stem(name), name)
        if other != name:
            raise InputError(f"{root / other} and {root / name} have one name but for the suffix; rename one of them")
    return found


def check_partners(images: Mapping[str, object], masks: Mapping[str, object]) -> None:
    """InputError, listing them, where files (by stem) have no partner."""
    lonely = [f"{images[one]} has no mask" for one in images if one not in masks]
    lonely += [f"{masks[one]} has no image" for one in masks if one not in images]
    if lonely:
        raise InputError(f"{shown(lonely, '; ')}; files go together by their names without suffix")


def shown(words: Sequence[str], between: str = ", ") -> str:
    """The first of many words, and how many more there are."""
    more = [f"and {len(words) - SHOWN} more"] if len(words) > SHOWN else []
    return between.join([*words[:SHOWN], *more])
