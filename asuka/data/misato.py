"""MISATO, the paper's benchmark: photographs of four domains, each with one mask."""

from asuka.data.made import Made, MaskFile, Photographs, Recipe
from asuka.data.measured import OwnHoles, below
from asuka.errors import InputError
from asuka.stems import shown

# Side of its squares -> pairs; the larger version lacks the last domain.
PAIRS = {512: 2000, 1024: 1500}
GROUPS = ("landscape", "indoor", "building", "background")  # 500 numbers each
IMAGES, MASKS = "image", "mask"


class Misato(OwnHoles):
    """`data=misato data.root=DIR`, DIR (a folder or zip file) being the unpacked `512` or `1024`.

    `image/NNNN.png` goes with `mask/NNNN.png`, or with `mask/00NNNN.png` as the authors' loader has it for 1024; other
    suffixes are as good. The side of the first picture tells which version it is. InputError, listing them, where
    pictures or masks are missing or surplus.
    """

    word = "misato"

    def __init__(self, root: str | None):
        files = self.opened(root)
        images, masks = (below(files, folder) for folder in (IMAGES, MASKS))
        if not images or not masks:
            raise InputError(
                f"{root}: no picture in {IMAGES if not images else MASKS}/; data.root is the folder that holds "
                f"{IMAGES}/ and {MASKS}/, one of the two that MISATO is unpacked to"
            )
        first = files.open(next(iter(images.values()))).size
        if first[0] != first[1] or first[0] not in PAIRS:
            raise InputError(
                f"{root}: its first picture has {first[0]} x {first[1]} pixels; MISATO has 512 x 512 or 1024 x 1024: "
                f"measure on other pairs with data=pairs data.images={IMAGES} data.masks={MASKS}"
            )
        numbers = [f"{number:04d}" for number in range(PAIRS[first[0]])]
        prefix = "00" if sum(len(name) == 6 for name in masks) > len(masks) / 2 else ""
        matched = {number: prefix + number for number in numbers}
        _check(str(root), images, masks, matched)
        recipes = [
            Recipe(number, images[number], "whole", 0, MaskFile(masks[mask]), GROUPS[int(number) // 500])
            for number, mask in matched.items()
        ]
        self.made = Made(Photographs(files), recipes, {"data": self.word})

    def summary(self) -> str:
        """One line: how many there are."""
        return f"MISATO: {self.made.summary()}; 500 of each domain"


def _check(root: str, images: dict[str, str], masks: dict[str, str], matched: dict[str, str]) -> None:
    """InputError with all that is missing and surplus."""
    problems = []
    for what, there, wanted in ((IMAGES, images, matched.keys()), (MASKS, masks, matched.values())):
        missing = [f"{what}/{name}" for name in wanted if name not in there]
        surplus = sorted(there[name] for name in there.keys() - set(wanted))
        problems += [f"{len(missing)} missing: {shown(missing)}"] * bool(missing)
        problems += [f"{len(surplus)} surplus: {shown(surplus)}"] * bool(surplus)
    if problems:
        raise InputError(f"{root} is no whole MISATO of {len(matched)} pairs: {'; '.join(problems)}; unpack it again")
