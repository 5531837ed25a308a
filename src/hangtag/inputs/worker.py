"""The program of a decoder process; `decoders` starts it and talks to it.

All integers are 32 bits, little-endian.

    request   count, height, width, channels, then the length of each path and the path
    answer    length of the JSON, the JSON, then the pixels (count, height, width, channels)

The JSON holds ``resized``, the indices of images that were fitted, and ``errors``, lists of index,
kind and message; the pixels of these images are black. An image that takes longer than the limit
ends the process with SIGALRM, even inside a decoder that never returns to Python.
"""

import json
import os
import signal
import struct
from pathlib import Path
from typing import BinaryIO

import numpy as np

from hangtag.catalogue.decoding import decode_image
from hangtag.errors import ImageError

READY = b"R"
"""What the process writes first, once it can decode."""

REQUEST = struct.Struct("<IIII")
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
            count, height, width, channels = REQUEST.unpack(header)
            paths = [_read_path(requests) for _ in range(count)]
            answers.write(_answer(paths, (height, width), channels, seconds))
            answers.flush()
    except (BrokenPipeError, struct.error):
        os._exit(0)  # The process that asked is gone.


def _read_path(requests: BinaryIO) -> Path:
    (length,) = LENGTH.unpack(requests.read(LENGTH.size))
    return Path(os.fsdecode(requests.read(length)))


def _answer(paths: list[Path], size: tuple[int, int], channels: int, seconds: float) -> bytes:
    pixels = np.zeros((len(paths), *size, channels), np.uint8)
    resized: list[int] = []
    errors: list[tuple[int, str, str]] = []
    for index, path in enumerate(paths):
        signal.setitimer(signal.ITIMER_REAL, seconds)
        try:
            decoded = decode_image(path, size=size, channels=channels)
        except ImageError as error:
            errors.append((index, error.fault, str(error)))
            continue
        pixels[index] = decoded.pixels.reshape(pixels[index].shape)
        if decoded.resized:
            resized.append(index)
    signal.setitimer(signal.ITIMER_REAL, 0)
    told = json.dumps({"resized": resized, "errors": errors}).encode()
    return LENGTH.pack(len(told)) + told + pixels.tobytes()
