"""Damaged and odd files, as photo and as mask: each ends in a right picture or in one sentence, in training and at the
front door."""

import io
import struct
import zlib
from collections import Counter
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from asuka import AsukaPipeline
from asuka.data.folder import Files, Photos
from asuka.data.masks import Mixed
from asuka.data.stream import Visits
from asuka.data.synthetic import draw
from asuka.errors import InputError
from asuka.hole import MaskReader
from asuka.image import PictureError, read, upright_rgb
from asuka.photo import photo as opened
from asuka.seeding import seed_of

SIDE, NEIGHBOURS = 96, 3
WAYS = {
    "JPEG": ("RGB", {"format": "JPEG", "quality": 90}),
    "progressive JPEG": ("RGB", {"format": "JPEG", "progressive": True}),
    "grey JPEG": ("L", {"format": "JPEG"}),
    "CMYK JPEG": ("CMYK", {"format": "JPEG"}),
    "PNG": ("RGB", {"format": "PNG"}),
    "PNG with alpha": ("RGBA", {"format": "PNG"}),
    "palette PNG": ("P", {"format": "PNG"}),
    "grey PNG": ("L", {"format": "PNG"}),
    "1-bit PNG": ("1", {"format": "PNG"}),
    "WebP": ("RGB", {"format": "WEBP"}),
    "lossless WebP": ("RGB", {"format": "WEBP", "lossless": True}),
    "GIF": ("P", {"format": "GIF"}),
    "BMP": ("RGB", {"format": "BMP"}),
    "TIFF": ("RGB", {"format": "TIFF"}),
}
SUFFIXES = (".jpg", ".png", ".webp", ".JPEG")
SIZES = ((1, 1), (1, 2), (2, 3), (7, 1), (300, 3), (20000, 10), (10, 20000))
KINDS = (
    *("untouched", "bits", "bits", "bits", "bytes", "head", "cut", "cut", "zeros", "inserted", "removed"),
    *("empty", "no picture", "odd size", "odd size", "two sizes", "huge"),
)
WHOLE = ("untouched", "odd size")  # these are good files: a sentence would be wrong


@cache
def scene(number: int) -> Image.Image:
    return Image.fromarray(draw(number, SIDE).image)


def encoded(image: Image.Image, way: str) -> bytes:
    mode, options = WAYS[way]
    file = io.BytesIO()
    image.convert(mode).save(file, **options)
    return file.getvalue()


def harmed(data: bytes, kind: str, rng: np.random.Generator) -> bytes:
    """The bytes of a file after `kind` has happened to them."""
    new, place = bytearray(data), int(rng.integers(len(data)))
    if kind in ("bits", "bytes", "head"):
        reach = min(len(new), 200) if kind == "head" else len(new)
        for _ in range(rng.choice([1, 2, 8, 40])):
            at, value = rng.integers(reach), int(rng.integers(256))
            new[at] = new[at] ^ (1 << value % 8) if kind == "bits" else value
    elif kind == "cut":
        del new[place:]
    elif kind == "zeros":
        new[place : place + 300] = bytes(len(new[place : place + 300]))
    elif kind == "inserted":
        new[place:place] = rng.bytes(rng.integers(1, 60))
    elif kind == "removed":
        del new[place : place + int(rng.integers(1, 60))]
    elif kind == "empty":
        new.clear()
    elif kind == "no picture":
        new = rng.choice([b"<html>404</html>", b"PK\x03\x04", b"%!PS-Adobe-3.0 EPSF-3.0\n", rng.bytes(500)])
    elif kind == "huge":  # a PNG that says it is large and has not the pixels for it
        head = b"IHDR" + struct.pack(">IIBBBBB", int(rng.choice([9000, 70000])), 9000, 8, 2, 0, 0, 0)
        new = b"\x89PNG\r\n\x1a\n" + struct.pack(">I", 13) + head + struct.pack(">I", zlib.crc32(head)) + data[33:]
    return bytes(new)


def case(number: int, photos: list[Image.Image], folder: Path) -> tuple[str, Path, Path, str]:
    """What happens in this case: its kind, a photo, a mask, and the name of the one it happens to."""
    rng = np.random.default_rng(seed_of("corruption", number))
    kind, victim = KINDS[number % len(KINDS)], str(rng.choice(["photo", "mask"]))
    photo = photos[rng.integers(len(photos))]
    width, height = SIZES[rng.integers(len(SIZES))] if kind == "odd size" else photo.size
    hole = np.zeros((height, width), np.uint8)
    wide, high = min(width, SIDE), min(height, SIDE)  # a hole as long as the longest picture would be all that is seen
    top, left = rng.integers(height - high + 1), rng.integers(width - wide + 1)
    hole[top : top + high, left : left + wide] = Mixed()(rng, high, wide) if wide * high > 1 else 1
    pictures = {"photo": photo.resize((width, height)), "mask": Image.fromarray(255 * hole)}
    if kind == "two sizes":
        pictures[victim] = pictures[victim].resize((width + 1, height))
    files = {}
    for name, picture in pictures.items():
        ways = [way for way in WAYS if max(picture.size) < 16384 or "WebP" not in way]  # it has no longer ones
        data = encoded(picture, rng.choice(ways))
        files[name] = folder / f"{name}{rng.choice(SUFFIXES)}"
        files[name].write_bytes(harmed(data, kind, rng) if name == victim else data)
    return kind, files["photo"], files["mask"], files[victim].name


def sentence(error: InputError, *names: str) -> str:
    """`sentence`, if it is one line that names what is wrong and what to do."""
    text = str(error)
    assert "\n" not in text and "; " in text and "Traceback" not in text and "0x" not in text
    assert all(name in text for name in names)
    return "sentence"


def trained_on(folder: Path, name: str) -> str:
    """How the file `name` fares among good neighbours in training and validation."""
    photos = Photos(Files(folder), sorted(file.name for file in folder.iterdir()), 32, 0.7, 0)
    visits, count = Visits(photos, Mixed(), 0), len(photos)
    items = [visits[visit] for visit in range(count)]
    for item in items:
        assert (item.image.shape, item.image.dtype, item.mask.shape) == ((32, 32, 3), np.uint8, (32, 32))
    skipped = {Path(one.path).name for item in items for one in item.passed}
    try:
        square = photos.centre(photos.names.index(name)).image
    except PictureError as error:
        assert skipped == {name} and name not in {item.name for item in items}
        return sentence(error, name)
    assert not skipped and sorted(item.name for item in items) == photos.names
    image = read(folder / name, upright_rgb)
    side = min(image.size)
    left, top = ((length - side) // 2 for length in image.size)
    box = (left, top, left + side, top + side)
    assert np.array_equal(square, np.array(image.resize((32, 32), Image.Resampling.BICUBIC, box=box)))
    return "picture"


def filled(pipeline: AsukaPipeline, photo: Path, mask: Path, victim: str) -> str:
    """How the two files fare at the front door."""
    try:
        result = pipeline(photo, mask, num_inference_steps=1).images[0]
    except InputError as error:  # damaged; or two sizes, or nothing left to fill
        return sentence(error, *[victim] * isinstance(error, PictureError))
    truth = opened(photo)
    known = ~MaskReader()(opened(mask), result.size, victim)
    assert np.array_equal(np.array(result)[known], np.array(truth.image(truth.pixels))[known])
    return "picture"


def survive(pipeline: AsukaPipeline, photos: list[Image.Image], count: int, folder: Path) -> Counter:
    """How often each kind of case ended how, in training and at the front door."""
    ends: Counter = Counter()
    for place in range(NEIGHBOURS):
        photos[place].save(folder / f"good-{place}.png")
    for number in range(count):
        kind, photo, mask, victim = case(number, photos, folder)
        front = filled(pipeline, photo, mask, victim)
        (photo if victim == mask.name else mask).unlink()
        back = trained_on(folder, victim)
        (folder / victim).unlink()
        assert kind not in WHOLE or front == back == "picture"
        ends[kind, "training", back] += 1
        ends[kind, "front door", front] += 1
    return ends


def table(ends: Counter) -> str:
    ways = [(place, end) for place in ("training", "front door") for end in ("picture", "sentence")]
    lines = [f"{'':12}" + "".join(f"{f'{place}: {end}':>22}" for place, end in ways)]
    for kind in dict.fromkeys(KINDS):
        lines.append(f"{kind:12}" + "".join(f"{ends[(kind, *way)]:22}" for way in ways))
    lines.append(f"{'all':12}" + "".join(f"{sum(ends[(kind, *way)] for kind in set(KINDS)):22}" for way in ways))
    return "\n".join(lines)


@pytest.mark.parametrize("count", [60, pytest.param(1000, marks=pytest.mark.slow)])
def test_every_file_ends_in_a_right_picture_or_a_sentence(count: int, tmp_path: Path) -> None:
    pipeline = AsukaPipeline.from_pretrained("tiny")
    pipeline.set_progress_bar_config(disable=True)
    ends = survive(pipeline, [scene(number) for number in range(12)], count, tmp_path)
    print(f"\n{table(ends)}")
    for place in ("training", "front door"):
        ended = Counter({end: sum(ends[kind, place, end] for kind in set(KINDS)) for end in ("picture", "sentence")})
        assert ended.total() == count and min(ended.values()) > count / 5
