"""What data sets share that are there to be measured on, and never trained on."""

from asuka.data.files import Files
from asuka.data.made import Made
from asuka.data.masks import Holes
from asuka.errors import InputError
from asuka.stems import by_stem


class Measured:
    """A data set without a training half; `word` is its option."""

    word: str

    @property
    def train(self) -> None:
        """InputError: it is no training data."""
        raise InputError(
            f"data={self.word} is there to be measured on, not to be trained on; train with data=folder data.root=DIR"
        )

    val = train

    def opened(self, root: str | None) -> Files:
        """What lies below data.root. InputError where it is not set or holds no picture."""
        if root is None:
            raise InputError(f"data.root is not set; say where the pictures are: data={self.word} data.root=DIR")
        return Files(root)


class OwnHoles(Measured):
    """A benchmark that brings its masks along."""

    made: Made

    def pairs(self, holes: Holes | None, per_photo: int, seed: int) -> Made:
        """Its pairs; `seed` is not read. InputError where other holes, or several, are asked for."""
        if holes is not None:
            raise InputError(f"data={self.word} brings its own holes; leave masks=… out")
        if per_photo != 1:
            raise InputError(f"holes={per_photo}: data={self.word} has one hole in each picture; leave holes=… out")
        return self.made


def below(files: Files, folder: str) -> dict[str, str]:
    """The pictures below a folder by their path from there without suffix. InputError where two share one."""
    start = f"{folder.strip('/')}/"
    found = by_stem(files.root, [name for name in files.pictures if name.startswith(start)])
    return {name.removeprefix(start): path for name, path in found.items()}
