"""The program of a decoder process; `decoder_pool` starts it and talks to it.

All integers are 32 bits, little-endian.

    request   count; height, width and channels; height and width of grey images that stay what
              they are, 0 where none do; then for each image 1 for a path or 2 for the bytes of a
              file, the length, and the path or the bytes
    answer    length of the JSON, the JSON, then the pixels of each image that was decoded

The JSON holds ``resized``, the indices of images that were resized; ``grey``, those of images that
stayed what they are; ``damaged``, pairs of index and damage of files that were mended; and
``errors``, lists of index, kind and message, of images without pixels. An image that takes longer
than the limit ends the process with SIGALRM, even inside a decoder that never returns to Python.
One that needs more memory than `MAX_PROCESS_BYTES` becomes an error where the system lets the
memory of a process be limited (Linux).
"""

import json
import os
import resource
import signal
import struct
import sys
from collections.abc import Sequence
from typing import BinaryIO

from hangtag.errors import ImageError
from hangtag.images.decoding import decode_image
from hangtag.images.limits import MAX_PROCESS_BYTES
from hangtag.images.spec import ImageSpec

READY = b"R"
"""What the process writes first, once it can decode."""

REQUEST = struct.Struct("<6I")
IMAGE = struct.Struct("<2I")
LENGTH = struct.Struct("<I")

_PATH, _BYTES = 1, 2


def serve(seconds: float) -> None:
    """Answers requests on standard input until it ends; `seconds` is the limit for one image."""
    import PIL.Image  # noqa: F401  (loaded before it says that it is ready)

    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # libraries below Pillow write where they like
        os.dup2(silence, stream)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _limit_memory()
    try:
        answers.write(READY)
        answers.flush()
        while header := requests.read(REQUEST.size):
            count, *numbers = REQUEST.unpack(header)
            images = [_read_image(requests) for _ in range(count)]
            answers.write(_answer(images, *_unpack_specs(*numbers), seconds))
            answers.flush()
    except (BrokenPipeError, struct.error):
        os._exit(0)  # The process that asked is gone.


def pack_request(
    images: Sequence[str | bytes], spec: ImageSpec, grey_spec: ImageSpec | None
) -> bytes:
    """Returns the request to decode paths and the bytes of files."""
    grey = grey_spec.size if grey_spec else (0, 0)
    parts = [REQUEST.pack(len(images), *spec.size, spec.channels, *grey)]
    for image in images:
        content = image if isinstance(image, bytes) else os.fsencode(image)
        kind = _BYTES if isinstance(image, bytes) else _PATH
        parts += [IMAGE.pack(kind, len(content)), content]
    return b"".join(parts)


def _limit_memory() -> None:
    """Makes an allocation fail that brings this process near a gigabyte."""
    if sys.platform == "linux":  # elsewhere the limit counts something else, or nothing
        _, most = resource.getrlimit(resource.RLIMIT_DATA)
        if most == resource.RLIM_INFINITY or most > MAX_PROCESS_BYTES:
            resource.setrlimit(resource.RLIMIT_DATA, (MAX_PROCESS_BYTES, most))


def _unpack_specs(
    height: int, width: int, channels: int, grey_height: int, grey_width: int
) -> tuple[ImageSpec, ImageSpec | None]:
    grey = ImageSpec(grey_height, grey_width) if grey_height else None
    return ImageSpec(height, width, channels), grey


def _read_image(requests: BinaryIO) -> str | bytes:
    kind, length = IMAGE.unpack(requests.read(IMAGE.size))
    content = requests.read(length)
    return content if kind == _BYTES else os.fsdecode(content)


def _answer(
    images: Sequence[str | bytes], spec: ImageSpec, grey_spec: ImageSpec | None, seconds: float
) -> bytes:
    pixels: list[bytes] = []
    resized: list[int] = []
    grey: list[int] = []
    damaged: list[tuple[int, str]] = []
    errors: list[tuple[int, str, str]] = []
    for index, image in enumerate(images):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            decoded = decode_image(image, spec, grey_spec=grey_spec)
        except ImageError as error:
            errors.append((index, error.error_kind, str(error)))
            continue
        pixels.append(decoded.pixels.tobytes())
        if decoded.resized:
            resized.append(index)
        if decoded.pixels.shape != spec.shape:
            grey.append(index)
        if decoded.damage:
            damaged.append((index, decoded.damage))
    signal.setitimer(signal.ITIMER_REAL, 0)
    lists = {"resized": resized, "grey": grey, "damaged": damaged, "errors": errors}
    outcome = json.dumps(lists).encode()
    return b"".join([LENGTH.pack(len(outcome)), outcome, *pixels])
