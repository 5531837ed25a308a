"""What a file is shows in its first bytes; what is no image is named, with advice that helps."""

import gzip
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest

from hangtag.errors import ErrorKind, ImageError
from hangtag.images.decoding import decode_image
from hangtag.images.sniffing import SNIFFED_BYTES, is_image_file, sniff
from hangtag.images.spec import ImageSpec


def make_zip(*names: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name in names:
            archive.writestr(name, b"content")
    return stream.getvalue()


def make_tar() -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.png"))
    return stream.getvalue()


def make_npy() -> bytes:
    stream = io.BytesIO()
    np.save(stream, np.zeros(3))
    return stream.getvalue()


SVG = b"<svg xmlns='http://www.w3.org/2000/svg'/>"
DENIED = b'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>AccessDenied</Code></Error>'

FOREIGN = {
    "a web page": (b"<!DOCTYPE html><html></html>", "(HTML)", "download the image again"),
    "one after a mark": (b"\xef\xbb\xbf\r\n <HTML>", "(HTML)", "download the image again"),
    "a page without head": (b"<title>404</title>", "(HTML)", "download the image again"),
    "access denied": (DENIED, "XML", "download the image again"),
    "one without prologue": (b"<Error><Code>x</Code></Error>", "XML", "download"),
    "json": (json.dumps({"error": "no"}).encode(), "JSON", "download the image again"),
    "a list in json": (b'[\n  {"a": 1}]', "JSON", "download the image again"),
    "a zip": (make_zip("a.png"), "zip", "unpack it"),
    "a sheet": (make_zip("[Content_Types].xml", "xl/workbook.xml"), "XLSX", "suffix .csv"),
    "an old sheet": (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "Office", "suffix .csv"),
    "a tar": (make_tar(), "archive", "unpack it"),
    "a gzip": (gzip.compress(b"x"), "gzip", "unpack it"),
    "a parquet": (b"PAR1\x15\x04", "Parquet", ".parquet"),
    "an array": (make_npy(), "NumPy", ".npy"),
    "a pdf": (b"%PDF-1.7\n%\xe2\xe3", "PDF", "export its pages"),
    "a drawing": (SVG, "SVG", "save it as"),
    "a drawing after xml": (b'<?xml version="1.0"?>\n<!-- made -->\n' + SVG, "SVG", "save it as"),
    "an lfs pointer": (b"version https://git-lfs.github.com/spec/v1\noid", "LFS", "git lfs pull"),
    "apple double": (b"\x00\x05\x16\x07\x00\x02\x00\x00Mac OS X", "AppleDouble", "leave it out"),
    "zero bytes": (bytes(5000), "zero bytes", "get it again"),
    "text": ("Not found, Übel\n".encode(), "text", "check where it comes from"),
    "noise": (bytes(range(128, 256)), "no known format", "check where it comes from"),
    "jpeg xl": (b"\xff\x0a\xfa\x1f", "JPEG XL", "save it as"),
    "a video": (b"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00", "video", "frames"),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_what_is_no_image_is_named_with_advice(tmp_path: Path, name: str) -> None:
    content, said, advice = FOREIGN[name]
    path = tmp_path / "a.jpg"
    path.write_bytes(content)
    for image in (path, content):
        with pytest.raises(ImageError) as caught:
            decode_image(image, ImageSpec(28, 28))
        message = str(caught.value)
        assert said in message
        assert advice in message
        assert message.isprintable()
        assert len(message) < 250 + len(str(path))
    assert not is_image_file(str(path))


def test_the_kinds_of_errors() -> None:
    kinds = {name: sniff(content).error_kind for name, (content, *_) in FOREIGN.items()}
    other = {name for name, kind in kinds.items() if kind == ErrorKind.OTHER_FORMAT}
    assert other == {"a drawing", "a drawing after xml", "jpeg xl"}
    assert kinds["zero bytes"] == ErrorKind.DAMAGED
    assert kinds["a web page"] == ErrorKind.NOT_AN_IMAGE


@pytest.mark.parametrize("brands", [b"heic", b"mif1\0\0\0\0heic", b"msf1\0\0\0\0hevc"])
def test_heic_is_told_from_avif_by_its_brands(brands: bytes) -> None:
    box = b"ftyp" + brands + bytes(max(0, 8 - len(brands)))
    assert sniff(b"\0\0\0" + bytes([4 + len(box)]) + box).name == "a HEIC image"
    box = b"ftypmif1\0\0\0\0avif"
    assert sniff(b"\0\0\0" + bytes([4 + len(box)]) + box).name == "an AVIF image"


def test_any_bytes_are_something() -> None:
    random = np.random.default_rng(0)
    for content, *_ in FOREIGN.values():
        for length in range(0, min(len(content), 40)):
            assert sniff(content[:length]).name
        noise = random.integers(0, 256, SNIFFED_BYTES, dtype=np.uint8).tobytes()
        assert sniff(content[:8] + noise).name


def test_what_cannot_be_opened_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "loop.jpg").symlink_to(tmp_path / "loop.jpg")
    (tmp_path / "zero").symlink_to("/dev/zero")
    for name in ("loop.jpg", "zero", "gone", "."):
        assert not is_image_file(str(tmp_path / name))
