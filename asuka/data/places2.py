"""Places2's validation photographs, with holes that are drawn."""

from pathlib import Path

from asuka.data.files import Files
from asuka.data.made import Made, Photographs, drawn
from asuka.data.masks import Holes
from asuka.data.measured import Measured
from asuka.errors import InputError
from asuka.stems import shown

COUNT = 36_500  # of the validation set, Places365_val_00000001.jpg and on


class Places2(Measured):
    """`data=places2 data.root=DIR masks=paper`: DIR is `val_large`, `val_256` or any folder or zip file of photographs.

    `listing` names a file with one path below DIR a line (a category's number behind it is passed over); without it all
    photographs count. Measured on is the central size x size window of each, nothing scaled; what is smaller is
    continued by its mirror image to the right and below, as MAT measures. The paper's holes are `masks=paper`.
    """

    word = "places2"

    def __init__(self, root: str | None, listing: str | None, size: int):
        if size < 8:
            raise InputError(f"data.size={size}: too small for a picture; give 8 or more")
        self._files, self._size = self.opened(root), size
        self._pictures = _listed(self._files, listing) if listing else self._files.pictures

    def pairs(self, holes: Holes | None, per_photo: int, seed: int) -> Made:
        """Every photograph with `per_photo` drawn holes; hole k is a function of (seed, path without suffix, k)."""
        pictures = [(name, self._files.caption(name)) for name in self._pictures]
        words = {"data": self.word, "size": self._size}
        return drawn(Photographs(self._files), pictures, "window", self._size, holes, per_photo, seed, words)

    def check_whole(self) -> None:
        """InputError, listing them, where photographs of the validation set are missing or others are there."""
        wanted = [f"Places365_val_{number:08d}" for number in range(1, COUNT + 1)]
        there = {Path(name).stem: name for name in self._pictures}
        missing = [name for name in wanted if name not in there]
        surplus = [there[name] for name in sorted(there.keys() - set(wanted))]
        problems = [f"{len(missing)} missing: {shown(missing)}"] * bool(missing)
        problems += [f"{len(surplus)} surplus: {shown(surplus)}"] * bool(surplus)
        if problems:
            raise InputError(
                f"{self._files.root} is not the validation set of {COUNT} photographs: {'; '.join(problems)}; "
                "unpack it again, or list the part that counts"
            )

    def summary(self) -> str:
        """One line: how many there are."""
        return f"Places2: {len(self._pictures)} pictures in {self._files.root}, at {self._size} x {self._size}"


def _listed(files: Files, path: str) -> list[str]:
    """The photographs that a list names, in its order. InputError for those that are not there or come twice."""
    there, found, missing = set(files.pictures), {}, []
    try:
        lines = Path(path).read_text("utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"data.listing={path}: cannot be read ({error}); give a text file of paths") from error
    for line in lines:
        name, _, number = line.strip().rpartition(" ")
        name = name if name and number.isdecimal() and line.strip() not in there else line.strip()
        name = name.removeprefix("/")
        if name and name not in there:
            missing.append(name)
        elif name and name in found:
            raise InputError(f"{path}: {name} stands there twice; take one of them out")
        elif name:
            found[name] = None
    if missing or not found:
        what = f"{len(missing)} missing: {shown(missing)}" if missing else "it names no picture"
        raise InputError(f"{path}: {what}; give one path below {files.root} a line")
    return [*found]
