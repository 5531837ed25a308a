"""A dataset that nobody has seen: odd names, every kind of file, some of it broken."""

import io
from collections.abc import Callable
from importlib import resources
from pathlib import Path

import numpy as np
from PIL import Image

from tests.photos import read_sample

CLASSES = {
    "猫 & Kätzchen": "chelsea.png",
    'café, "noir"': "coffee.png",
    "50%25 · fusée": "rocket.jpg",
    "'; DROP TABLE--": "astronaut.png",
    "  =SUM(A1) ": "flower.jpg",
}
"""Names of class folders, percent-encoded where they must be, and what is cut into photos."""

TURNED = 6
"""The EXIF orientation of a photo that was taken with the camera on its side."""


def _save(image: Image.Image, path: Path, format: str, **options: object) -> None:
    buffer = io.BytesIO()
    image.save(buffer, format, **options)
    path.write_bytes(buffer.getvalue())


def _sixteen_bits(image: Image.Image) -> Image.Image:
    return Image.fromarray(np.asarray(image.convert("L")).astype(np.uint16) * 257)


def _turned(image: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = TURNED
    _save(image.rotate(90, expand=True), path, "JPEG", exif=exif)


def _see_through(image: Image.Image) -> Image.Image:
    image = image.copy()
    image.putalpha(Image.linear_gradient("L").resize(image.size))
    return image


KINDS: dict[str, Callable[[Image.Image, Path], object]] = {
    "plain.jpg": lambda image, path: _save(image, path, "JPEG"),
    "progressive.JPEG": lambda image, path: _save(image, path, "JPEG", progressive=True),
    "cmyk.jpg": lambda image, path: _save(image.convert("CMYK"), path, "JPEG"),
    "grey.jpg": lambda image, path: _save(image.convert("L"), path, "JPEG"),
    "turned.jpg": _turned,
    "plain.png": lambda image, path: _save(image, path, "PNG"),
    "16 bits.png": lambda image, path: _save(_sixteen_bits(image), path, "PNG"),
    "palette.PNG": lambda image, path: _save(image.quantize(64), path, "PNG"),
    "clear.png": lambda image, path: _save(_see_through(image), path, "PNG"),
    "black and white.png": lambda image, path: _save(image.convert("1"), path, "PNG"),
    "plain.webp": lambda image, path: _save(image, path, "WEBP"),
    "clear.webp": lambda image, path: _save(_see_through(image), path, "WEBP", lossless=True),
    "really a png.jpg": lambda image, path: _save(image, path, "PNG"),
    "moving.gif": lambda image, path: _save(image, path, "GIF"),
    "old.bmp": lambda image, path: _save(image, path, "BMP"),
    "scan.tiff": lambda image, path: _save(image, path, "TIFF"),
    "small.avif": lambda image, path: _save(image, path, "AVIF"),
    "from a shop.jpg?v=1571439587": lambda image, path: _save(image, path, "JPEG"),
    "no suffix": lambda image, path: _save(image, path, "JPEG"),
}

BROKEN: dict[str, Callable[[Image.Image, Path], object]] = {
    "lossless.jp2": lambda image, path: _save(image, path, "JPEG2000"),
    "cut off.png": lambda image, path: path.write_bytes(_half(image)),
    "nothing.jpg": lambda image, path: path.touch(),
    "page.webp": lambda image, path: path.write_text("<html>404</html>"),
}
"""Files that are left out: of formats that are not read, or of no format."""


def _half(image: Image.Image) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "PNG")
    return buffer.getvalue()[: buffer.tell() // 2]


def write_unseen(folder: Path, *, seed: int = 0) -> Path:
    """Writes class folders: in each a part of a picture for each kind, the broken in the first."""
    random = np.random.default_rng(seed)
    for number, (name, sample) in enumerate(CLASSES.items()):
        picture = _read(sample)
        (folder / name).mkdir(parents=True)
        for kind, write in {**KINDS, **(BROKEN if number == 0 else {})}.items():
            width, height = random.integers(180, 260, 2).tolist()
            left = int(random.integers(0, picture.width - width))
            top = int(random.integers(0, picture.height - height))
            part = picture.crop((left, top, left + width, top + height))
            write(part, folder / name / f"{number} ☂ {kind}")
    return folder


def _read(name: str) -> Image.Image:
    if name != "flower.jpg":
        return read_sample(name)
    file = resources.files("sklearn.datasets.images").joinpath(name)
    with resources.as_file(file) as path, Image.open(path) as image:
        return image.convert("RGB")
