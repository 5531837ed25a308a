"""The program of a decoder process; `decoders` starts it and talks to it.

All integers are 32 bits, little-endian.

    request   count; height, width and channels; height and width of grey images that stay what
              they are, 0 where none do; then the length of each path and the path
    answer    length of the JSON, the JSON, then the pixels of each image that was decoded

The JSON holds ``resized``, the indices of images that were resized; ``grey``, those of images that
stayed what they are; and ``errors``, lists of index, kind and message, of images without pixels. An
image that takes longer than the limit ends the process with SIGALRM, even inside a decoder that
never returns to Python.
"""

import json
import os
import signal
import struct
from pathlib import Path
from typing import BinaryIO

from hangtag.errors import ImageError
from hangtag.images.decoding import decode_image
from hangtag.images.items import Wanted

READY = b"R"
"""What the process writes first, once it can decode."""

REQUEST = struct.Struct("<6I")
LENGTH = struct.Struct("<I")


def serve(seconds: float) -> None:
    """Answers requests on standard input until it ends; `seconds` is the limit for one image."""
    import PIL.Image  # noqa: F401  (loaded before it says that it is ready)

    requests = os.fdopen(os.dup(0), "rb")
    answers = os.fdopen(os.dup(1), "wb")
    silence = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):  # libraries below Pillow write where they like
        os.dup2(silence, stream)
    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    try:
        answers.write(READY)
        answers.flush()
        while header := requests.read(REQUEST.size):
            count, *numbers = REQUEST.unpack(header)
            paths = [_read_path(requests) for _ in range(count)]
            answers.write(_answer(paths, _unpack_wanted(*numbers), seconds))
            answers.flush()
    except (BrokenPipeError, struct.error):
        os._exit(0)  # The process that asked is gone.


def pack_request(count: int, wanted: Wanted) -> bytes:
    """Returns the head of a request for `count` images."""
    return REQUEST.pack(count, *wanted.size, wanted.channels, *(wanted.grey or (0, 0)))


def _unpack_wanted(height: int, width: int, channels: int, *grey: int) -> Wanted:
    return Wanted((height, width), channels, (grey[0], grey[1]) if any(grey) else None)


def _read_path(requests: BinaryIO) -> Path:
    (length,) = LENGTH.unpack(requests.read(LENGTH.size))
    return Path(os.fsdecode(requests.read(length)))


def _answer(paths: list[Path], wanted: Wanted, seconds: float) -> bytes:
    pixels: list[bytes] = []
    resized: list[int] = []
    grey: list[int] = []
    errors: list[tuple[int, str, str]] = []
    for index, path in enumerate(paths):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            decoded = decode_image(
                path, size=wanted.size, channels=wanted.channels, grey=wanted.grey
            )
        except ImageError as error:
            errors.append((index, error.error_kind, str(error)))
            continue
        pixels.append(decoded.pixels.tobytes())
        if decoded.resized:
            resized.append(index)
        if decoded.pixels.shape != wanted.shape:
            grey.append(index)
    signal.setitimer(signal.ITIMER_REAL, 0)
    told = json.dumps({"resized": resized, "grey": grey, "errors": errors}).encode()
    return b"".join([LENGTH.pack(len(told)), told, *pixels])
