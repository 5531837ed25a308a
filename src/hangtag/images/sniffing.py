r"""Tells what a file is by its first bytes, whatever its name.

sniff(b"\xff\xd8\xff...")  # FileKind("a JPEG image", pillow="JPEG")
sniff(b"<!doctype html>")  # FileKind("a web page (HTML)", advice="a server sent it ...")
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from hangtag.errors import ErrorKind
from hangtag.files.paths import is_file

SNIFFED_BYTES = 1024
"""How much of a file is looked at."""

READ_FORMATS = "JPEG, PNG, WebP, AVIF, HEIC, GIF, BMP or TIFF"
"""The formats that are read, for people."""

IMAGE_SUFFIXES = frozenset(
    {".avif", ".bmp", ".gif", ".heic", ".heif", ".jfif", ".jpe", ".jpeg", ".jpg", ".mpo"}
    | {".png", ".tif", ".tiff", ".webp"}
)
"""Suffixes of the formats that are read."""

UNREAD_SUFFIXES = frozenset([".ico", ".jp2", ".jxl", ".psd", ".svg", ".tga"])
"""Images in formats that are not read: one in a folder is reported as an error."""

RAW_SUFFIXES = frozenset([".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".pef", ".raf", ".rw2"])
"""Raw photos of cameras. They lie beside the JPEG of the same photo and look like TIFF."""


@dataclass(frozen=True, slots=True)
class FileKind:
    """What a file is.

    Attributes:
        name: For people, with its article.
        advice: What to do about a file that is not read.
        error_kind: What is wrong with such a file.
        pillow: The format of Pillow that reads it; empty where none does.
    """

    name: str
    advice: str = ""
    error_kind: ErrorKind = ErrorKind.NOT_AN_IMAGE
    pillow: str = ""

    @property
    def is_container(self) -> bool:
        """Whether it is known and no image: a web page, an archive, a table, a document."""
        return (
            self.error_kind == ErrorKind.NOT_AN_IMAGE
            and not self.pillow
            and self
            not in (
                _TEXT,
                _UNKNOWN,
            )
        )


HEIC = FileKind("a HEIC image", "", ErrorKind.OTHER_FORMAT, "HEIF")
AVIF = FileKind("an AVIF image", pillow="AVIF")

_READ = {
    rb"\xff\xd8\xff": FileKind("a JPEG image", pillow="JPEG"),
    rb"\x89PNG": FileKind("a PNG image", pillow="PNG"),
    rb"RIFF.{4}WEBP": FileKind("a WebP image", pillow="WEBP"),
    rb"GIF8[79]a": FileKind("a GIF image", pillow="GIF"),
    rb"BM.{4}\x00{4}": FileKind("a BMP image", pillow="BMP"),
    rb"II\*\x00.{4}CR": FileKind(
        "a raw photo", "export it as a JPEG or PNG image", ErrorKind.OTHER_FORMAT
    ),
    rb"II[*+]\x00|MM\x00[*+]": FileKind("a TIFF image", pillow="TIFF"),
}
_UNREAD_IMAGES = {
    rb"\x00\x00\x00\x0cjP  |\xff\x4f\xff\x51": "a JPEG 2000 image",
    rb"\xff\x0a|\x00\x00\x00\x0cJXL ": "a JPEG XL image",
    rb"\x00\x00[\x01\x02]\x00[^\x00]\x00": "an icon (ICO)",
    rb"\x00\x00[\x02\x03\x0a\x0b]\x00{5}": "a TGA image",
    rb"8BPS": "a Photoshop file (PSD)",
    rb"P[1-7]\s": "a PNM image",
    rb"qoif": "a QOI image",
    rb"[^<]{0,200}<svg|.{0,1000}<!DOCTYPE svg|\s*<\?xml.{0,900}<svg": "a drawing (SVG)",
}
_OTHERS = {
    rb"\s*<(!doctype\s+html|html|head|body|script|meta|title|table|div|!--)": (
        "a web page (HTML)",
        "a server sent it instead of the image; download the image again",
    ),
    rb"\s*<\?xml|\s*<Error>": (
        "an XML document",
        "a server may have sent it instead of the image; download the image again",
    ),
    rb"\s*[{\[]\s*[\"{\[\]}0-9tfn-]": (
        "JSON",
        "a server may have sent it instead of the image; download the image again",
    ),
    rb"version https://git-lfs": ("a Git LFS pointer", "fetch the file itself: git lfs pull"),
    rb"\x00\x05\x16[\x00\x07]": (
        "what macOS keeps beside a file (AppleDouble)",
        "leave it out; the image is the file without ._ before its name",
    ),
    rb"PK\x03\x04.{0,1000}(xl/|\[Content_Types\])": (
        "an Office document, such as an XLSX sheet",
        "give a table with the suffix .csv, or image files",
    ),
    rb"PK\x03\x04": ("a zip archive", "unpack it and give its images"),
    rb"\x1f\x8b": ("a gzip file", "unpack it and give its images"),
    rb".{257}ustar": ("a tar archive", "unpack it and give its images"),
    rb"ARROW1\x00|FEA1": ("a Feather table (Arrow)", "save it as CSV or Parquet"),
    rb"\x80[\x02-\x05]": ("a Python pickle", "save its arrays as .npy; a pickle is not opened"),
    rb"BZh|\xfd7zXZ\x00|\x28\xb5\x2f\xfd|7z\xbc\xaf|Rar!": (
        "an archive",
        "unpack it and give its images",
    ),
    rb"PAR1": ("a Parquet table", "give it the suffix .parquet"),
    rb"\xd0\xcf\x11\xe0": ("an old Office document", "give a table with the suffix .csv"),
    rb"%PDF": ("a PDF document", "export its pages as JPEG or PNG images"),
    rb"%!PS": ("a PostScript document", "export it as a JPEG or PNG image"),
    rb"\x93NUMPY": ("a NumPy array", "give it the suffix .npy"),
    rb"\x00\x00\x08[\x01\x03]": ("an IDX file", "name it as Fashion-MNIST's files are called"),
    rb".{4}ftyp|\x1aE\xdf\xa3|RIFF.{4}AVI ": ("a video", "export one of its frames"),
}
_TEXT = FileKind("text", "check where it comes from")
_ZEROS = FileKind(
    "nothing but zero bytes", "its copying or download broke off; get it again", ErrorKind.DAMAGED
)
_UNKNOWN = FileKind("of no known format", "check where it comes from")

_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_AVIF_BRANDS = (b"avif", b"avis")
_HEIC_BRANDS = (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"mif1", b"msf1")


def _list_kinds() -> Iterator[tuple[re.Pattern[bytes], FileKind]]:
    """Gives the patterns in the order in which they are tried."""
    advice = "save it as a JPEG or PNG image"
    kinds = dict(_READ)
    kinds |= {
        start: FileKind(name, advice, ErrorKind.OTHER_FORMAT)
        for start, name in _UNREAD_IMAGES.items()
    }
    kinds |= {start: FileKind(*said) for start, said in _OTHERS.items()}
    for start, kind in kinds.items():
        yield re.compile(start, re.DOTALL | re.IGNORECASE if b"<" in start else re.DOTALL), kind


_KINDS = tuple(_list_kinds())


def is_image_file(path: str) -> bool:
    """Tells whether a file is an image that is read, by its first bytes.

    Raw photos of cameras, which look like TIFF, are none, nor is what cannot be opened.
    """
    if path.lower().endswith(tuple(RAW_SUFFIXES)) or not is_file(Path(path)):
        return False
    try:
        with open(path, "rb") as stream:
            return bool(sniff(stream.read(SNIFFED_BYTES)).pillow)
    except OSError:
        return False


def sniff(content: bytes) -> FileKind:
    """Returns what a file is, from its beginning (`SNIFFED_BYTES` or more)."""
    start = content[:SNIFFED_BYTES].removeprefix(_BYTE_ORDER_MARK)
    if start[4:8] == b"ftyp":
        brands = [start[place : place + 4] for place in (8, *range(16, start[3], 4))]
        if any(brand in _AVIF_BRANDS for brand in brands):
            return AVIF
        if any(brand in _HEIC_BRANDS for brand in brands):
            return HEIC
    for pattern, kind in _KINDS:
        if pattern.match(start):
            return kind
    if not content.strip(b"\0"):
        return _ZEROS
    return _TEXT if _is_text(start) else _UNKNOWN


def _is_text(start: bytes) -> bool:
    text = start.decode("utf-8", "ignore")
    return len(text.encode()) > len(start) - 4 and all(
        letter.isprintable() or letter.isspace() for letter in text
    )
