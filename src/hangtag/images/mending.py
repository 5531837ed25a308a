"""Mends image files whose damage spoils no pixel: a JPEG without its end, a PNG with bad metadata.

Everything works on the bytes of a file, so that Pillow decodes what is mended as any other file.
"""

import struct
from collections.abc import Iterator, Mapping
from enum import StrEnum
from typing import Any


class Damage(StrEnum):
    """What was wrong with a file whose pixels are all there."""

    NO_END = "no end marker"
    METADATA = "damaged metadata"


_MEANINGS = {
    Damage.NO_END: "no end marker, though no pixel is missing",
    Damage.METADATA: "damaged metadata, such as EXIF data or a colour profile",
}

_JPEG_END = b"\xff\xd9"
_SCAN = 0xDA
_ALONE = (0x01, *range(0xD0, 0xD9))
"""Markers of a JPEG that no segment follows."""

_NOISE = bytes(37 * position % 251 for position in range(512))

_PNG_START = b"\x89PNG\r\n\x1a\n"
_KEPT_CHUNKS = (b"IHDR", b"PLTE", b"tRNS", b"IDAT", b"IEND")
_PROFILE_MARK = b"acsp"
"""What stands at byte 36 of an ICC profile."""

_NO_PROFILE = bytes(36) + _PROFILE_MARK
_EXIF_STARTS = (b"II*\0", b"MM\0*")


def describe_damage(counts: Mapping[str, int]) -> list[str]:
    """Returns a sentence for each kind of damage: how many images had it and were read."""
    return [
        f"{count:,} {'image' if count == 1 else 'images'} had {_MEANINGS[Damage(damage)]}, and "
        f"{'was' if count == 1 else 'were'} read."
        for damage, count in sorted(counts.items())
    ]


def has_end(content: bytes) -> bool:
    """Tells whether a JPEG has an end marker behind the start of its pixels."""
    return content.rfind(_JPEG_END) > _find_scan(content)


def complete(content: bytes) -> tuple[bytes, bytes]:
    """Returns a JPEG without its end marker completed in two ways.

    In the second, noise stands before the end marker. A decoder that has all pixels skips it; one
    that still waits for pixels takes it for them. So the two are decoded to the same pixels if and
    only if none is missing. Zero bytes at the end, which an interrupted download leaves, are cut.
    """
    bare = content.rstrip(b"\0")
    return bare + _JPEG_END, bare + _NOISE + _JPEG_END


def strip_metadata(content: bytes) -> bytes:
    """Returns a PNG without the chunks that no pixel depends on.

    One that some pixels depend on, but that is damaged, stays what it is.
    """
    return _PNG_START + b"".join(
        chunk for kind, chunk in _split_chunks(content) if kind in _KEPT_CHUNKS
    )


def are_sound(metadata: Mapping[str | tuple[int, int], Any]) -> bool:
    """Tells whether the EXIF data and the colour profile of an image are such, by their headers.

    Args:
        metadata: What Pillow has as the `info` of an image.
    """
    profile = metadata.get("icc_profile", _NO_PROFILE)
    exif = metadata.get("exif") or _EXIF_STARTS[0]
    start = exif[6:] if exif.startswith(b"Exif\0\0") else exif
    return (
        profile is not None
        and profile[36:40] == _PROFILE_MARK
        and (not start or start.startswith(_EXIF_STARTS))
    )


def _find_scan(content: bytes) -> int:
    """Returns where the pixels of a JPEG begin; its length where no scan is found."""
    place = 2
    while place + 4 <= len(content):
        if content[place] != 0xFF:
            place += 1
            continue
        marker = content[place + 1]
        if marker == _SCAN:
            return place
        if marker == 0xFF:
            place += 1
        elif marker in _ALONE or marker == 0:
            place += 2
        else:
            place += 2 + max(2, int.from_bytes(content[place + 2 : place + 4], "big"))
    return len(content)


def _split_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Gives kind and bytes of each chunk of a PNG."""
    place = len(_PNG_START)
    while place + 12 <= len(content):
        (length,) = struct.unpack_from(">I", content, place)
        end = place + 12 + length
        yield content[place + 4 : place + 8], content[place:end]
        place = end
