"""28 small inputs that stand for huge ones: each ends soon, in little memory, in one clear line."""

import gzip
import io
import os
import struct
import subprocess
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pyarrow as pa
import pytest
from PIL import Image
from pyarrow import parquet

from tests.chaos.marks import mark
from tests.contract import run_alone

MEGABYTE = 1 << 20
GREY = ("--model", "fashion-mnist-tiny", "--workers", "1")

Bomb = Callable[[Path], tuple[object, ...]]
"""Writes a bomb into a folder, and returns the command that meets it."""


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I", len(content))
        + kind
        + content
        + struct.pack(">I", zlib.crc32(kind + content))
    )


def png(width: int, height: int, *, raw: int, extra: bytes = b"", bits: int = 1) -> bytes:
    """Returns a PNG whose pixels are `raw` zero bytes, compressed."""
    header = struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0)
    packer = zlib.compressobj()
    pixels = b"".join(packer.compress(bytes(MEGABYTE)) for _ in range(raw // MEGABYTE))
    pixels += packer.compress(bytes(raw % MEGABYTE)) + packer.flush()
    signature = b"\x89PNG\r\n\x1a\n"
    return signature + chunk(b"IHDR", header) + extra + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def zeros(name: str, megabytes: int, *, before: bytes = b"", unit: bytes = b"\0") -> bytes:
    """Returns a gzip of many times the same byte."""
    stream = io.BytesIO()
    with gzip.GzipFile(name, "wb", fileobj=stream) as packed:
        packed.write(before)
        for _ in range(megabytes):
            packed.write(unit * MEGABYTE)
    return stream.getvalue()


def image(name: str, content: Callable[[], bytes]) -> Bomb:
    """A bomb that is an image of a folder, beside a good one."""

    def write(folder: Path) -> tuple[object, ...]:
        (folder / "images").mkdir()
        (folder / "images" / name).write_bytes(content())
        Image.new("L", (28, 28)).save(folder / "images" / "good.png")
        return ("predict", folder / "images", *GREY, "--out", folder / "rows.csv")

    return write


def file(name: str, content: Callable[[], bytes], command: str = "predict") -> Bomb:
    """A bomb that is a table or an array."""

    def write(folder: Path) -> tuple[object, ...]:
        (folder / name).write_bytes(content())
        options = GREY if command == "predict" else ("--out", folder / "out")
        return (command, folder / name, *options)

    return write


def jpeg_header() -> bytes:
    """Returns a JPEG that says it has 65,500 pixels a side."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "JPEG")
    content = stream.getvalue()
    start = content.index(b"\xff\xc0") + 5
    return content[:start] + struct.pack(">HH", 65500, 65500) + content[start + 4 :]


def webp_header() -> bytes:
    """Returns a lossless WebP that says it has 16,383 pixels a side."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "WEBP", lossless=True)
    content = bytearray(stream.getvalue())
    start = content.index(b"VP8L") + 9
    content[start : start + 4] = struct.pack("<I", (16382) | (16382 << 14))
    return bytes(content)


def gif_header() -> bytes:
    stream = io.BytesIO()
    Image.new("P", (8, 8)).save(stream, "GIF")
    content = bytearray(stream.getvalue())
    content[6:10] = struct.pack("<HH", 65535, 65535)
    return bytes(content)


def bmp_header() -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "BMP")
    content = bytearray(stream.getvalue())
    content[18:26] = struct.pack("<ii", 2**31 - 1, 2**30)
    return bytes(content)


def tiff_loop() -> bytes:
    """Returns a TIFF whose directory is followed by itself."""
    stream = io.BytesIO()
    Image.new("RGB", (8, 8)).save(stream, "TIFF")
    content = bytearray(stream.getvalue())
    start = struct.unpack("<I", content[4:8])[0]
    end = start + 2 + 12 * struct.unpack("<H", content[start : start + 2])[0]
    content[end : end + 4] = struct.pack("<I", start)
    return bytes(content)


def text_chunks(count: int, size: int) -> bytes:
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(size)))
    return png(28, 28, raw=28 * 5, extra=text * count)


def profile() -> bytes:
    extra = chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(400 * MEGABYTE), 1))
    return png(28, 28, raw=28 * 5, extra=extra)


def npy_claim(shape: str) -> bytes:
    header = f"{{'descr': '|u1', 'fortran_order': False, 'shape': {shape}, }}".ljust(117) + "\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header.encode() + bytes(784)


def npz_zeros() -> bytes:
    stream = io.BytesIO()
    with (
        zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as packed,
        packed.open("arr_0.npy", "w", force_zip64=True) as member,
    ):
        member.write(npy_claim("(1, 40000, 39200)")[:-784])
        for _ in range(1496):
            member.write(bytes(MEGABYTE))
    return stream.getvalue()


def idx_claim() -> bytes:
    return struct.pack(">IIII", 2051, 2**32 - 1, 28, 28) + bytes(784)


def far_dates() -> bytes:
    sink = io.BytesIO()
    dates = pa.array([2**62, -(2**62)], pa.timestamp("us"))
    parquet.write_table(pa.table({"image": ["a.png", "b.png"], "day": dates}), sink)
    return sink.getvalue()


def laughs() -> bytes:
    """Returns YAML that doubles itself through aliases, thirty times."""
    lines = ["a0: &a0 [x, x]"]
    lines += [f"a{level}: &a{level} [*a{level - 1}, *a{level - 1}]" for level in range(1, 30)]
    return "\n".join(lines).encode()


def deep_yaml(levels: int) -> bytes:
    return ("network: " + "{a: " * levels + "1" + "}" * levels).encode()


def recipe(content: Callable[[], bytes]) -> Bomb:
    def write(folder: Path) -> tuple[object, ...]:
        (folder / "mine.yaml").write_bytes(content())
        return ("recipes", folder / "mine.yaml")

    return write


def recipe_setting(folder: Path) -> tuple[object, ...]:
    deep = "network" + ".a" * 400 + "=1"
    return ("train", "fashion-mnist", "--offline", "--out", folder / "run", "--set", deep)


def recipe_value(folder: Path) -> tuple[object, ...]:
    deep = "network.widths=" + "[" * 400 + "]" * 400
    return ("train", "fashion-mnist", "--offline", "--out", folder / "run", "--set", deep)


def tree(levels: int, *, cycle: bool = False) -> Bomb:
    """A taxonomy of one branch, thousands of levels deep; or one that is its own ancestor."""

    def write(folder: Path) -> tuple[object, ...]:
        parents = [str(level - 1) if level else "" for level in range(levels)]
        if cycle:
            parents[0] = str(levels - 1)
        rows = [f"{level},Name {level},{parents[level]}" for level in range(levels)]
        (folder / "tree.csv").write_text("\n".join(["id,name,parent", *rows]) + "\n")
        return ("taxonomy", "show", "--taxonomy", folder / "tree.csv")

    return write


def nested_folders(folder: Path) -> tuple[object, ...]:
    """A picture below 1,500 folders: the path is longer than one call may take."""
    before = os.getcwd()
    os.chdir(folder)
    try:
        for name in ["images", *["d"] * 1500]:
            os.mkdir(name)
            os.chdir(name)
        Image.new("L", (28, 28)).save("deep.png")
    finally:
        os.chdir(before)
    Image.new("L", (28, 28)).save(folder / "images" / "good.png")
    return ("predict", folder / "images", *GREY)


def many_kinds(folder: Path) -> tuple[object, ...]:
    (folder / "images").mkdir()
    for number in range(5000):
        (folder / "images" / f"x.kind{number}").touch()
    return ("predict", folder / "images", *GREY)


def long_name(folder: Path) -> tuple[object, ...]:
    (folder / "images").mkdir()
    Image.new("L", (28, 28)).save(folder / "images" / f"{'👗' * 60}.png")
    return ("predict", folder / "images", *GREY, "--out", folder / "rows.csv", "--explain")


BOMBS: dict[str, Bomb] = {
    "png of 1 x 49,999,999": image("a.png", lambda: png(1, 49_999_999, raw=100_000_000)),
    "png of 49,999,999 x 1": image("a.png", lambda: png(49_999_999, 1, raw=6_250_001)),
    "png of 60,000 x 60,000": image("a.png", lambda: png(60_000, 60_000, raw=450_060_000)),
    "jpeg that says 65,500 x 65,500": image("a.jpg", jpeg_header),
    "webp that says 16,383 x 16,383": image("a.webp", webp_header),
    "gif that says 65,535 x 65,535": image("a.gif", gif_header),
    "bmp that says 2^31 x 2^30": image("a.bmp", bmp_header),
    "tiff that follows itself": image("a.tif", tiff_loop),
    "png with 300 MB of text": image("a.png", lambda: text_chunks(1, 300 * MEGABYTE)),
    "png with 100,000 texts": image("a.png", lambda: text_chunks(100_000, 10)),
    "png with a profile of 400 MB": image("a.png", profile),
    "gzip of blank lines": file("a.csv.gz", lambda: zeros("a.csv", 1000, unit=b"\n")),
    "gzip of one line": file(
        "a.csv.gz", lambda: zeros("a.csv", 1000, before=b"image,note\n", unit=b"x")
    ),
    "gzip of one cell": file(
        "a.csv.gz", lambda: zeros("a.csv", 1000, before=b'image,note\nx,"', unit=b"x")
    ),
    "gzip of an array": file("a.idx.gz", lambda: zeros("a", 20, before=idx_claim()[:16])),
    "array that says 2^40 images": file("a.npy", lambda: npy_claim("(1099511627776, 28, 28)")),
    "array with a deep header": file("a.npy", lambda: npy_claim("(" * 50)),
    "zip of an image of 1.5 GB": file("a.npz", npz_zeros),
    "idx that says 2^32 images": file("a-images-idx3-ubyte", idx_claim),
    "parquet with far dates": file("a.parquet", far_dates),
    "table of 100,000 columns": file(
        "a.csv", lambda: ",".join(f"c{n}" for n in range(100_000)).encode() + b"\nimage\n"
    ),
    "list of json, 100,000 deep": file("a.jsonl", lambda: b"[" * 100_000),
    "yaml that doubles itself": recipe(laughs),
    "recipe of 400 levels": recipe(lambda: deep_yaml(400)),
    "recipe of 20,000 levels": recipe(lambda: deep_yaml(20_000)),
    "setting of 400 levels": recipe_setting,
    "value of 400 levels": recipe_value,
    "taxonomy of 3,000 levels": tree(3000),
    "taxonomy that is its own parent": tree(3000, cycle=True),
    "1,500 folders in one another": nested_folders,
    "5,000 kinds of files": many_kinds,
    "name of 60 four-byte letters, explained": long_name,
}


def remove_nested_folders(folder: Path) -> None:
    """Removes what Python's own rmtree, by which pytest cleans up, fails at."""
    if (folder / "d").is_dir():
        subprocess.run(["rm", "-rf", folder / "d"], check=True)


QUICK = ("jpeg that says 65,500 x 65,500", "recipe of 400 levels", "5,000 kinds of files")


@pytest.mark.parametrize(
    "bomb",
    [mark(name, bomb, size="fast" if name in QUICK else "chaos") for name, bomb in BOMBS.items()],
)
def test_a_bomb_ends_soon_in_little_memory(tmp_path: Path, bomb: Bomb) -> None:
    try:
        command = bomb(tmp_path)
        finished = run_alone(*command, seconds=100, logs=tmp_path)
    finally:
        remove_nested_folders(tmp_path / "images")
    assert not finished.find_breaches(), finished.outcome.err[:1000]
    rows = tmp_path / "rows.csv"
    if rows.is_file():
        written = len(rows.read_text(encoding="utf-8").splitlines()) - 1
        assert written == len(list((tmp_path / "images").iterdir()))


def test_the_bombs_are_at_least_28() -> None:
    assert len(BOMBS) >= 28
    assert set(QUICK) <= set(BOMBS)


@pytest.mark.parametrize("option", [mark("a list without end", "-")])
def test_an_endless_list_is_refused(tmp_path: Path, option: str) -> None:
    finished = run_alone(
        "predict", option, *GREY, stdin=Path("/dev/zero"), seconds=60, logs=tmp_path
    )
    assert not finished.find_breaches()
    assert finished.outcome.code == 2
