"""Whatever an image file holds, it ends as pixels or as a recorded error, within a bound of memory.

10,000 files are mutated from good ones. The odd and broken images that Pillow itself is tested with
come from its source distribution, which pip fetches into the cache.
"""

import io
import struct
import subprocess
import sys
import tarfile
import zlib
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import PIL
import pytest
from PIL import Image

from hangtag.datasets import cache_home
from hangtag.errors import ErrorKind, ImageError
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.limits import MAX_PIXELS
from hangtag.images.spec import ImageSpec
from hangtag.readers import open_source
from tests.readers.mutations import mutate
from tests.readers.reading import SIZE, DecodedRecord, decode_all, make_pixels

MEGABYTE = 1 << 20
MEASURE = """
import resource, sys
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.spec import ImageSpec
with open(sys.argv[1], encoding="utf-8") as listing, DecoderPool(1) as pool:
    pool.start()
    for image in pool.decode(listing.read().splitlines(), ImageSpec(28, 28)):
        print(getattr(image, "error_kind", "fine"))
print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss * 1024)
"""


def decode_paths(paths: list[Path]) -> list[DecodedRecord]:
    """Decodes files as a list on standard input would name them."""
    listing = io.StringIO("".join(f"{path}\n" for path in paths))
    return decode_all(open_source("-", listing=listing), workers=2)


def assert_accounted_for(inputs: list[DecodedRecord]) -> Counter[str]:
    """Checks that each input is either pixels or one line that names its file."""
    for item in inputs:
        if item.pixels is not None:
            assert item.pixels.shape == SIZE
            assert not item.error
        else:
            assert item.name in item.error
            assert "\n" not in item.error
    counts = Counter(item.error_kind for item in inputs)
    assert not counts[ErrorKind.CRASHED]
    assert not counts[ErrorKind.TIMED_OUT]
    return counts


def make_originals() -> list[bytes]:
    """Encodes images of every format and mode that is read."""
    grey = Image.fromarray(np.kron(make_pixels(1)[0], np.ones((2, 2), np.uint8)))
    colour = Image.merge("RGB", [grey, grey.rotate(90), grey.rotate(180)])
    clear = Image.merge("RGBA", [*colour.split(), grey])
    deep = Image.fromarray(np.asarray(grey).astype(np.uint16) * 257)
    exif = Image.Exif()
    exif[0x0112] = 6
    made: list[tuple[Image.Image, str, dict[str, Any]]]
    made = [(image, "PNG", {}) for image in (grey, colour, clear, deep, grey.convert("P"))]
    made += [(grey, "JPEG", {}), (colour, "JPEG", {"progressive": True, "exif": exif})]
    made += [(colour.convert("CMYK"), "JPEG", {}), (clear, "WEBP", {}), (grey, "WEBP", {})]
    frames = {"save_all": True, "append_images": [grey, colour]}
    made += [(colour, format, {}) for format in ("AVIF", "GIF", "BMP", "TIFF")]
    made += [(colour, "PNG", frames), (colour, "WEBP", {**frames, "exif": exif})]
    contents = []
    for image, format, options in made:
        stream = io.BytesIO()
        image.save(stream, format, **options)
        contents.append(stream.getvalue())
    return contents


@pytest.mark.parametrize("count", [240, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_files(tmp_path: Path, count: int) -> None:
    random = np.random.default_rng(0)
    originals = make_originals()
    paths = [tmp_path / f"{index:05d}.png" for index in range(count)]
    for index, path in enumerate(paths):
        path.write_bytes(mutate(originals[index % len(originals)], random))
    inputs = decode_paths(paths)
    assert [item.name for item in inputs] == [str(path) for path in paths]
    counts = assert_accounted_for(inputs)
    assert counts[ErrorKind.DAMAGED] > count / 10
    assert counts[""] > count / 10


@pytest.fixture(scope="session")
def pillow_images() -> list[Path]:
    """The images that Pillow's tests use, from its source distribution."""
    folder = cache_home() / f"pillow-{PIL.__version__}"
    if not folder.exists():
        fetch_pillow(folder)
    return sorted(path for path in folder.rglob("*") if path.is_file())


def fetch_pillow(folder: Path) -> None:
    """Fetches Pillow's source distribution by pip and unpacks its test images; may skip."""
    unpacked = folder.with_name(f"{folder.name}.part")
    unpacked.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--no-binary", "pillow"]
    command += ["--disable-pip-version-check", "--dest", str(unpacked)]
    finished = subprocess.run(
        [*command, f"pillow=={PIL.__version__}"], capture_output=True, text=True, check=False
    )
    archives = sorted(unpacked.glob("*.tar.gz"))
    if finished.returncode or not archives:
        reason = (finished.stderr.strip().splitlines() or ["no archive"])[-1]
        pytest.skip(f"Pillow's source distribution cannot be had here: {reason}")
    with tarfile.open(archives[0]) as archive:
        members = [member for member in archive if "/Tests/images/" in member.name]
        archive.extractall(unpacked, members, filter="data")
    archives[0].unlink()
    unpacked.rename(folder)


@pytest.mark.slow
def test_the_images_of_pillows_own_tests(pillow_images: list[Path]) -> None:
    inputs = decode_paths(pillow_images)
    assert len(inputs) == len(pillow_images) > 500
    counts = assert_accounted_for(inputs)
    assert counts[""] > 100
    assert counts[ErrorKind.NOT_AN_IMAGE] > 100
    assert counts[ErrorKind.DAMAGED] >= 5


def write_large(folder: Path) -> list[Path]:
    """Writes images of the most pixels that are read, one a mode and format."""
    plain = Image.fromarray(np.kron(make_pixels(1)[0], np.ones((292, 292), np.uint8)))
    assert plain.width * plain.height > 0.99 * MAX_PIXELS
    exif = Image.Exif()
    exif[0x0112] = 6
    colour, clear = Image.merge("RGB", [plain] * 3), Image.merge("RGBA", [plain] * 4)
    images: dict[str, tuple[Image.Image, dict[str, Any]]] = {
        "rgba.png": (clear, {"compress_level": 1}),
        "turned.png": (clear, {"compress_level": 1, "exif": exif}),
        "deep.png": (Image.fromarray(np.asarray(plain).astype(np.uint16) * 200), {}),
        "cmyk.jpg": (Image.merge("CMYK", [plain] * 4), {}),
        "progressive.jpg": (colour, {"progressive": True, "subsampling": 0}),
        "rgba.webp": (clear.resize((8192, 6144)), {"method": 0}),
        "p.gif": (plain.convert("P"), {}),
        "rgba.tif": (clear, {"compression": "tiff_lzw"}),
        "one.bmp": (plain.convert("1"), {}),
        "rgba.avif": (clear, {"speed": 10}),
    }
    for name, (image, options) in images.items():
        image.save(folder / name, **options)
    return [folder / name for name in images]


@pytest.mark.slow
def test_the_largest_images_stay_under_a_gigabyte(tmp_path: Path) -> None:
    paths = write_large(tmp_path)
    paths += [write_thin(tmp_path / "thin.png", height=49_999_999)]
    (tmp_path / "list").write_text("".join(f"{path}\n" for path in paths))
    finished = subprocess.run(
        [sys.executable, "-c", MEASURE, tmp_path / "list"],
        capture_output=True,
        text=True,
        check=True,
    )
    *faults, peak = finished.stdout.splitlines()
    assert faults == [*["fine"] * (len(paths) - 1), "too large"]
    assert int(peak) < 1000 * MEGABYTE


def write_thin(path: Path, *, height: int) -> Path:
    """Writes a PNG of one pixel a row."""
    header = struct.pack(">2I5B", 1, height, 1, 0, 0, 0, 0)
    packed = zlib.compress(bytes(2 * height), 1)
    chunks = ((b"IHDR", header), (b"IDAT", packed), (b"IEND", b""))
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + b"".join(
            struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))
            for kind, body in chunks
        )
    )
    return path


@pytest.mark.parametrize("height", [65_535, 65_536])
def test_images_of_many_rows_are_read_up_to_a_limit(tmp_path: Path, height: int) -> None:
    """Each row costs more memory than its pixel."""
    (read,) = decode_paths([write_thin(tmp_path / "thin.png", height=height)])
    assert read.error_kind == ("" if height == 65_535 else ErrorKind.TOO_LARGE)


def test_a_decoder_process_may_not_ask_for_more_than_its_memory() -> None:
    program = (
        "import numpy, hangtag.images.decoder_process as process\n"
        "process.decode_image = lambda *_, **__: numpy.ones(1 << 30)\n"
        "process.serve(10)"
    )
    with DecoderPool(1, program=program) as pool:
        (outcome,) = pool.decode([b"x"], ImageSpec(28, 28))
    assert isinstance(outcome, ImageError)
    assert outcome.error_kind == ErrorKind.CRASHED
