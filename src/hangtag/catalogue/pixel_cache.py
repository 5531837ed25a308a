"""Decoded pixels kept on disk, so that a catalogue is decoded once.

    FOLDER/224x224x3-2/KEY.npy     pixels (N, H, W, C) uint8, mapped into memory
    FOLDER/224x224x3-2/KEY.index   for each image 16 bytes of hash and one of state

KEY is the hash of the contents of the files in their order; the name of the folder holds the shape
and the version of the decoding. What lies there can never be stale, and may be deleted at any time:
a mapped file stays until its readers let go. Files appear whole, the index last, so any number
of processes may read and write side by side.
"""

import hashlib
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue.decoding import MAX_FILE_BYTES
from hangtag.catalogue.reading import Decode, ImageFormat, Reading
from hangtag.errors import ImageError, OutputError
from hangtag.files import atomic_path, make_folder, reserve_space

VERSION = 2
"""To be raised when `decode_image` gives other pixels for the same file."""

FEWEST = 256
"""Images below which decoding takes no longer than a second, so that keeping them is no gain."""

INDEX = ".index"

FINE, RESIZED, BROKEN = 0, 1, 2

_HASH_BYTES = 16

Pixels = NDArray[np.uint8]

OnImage = Callable[[], None]
"""Called for each image that is decoded or found."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Image files as pixels.

    Attributes:
        pixels: (N, H, W) or (N, H, W, 3); black for a broken image.
        states: FINE, RESIZED or BROKEN, (N,) uint8.
        errors: What is wrong with each broken image, by its position.
    """

    pixels: Pixels
    states: NDArray[np.uint8]
    errors: dict[int, ImageError]


def read_pixels(
    paths: Sequence[Path], reading: Reading, *, on_image: OnImage = lambda: None
) -> Decoded:
    """Decodes image files, or finds their pixels in the cache that `reading` names.

    Without a cache, or where it cannot be written, the pixels are in memory. From the cache they
    are mapped; writing to them changes no file.
    """
    if reading.cache is not None and len(paths) >= FEWEST:
        with suppress(OutputError):
            return PixelCache(reading.cache, reading.format).read(
                paths, reading.decode, on_image=on_image
            )
    decoded = Decoded(
        np.zeros((len(paths), *reading.format.shape), np.uint8),
        np.zeros(len(paths), np.uint8),
        {},
    )
    everything = np.arange(len(paths))
    _decode_into(decoded, everything, paths, reading.format, reading.decode, on_image)
    return decoded


class PixelCache:
    """The folder of decoded pixels of one format.

    Args:
        folder: Where the cache is; made where missing.
        format: The shape of the images.

    Raises:
        OutputError: The folder cannot be made.
    """

    def __init__(self, folder: Path, format: ImageFormat) -> None:
        self._format = format
        name = f"{format.height}x{format.width}x{format.channels}-{VERSION}"
        self._folder = make_folder(folder / name)

    def read(
        self, paths: Sequence[Path], decode: Decode, *, on_image: OnImage = lambda: None
    ) -> Decoded:
        """Returns the pixels of the files, decoding those that are not kept.

        Raises:
            OutputError: The cache cannot be written.
        """
        hashes = np.stack([_hash_file(path) for path in paths])
        key = hashlib.blake2b(hashes.tobytes(), digest_size=_HASH_BYTES).hexdigest()
        target = self._folder / f"{key}.npy"
        kept = self._open(target)
        if kept is None:
            return self._write(target, paths, hashes, decode, on_image)
        with suppress(OSError):
            target.with_suffix(INDEX).touch()  # for those who clean: it was used just now
        pixels, index = kept
        for _ in paths:
            on_image()
        decoded = Decoded(pixels, index[:, -1].copy(), {})
        broken = np.flatnonzero(decoded.states == BROKEN)  # decoded again, to say what is wrong
        _decode_into(decoded, broken, paths, self._format, decode, lambda: None)
        return decoded

    def _write(
        self,
        target: Path,
        paths: Sequence[Path],
        hashes: NDArray[np.uint8],
        decode: Decode,
        on_image: OnImage,
    ) -> Decoded:
        """Writes the pixels of the files, taking over what other files of the cache hold."""
        states = np.full(len(paths), BROKEN, np.uint8)
        with atomic_path(target) as temporary:
            pixels: Pixels = np.lib.format.open_memmap(
                temporary, "w+", np.uint8, (len(paths), *self._format.shape)
            )
            reserve_space(temporary)
            decoded = Decoded(pixels, states, {})
            self._take_over(decoded, hashes, on_image)
            missing = np.flatnonzero(states == BROKEN)
            _decode_into(decoded, missing, paths, self._format, decode, on_image)
        with atomic_path(target.with_suffix(INDEX)) as temporary:
            temporary.write_bytes(np.column_stack([hashes, states]).tobytes())
        return decoded

    def _take_over(self, decoded: Decoded, hashes: NDArray[np.uint8], on_image: OnImage) -> None:
        """Copies the images with these hashes that any file of the cache holds."""
        places: dict[bytes, list[int]] = {}
        for position, row in enumerate(hashes):
            places.setdefault(row.tobytes(), []).append(position)
        for path in sorted(self._folder.glob(f"*{INDEX}")):
            kept = self._open(path.with_suffix(".npy"))
            for image, row in zip(*kept, strict=True) if kept else ():
                if row[-1] == BROKEN:
                    continue
                for position in places.pop(row[:-1].tobytes(), ()):
                    decoded.pixels[position], decoded.states[position] = image, row[-1]
                    on_image()

    def _open(self, path: Path) -> tuple[Pixels, NDArray[np.uint8]] | None:
        """Maps a file of the cache; None where it is missing, or someone made it unusable."""
        try:
            pixels = np.load(path, mmap_mode="c", allow_pickle=False)
            content = path.with_suffix(INDEX).read_bytes()
            index = np.frombuffer(content, np.uint8).reshape(-1, _HASH_BYTES + 1)
        except (OSError, ValueError, EOFError):
            return None
        if pixels.dtype != np.uint8 or pixels.shape != (len(index), *self._format.shape):
            return None
        return pixels, index


def _decode_into(
    decoded: Decoded,
    positions: NDArray[np.intp],
    paths: Sequence[Path],
    format: ImageFormat,
    decode: Decode,
    on_image: OnImage,
) -> None:
    """Decodes the files at `positions` and notes pixels, states and errors."""
    outcomes = decode([paths[position] for position in positions], format)
    for position, outcome in zip(positions.tolist(), outcomes, strict=True):
        if isinstance(outcome, ImageError):
            decoded.errors[position], decoded.states[position] = outcome, BROKEN
        else:
            decoded.pixels[position] = outcome.pixels
            decoded.states[position] = RESIZED if outcome.resized else FINE
        on_image()


def _hash_file(path: Path) -> NDArray[np.uint8]:
    """Hashes a file's content, (16,) uint8; one that cannot be read is like an empty one."""
    digest = hashlib.blake2b(digest_size=_HASH_BYTES)
    with suppress(OSError, ValueError), path.open("rb") as stream:
        digest.update(stream.read(MAX_FILE_BYTES + 1))
    return np.frombuffer(digest.digest(), np.uint8)
