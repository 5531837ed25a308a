"""Formats that people have, and files whose damage spoils no pixel."""

import importlib.util
import struct
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hangtag.errors import ErrorKind, ImageError
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.decoding import DecodedImage, decode_image
from hangtag.images.mending import Damage
from hangtag.images.reading import read_size
from hangtag.images.spec import ImageSpec
from tests.datasets.tiny_images import encode

SPEC = ImageSpec(32, 32, 3)


def make_photo(width: int = 96, height: int = 64) -> Image.Image:
    rows, columns = np.mgrid[0:height, 0:width]
    pixels = np.stack([rows * 2, columns * 2, (rows + columns)], axis=-1) % 256
    return Image.fromarray(pixels.astype(np.uint8))


@pytest.mark.parametrize("format", ["AVIF", "GIF", "BMP", "TIFF"])
@pytest.mark.parametrize("workers", [0, 1])
def test_formats_that_people_have_are_read(tmp_path: Path, format: str, workers: int) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(encode(make_photo(), format))
    with DecoderPool(workers) as pool:
        (decoded,) = pool.decode([path], SPEC)
    assert isinstance(decoded, DecodedImage)
    expected = decode_image(encode(make_photo()), SPEC).pixels.astype(int)
    assert np.abs(decoded.pixels - expected).mean() < 12
    assert decoded.damage is None
    assert read_size(path) == (96, 64)


@pytest.mark.parametrize("format", ["GIF", "TIFF", "AVIF"])
def test_the_first_frame_or_page_counts(format: str) -> None:
    frames = [Image.new("RGB", (40, 40), (value,) * 3) for value in (200, 10)]
    content = encode(frames[0], format, save_all=True, append_images=frames[1:])
    assert decode_image(content, SPEC).pixels.min() > 190


@pytest.mark.parametrize("format", ["AVIF", "TIFF"])
def test_exif_turns_them_upright(tmp_path: Path, format: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "a"
    path.write_bytes(encode(make_photo(), format, exif=exif))
    assert read_size(path) == (64, 96)
    upright = decode_image(encode(make_photo().transpose(Image.Transpose.ROTATE_270)), SPEC)
    assert np.abs(decode_image(path, SPEC).pixels.astype(int) - upright.pixels).mean() < 8


def test_heic_is_read_with_pillow_heif(tmp_path: Path) -> None:
    pillow_heif = pytest.importorskip("pillow_heif")
    path = tmp_path / "IMG_0001.jpg"
    pillow_heif.from_pillow(make_photo()).save(path, quality=95)
    decoded = decode_image(path, SPEC)
    assert decoded.resized
    expected = decode_image(encode(make_photo()), SPEC).pixels.astype(int)
    assert np.abs(decoded.pixels - expected).mean() < 8
    assert read_size(path) == (96, 64)


def test_heic_without_pillow_heif_is_named_with_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    find = importlib.util.find_spec
    monkeypatch.setattr(
        importlib.util, "find_spec", lambda name: None if name == "pillow_heif" else find(name)
    )
    with pytest.raises(
        ImageError, match=r"is a HEIC image;.*pillow-heif.*hangtag\[heic\]"
    ) as caught:
        decode_image(b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", SPEC)
    assert caught.value.error_kind == ErrorKind.OTHER_FORMAT


@pytest.mark.parametrize(("mode", "said"), [("F", "type F"), ("LAB", "type LAB")])
def test_values_that_are_no_colours_are_refused(mode: str, said: str) -> None:
    content = encode(Image.new(mode, (40, 40)), "TIFF")
    with pytest.raises(ImageError, match=f"{said}, not colours of 8 or 16 bits"):
        decode_image(content, SPEC)


def test_a_raw_photo_is_not_read_by_its_preview() -> None:
    content = encode(Image.new("RGB", (40, 40)), "TIFF", tiffinfo={0x00FE: 1})
    with pytest.raises(ImageError, match="raw photo"):
        decode_image(content, SPEC)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("size", [(96, 64), (1500, 900)])
@pytest.mark.parametrize("rest", [b"", bytes(1000)])
def test_a_jpeg_without_its_end_is_read(
    progressive: bool, size: tuple[int, int], rest: bytes
) -> None:
    content = encode(make_photo(*size), "JPEG", progressive=progressive)
    decoded = decode_image(content[:-2] + rest, SPEC)
    assert decoded.damage == Damage.NO_END
    np.testing.assert_array_equal(decoded.pixels, decode_image(content, SPEC).pixels)


@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("kept", [0.3, 0.5, 0.8, 0.97])
@pytest.mark.parametrize("rest", [b"", bytes(1000)])
def test_a_jpeg_without_some_of_its_pixels_is_damaged(
    progressive: bool, kept: float, rest: bytes
) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (60, 80, 3), dtype=np.uint8)
    content = encode(Image.fromarray(noise), "JPEG", progressive=progressive)
    with pytest.raises(ImageError, match="damaged") as caught:
        decode_image(content[: int(kept * len(content))] + rest, SPEC)
    assert caught.value.error_kind == ErrorKind.DAMAGED


def chunk(kind: bytes, body: bytes, *, check: int | None = None) -> bytes:
    check = zlib.crc32(kind + body) if check is None else check
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)


DAMAGED_CHUNKS = {
    "a text of 3 MB": chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(3_000_000))),
    "texts of 90 MB": chunk(b"zTXt", b"C\0\0" + zlib.compress(bytes(1_000_000))) * 90,
    "a text with a wrong check": chunk(b"tEXt", b"Comment\0x", check=1),
    "a text that is not packed": chunk(b"zTXt", b"Comment\0\0no zlib"),
    "a profile of 3 MB": chunk(b"iCCP", b"icc\0\0" + zlib.compress(bytes(3_000_000))),
    "a profile that is not packed": chunk(b"iCCP", b"icc\0\0no zlib"),
    "a profile that is none": chunk(b"iCCP", b"icc\0\0" + zlib.compress(b"no profile")),
    "a resolution of two bytes": chunk(b"pHYs", b"ab"),
    "colours cut short": chunk(b"cHRM", b"abc"),
    "exif without header": chunk(b"eXIf", b"no header"),
}


@pytest.mark.parametrize("name", DAMAGED_CHUNKS)
@pytest.mark.parametrize("mode", ["RGB", "P"])
def test_a_png_with_damaged_metadata_is_read(name: str, mode: str) -> None:
    content = encode(make_photo().convert(mode))
    damaged = content[:33] + DAMAGED_CHUNKS[name] + content[33:]
    decoded = decode_image(damaged, SPEC)
    np.testing.assert_array_equal(decoded.pixels, decode_image(content, SPEC).pixels)
    if name != "a text that is not packed":  # which Pillow takes for an empty one
        assert decoded.damage == Damage.METADATA


@pytest.mark.parametrize("kind", [b"IHDR", b"PLTE"])
def test_a_png_with_a_damaged_chunk_that_counts_is_damaged(kind: bytes) -> None:
    content = bytearray(encode(make_photo().convert("P")))
    place = content.index(kind)
    content[place + 4] ^= 255
    with pytest.raises(ImageError, match="damaged"):
        decode_image(bytes(content), SPEC)


@pytest.mark.parametrize(
    "options",
    [
        {"exif": b"Exif\0\0no header"},
        {"exif": b"Exif\0\0MM\0*\xff\0\0\x08\0\x01"},
        {"exif": b"Exif\0\0II*\0\x08\0\0\0\xff\xff\x12"},
        {"icc_profile": bytes(300)},
        {"icc_profile": b"no profile"},
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "PNG", "WEBP"])
def test_damaged_exif_and_profiles_are_told(format: str, options: dict[str, Any]) -> None:
    assert decode_image(encode(make_photo(), format, **options), SPEC).damage == Damage.METADATA
    assert decode_image(encode(make_photo(), format), SPEC).damage is None


@pytest.mark.parametrize("workers", [0, 1])
def test_the_pool_tells_of_damage(workers: int) -> None:
    sound = encode(make_photo(), "JPEG")
    images = [sound, sound[:-2], encode(make_photo(), icc_profile=b"no profile"), b"x"]
    with DecoderPool(workers) as pool:
        found = [getattr(image, "damage", "error") for image in pool.decode(images, SPEC)]
    assert found == [None, Damage.NO_END, Damage.METADATA, "error"]


def test_only_the_decoder_of_the_format_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []
    opened = Image.open

    def listen(*arguments: Any, **options: Any) -> Any:
        asked.append(options["formats"])
        return opened(*arguments, **options)

    monkeypatch.setattr(Image, "open", listen)
    for format in ("JPEG", "PNG", "BMP"):
        decode_image(encode(make_photo(), format), SPEC)
    assert asked == [("JPEG",), ("PNG",), ("BMP",)]
