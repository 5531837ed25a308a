"""Image files that cannot be decoded: one line that names the file and what is wrong with it."""

import os
import struct
import subprocess
import sys
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.errors import DataError, ErrorKind, ImageError
from hangtag.images.decoding import decode_image
from hangtag.images.spec import ImageSpec
from tests.datasets.tiny_images import SIZE, encode, random_grey


def make_png_header(width: int, height: int) -> bytes:
    """Returns a PNG that claims a size and holds no pixels."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + body))
        return struct.pack(">I", len(body)) + kind + body + check

    header = struct.pack(">2I5B", width, height, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", b"") + chunk(b"IEND", b"")


@pytest.mark.parametrize("format", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("kept", [0.1, 0.5, 0.9])
def test_truncated_image_is_one_line_that_names_the_file(
    tmp_path: Path, format: str, kept: float
) -> None:
    content = encode(Image.fromarray(random_grey(64, 64)), format)
    path = tmp_path / "cut.img"
    path.write_bytes(content[: int(len(content) * kept)])

    with pytest.raises(DataError) as caught:
        decode_image(path, ImageSpec(*SIZE))

    assert str(caught.value).startswith(f"{path}: is ")
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("content", "fault"),
    [
        (b"\x89PNG\r\n\x1a\nrest", ErrorKind.DAMAGED),
        (b"an image", ErrorKind.NOT_AN_IMAGE),
        (b"<svg xmlns=''/>", ErrorKind.OTHER_FORMAT),
        (b"\0\0\0\x1cftypavif", ErrorKind.DAMAGED),
    ],
)
def test_how_a_file_begins_tells_what_it_is(content: bytes, fault: ErrorKind) -> None:
    with pytest.raises(ImageError) as caught:
        decode_image(content, ImageSpec(*SIZE))
    assert caught.value.error_kind == fault


@pytest.mark.parametrize("format", ["ICO", "JPEG2000", "PPM", "TGA"])
def test_another_format_of_images_is_told(format: str) -> None:
    with pytest.raises(ImageError, match="which is not read; save it as a JPEG") as caught:
        decode_image(encode(Image.new("L", SIZE), format), ImageSpec(*SIZE))
    assert caught.value.error_kind == ErrorKind.OTHER_FORMAT


def test_what_is_no_file_is_told(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path, reason in ((tmp_path, "is a folder"), (tmp_path / "pipe", "is no ordinary file")):
        with pytest.raises(ImageError, match=reason):
            decode_image(path, ImageSpec(*SIZE))


def test_random_damage_never_escapes_as_another_error() -> None:
    generator = np.random.default_rng(0)
    image = Image.fromarray(random_grey(40, 40)).convert("RGB")
    messages = []
    for content in (encode(image), encode(image, "JPEG"), encode(image, "WEBP")):
        for _ in range(100):
            damaged = np.frombuffer(content, np.uint8).copy()
            places = generator.integers(0, len(damaged), 5)
            damaged[places] = generator.integers(0, 256, 5)
            try:
                assert decode_image(damaged.tobytes(), ImageSpec(*SIZE)).pixels.shape == SIZE
            except DataError as error:
                messages.append(str(error))

    assert messages, "some damage must be noticed"
    assert all(message.startswith("the image: is ") for message in messages)
    assert not any("\n" in message for message in messages)


def test_text_file(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_text("not an image")

    with pytest.raises(DataError, match=r"a\.png: is text, not an image"):
        decode_image(tmp_path / "a.png", ImageSpec(*SIZE))


def test_empty_missing_and_folder(tmp_path: Path) -> None:
    (tmp_path / "empty.png").touch()

    with pytest.raises(DataError, match=r"empty\.png is empty \(0 bytes\)"):
        decode_image(tmp_path / "empty.png", ImageSpec(*SIZE))
    with pytest.raises(DataError, match=r"nowhere\.png: no such image file"):
        decode_image(tmp_path / "nowhere.png", ImageSpec(*SIZE))


def test_file_over_20_megabytes(tmp_path: Path) -> None:
    with (tmp_path / "big.png").open("wb") as stream:
        stream.truncate(20_000_001)

    with pytest.raises(DataError, match=r"big\.png is over 20 MB"):
        decode_image(tmp_path / "big.png", ImageSpec(*SIZE))


@pytest.mark.parametrize(("width", "height"), [(8193, 8192), (10_000, 10_000), (60_000, 60_000)])
def test_image_over_64_megapixels_is_refused_before_decoding(width: int, height: int) -> None:
    with pytest.raises(DataError, match="megapixels"):
        decode_image(make_png_header(width, height), ImageSpec(*SIZE))


def test_pillow_warnings_do_not_reach_the_terminal(tmp_path: Path) -> None:
    (tmp_path / "bomb.png").write_bytes(make_png_header(10_000, 10_000))
    program = (
        "import sys; from pathlib import Path; from hangtag.images.decoding import decode_image\n"
        "from hangtag.images.spec import ImageSpec\n"
        "try: decode_image(Path(sys.argv[1]), ImageSpec(28, 28))\n"
        "except Exception as error: print(error)"
    )

    result = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path / "bomb.png")],
        capture_output=True,
        text=True,
        check=True,
    )

    assert "is 10000x10000 pixels; expected at most 64 megapixels" in result.stdout
    assert result.stderr == ""
