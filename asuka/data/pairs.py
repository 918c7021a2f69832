"""Photographs and masks of one's own that go together by their names."""

from asuka.data.made import Made, MaskFile, Photographs, Recipe
from asuka.data.measured import OwnHoles, below
from asuka.errors import InputError
from asuka.stems import check_partners


class ImagesAndMasks(OwnHoles):
    """`data=pairs data.root=DIR`: JPEG, PNG and WebP below DIR/images and DIR/masks, the same path but for the suffix.

    White is hole. Nothing is resized. The first folder of a picture's path is its group. DIR may be a zip file.
    InputError, listing them, where files have no partner.
    """

    word = "pairs"

    def __init__(self, root: str | None, images: str, masks: str):
        files = self.opened(root)
        photos, holes = (below(files, folder) for folder in (images, masks))
        for folder, found in ((images, photos), (masks, holes)):
            if not found:
                raise InputError(
                    f"{files.root / folder}: no JPEG, PNG or WebP below it; name the two folders below data.root: "
                    "data.images=… data.masks=…"
                )
        check_partners(*({name: files.root / path for name, path in found.items()} for found in (photos, holes)))
        self.made = Made(
            Photographs(files),
            [
                Recipe(name, path, "whole", 0, MaskFile(holes[name]), _group(name), files.caption(path))
                for name, path in photos.items()
            ],
            {"data": self.word},
        )

    def summary(self) -> str:
        """One line: how many there are, and in how many groups."""
        groups = sorted(set(self.made.groups) - {""})
        return self.made.summary() + (f"; groups {', '.join(groups)}" if groups else "")


def _group(name: str) -> str:
    return name.partition("/")[0] if "/" in name else ""
