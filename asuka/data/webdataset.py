"""data=webdataset: photographs out of tar shards, here or in a store, as if their folder were here."""

from asuka.data.folder import PhotoSets
from asuka.data.shards import Shards
from asuka.errors import InputError


class WebDataset(PhotoSets):
    """`data=webdataset data.root=SHARDS`: every JPEG, PNG and WebP of tar shards in webdataset's layout.

    Order, crops, holes and the held out share are those of `data=folder` on the unpacked shards: the same losses, and
    the same run after every kill. For that each picture is read by itself, by one request for its part of a shard.
    Knobs, captions and what becomes of an unreadable picture are as there.
    """

    word = "webdataset"

    def __init__(self, root: str | None, val: str | None, size: int, dev: float, zoom: float, max_bad: float):
        """InputError where a shard is missing, damaged or another than its index says, or none holds a picture."""
        if root is None:
            raise InputError("data.root is not set; give a folder of shards: data=webdataset data.root=DIR")
        super().__init__(Shards(root), None if val is None else Shards(val), size, dev, zoom, max_bad)
