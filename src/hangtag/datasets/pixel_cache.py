"""Decoded pixels kept on disk, so that a dataset is decoded once.

    FOLDER/224x224x3-3/KEY.pixels

holds the pixels (N, H, W, C) uint8, to be mapped into memory, then for each image 16 bytes of hash
and one of state. KEY is the hash of these hashes, which are of the contents of the files in their
order; the name of the folder holds the shape and the version of the decoding. So what lies there
can never be stale, and may be deleted at any time: a mapped file stays until its readers let go.
Files appear whole, so any number of processes may read and write side by side.
"""

import hashlib
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import ImageError, OutputError
from hangtag.files.atomic import atomic_path, make_folder, reserve_space
from hangtag.files.paths import is_file
from hangtag.images.decoding import DecodedImage, decode_image
from hangtag.images.limits import MAX_FILE_BYTES
from hangtag.images.mending import Damage
from hangtag.images.spec import ImageSpec

VERSION = 3
"""To be raised when `decode_image` gives other pixels for the same file."""

MIN_IMAGES = 256
"""Images below which decoding takes no longer than a second, so that keeping them is no gain."""

SUFFIX = ".pixels"

FINE, RESIZED, BROKEN = 0, 1, 2
DAMAGES = {Damage.NO_END: 4, Damage.METADATA: 8}
"""States of images; what is added to the state of one whose file is damaged, but was read."""

ABANDONED = 86_400.0
"""Seconds after which an unfinished file is assumed to be left by a killed process."""

_HASH_BYTES = 16
_INDEX_BYTES = _HASH_BYTES + 1
"""Bytes for each image behind the pixels."""

Pixels = NDArray[np.uint8]

Decode = Callable[[Sequence[Path], ImageSpec], Iterator[DecodedImage | ImageError]]
"""Decodes image files, in order; an ImageError stands for one that cannot be read."""

OnImage = Callable[[], None]
"""Called for each image that is decoded or found."""


@dataclass(frozen=True, slots=True)
class Decoded:
    """Image files as pixels.

    Attributes:
        pixels: (N, H, W) or (N, H, W, 3); black for a broken image.
        states: FINE, RESIZED or BROKEN, plus one of `DAMAGES` where a file is damaged, (N,)
            uint8.
        errors: What is wrong with each broken image, by its position.
        unkept: Why the cache that was asked for could not keep them; None where it did.
    """

    pixels: Pixels
    states: NDArray[np.uint8]
    errors: dict[int, ImageError]
    unkept: OutputError | None = None


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a cleaning did.

    Attributes:
        deleted: Datasets whose pixels were deleted.
        freed: Bytes that were deleted.
        left: Bytes that are still kept.
    """

    deleted: int
    freed: int
    left: int


@dataclass(frozen=True, slots=True)
class _KeptFile:
    """The pixels of a dataset on disk."""

    used: float
    bytes: int
    path: Path


def decode_here(paths: Sequence[Path], spec: ImageSpec) -> Iterator[DecodedImage | ImageError]:
    """Decodes image files one after the other, in this process."""
    for path in paths:
        try:
            yield decode_image(path, spec)
        except ImageError as error:
            yield error


def read_pixels(
    paths: Sequence[Path],
    spec: ImageSpec,
    *,
    decode: Decode = decode_here,
    cache: Path | None = None,
    on_image: OnImage = lambda: None,
) -> Decoded:
    """Decodes image files to `spec`, or finds their pixels in the folder `cache`.

    Without a cache, or where it cannot be written, the pixels are in memory. From the cache they
    are mapped; writing to them changes no file.
    """
    unkept = None
    if cache is not None and len(paths) >= MIN_IMAGES:
        try:
            return PixelCache(cache, spec).read(paths, decode, on_image=on_image)
        except OutputError as error:
            unkept = error
    decoded = Decoded(
        np.zeros((len(paths), *spec.shape), np.uint8),
        np.zeros(len(paths), np.uint8),
        {},
        unkept,
    )
    _decode_into(decoded, np.arange(len(paths)), paths, spec, decode, on_image)
    return decoded


class PixelCache:
    """The folder of decoded pixels of one spec.

    Args:
        folder: Where the cache is; made where missing.
        spec: The shape of the images.

    Raises:
        OutputError: The folder cannot be made.
    """

    def __init__(self, folder: Path, spec: ImageSpec) -> None:
        self._spec = spec
        name = f"{spec.height}x{spec.width}x{spec.channels}-{VERSION}"
        self._folder = make_folder(folder / name)

    def read(
        self, paths: Sequence[Path], decode: Decode, *, on_image: OnImage = lambda: None
    ) -> Decoded:
        """Returns the pixels of the files, decoding those that are not kept.

        Raises:
            OutputError: The cache cannot be written.
        """
        hashes = np.stack([_hash_file(path) for path in paths])
        target = self._folder / f"{_key_of(hashes)}{SUFFIX}"
        kept = self._open(target)
        if kept is None:
            return self._write(target, paths, hashes, decode, on_image)
        with suppress(OSError):
            target.touch()  # for those who clean: it was used just now
        pixels, index = kept
        for _ in paths:
            on_image()
        decoded = Decoded(pixels, index[:, -1].copy(), {})
        broken = np.flatnonzero(decoded.states == BROKEN)  # decoded again, to say what is wrong
        _decode_into(decoded, broken, paths, self._spec, decode, lambda: None)
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
        size = len(paths) * (math.prod(self._spec.shape) + _INDEX_BYTES)
        states = np.full(len(paths), BROKEN, np.uint8)
        with atomic_path(target) as temporary:
            content: Pixels = np.memmap(temporary, np.uint8, "w+", shape=(size,))
            reserve_space(temporary)
            pixels, index = self._divide(content)
            decoded = Decoded(pixels, states, {})
            self._take_over(decoded, hashes, on_image)
            missing = np.flatnonzero(states == BROKEN)
            _decode_into(decoded, missing, paths, self._spec, decode, on_image)
            index[:, :-1], index[:, -1] = hashes, states
        kept = self._open(target)
        return replace(decoded, pixels=kept[0]) if kept else decoded

    def _take_over(self, decoded: Decoded, hashes: NDArray[np.uint8], on_image: OnImage) -> None:
        """Copies the images with these hashes that any file of the cache holds."""
        places: dict[bytes, list[int]] = {}
        for position, row in enumerate(hashes):
            places.setdefault(row.tobytes(), []).append(position)
        for path in sorted(self._folder.glob(f"[!.]*{SUFFIX}")):
            kept = self._open(path)
            for image, row in zip(*kept, strict=True) if kept else ():
                if row[-1] == BROKEN:
                    continue
                for position in places.pop(row[:-1].tobytes(), ()):
                    decoded.pixels[position], decoded.states[position] = image, row[-1]
                    on_image()

    def _open(self, path: Path) -> tuple[Pixels, NDArray[np.uint8]] | None:
        """Maps a file of the cache; None where it is missing, or someone made it unusable."""
        try:
            content = np.memmap(path, np.uint8, "c")
        except (OSError, ValueError):
            return None
        pixels, index = self._divide(content)
        return (pixels, index.copy()) if path.stem == _key_of(index[:, :-1]) else None

    def _divide(self, content: Pixels) -> tuple[Pixels, NDArray[np.uint8]]:
        """Returns the pixels and the index (N, _INDEX_BYTES) in a file's content, as views."""
        size = math.prod(self._spec.shape)
        images = len(content) // (size + _INDEX_BYTES)
        pixels, index = content[: images * size], content[images * size :][: images * _INDEX_BYTES]
        return pixels.reshape(images, *self._spec.shape), index.reshape(images, _INDEX_BYTES)


def clean_pixels(folder: Path, *, keep: int = 0) -> Cleaned:
    """Deletes the pixels unused for longest until at most `keep` bytes are left.

    Also deletes what killed processes left. Safe beside processes that use the cache: a file that
    is mapped stays until its readers let go, one that is being written has another name, and one
    that is missing is decoded again. Folders stay, as a process may be about to write into one.

    Args:
        folder: The cache, may be missing.
        keep: Bytes that may stay, those used last.

    Raises:
        OutputError: A file cannot be deleted.
    """
    kept = sorted(_list_kept(folder), key=lambda file: file.used)
    left = sum(file.bytes for file in kept)
    deleted = freed = 0
    try:
        for file in kept:
            if left <= keep:
                break
            file.path.unlink(missing_ok=True)
            deleted, freed, left = deleted + 1, freed + file.bytes, left - file.bytes
        freed += _delete_abandoned(folder)
    except OSError as error:
        raise OutputError(
            f"cannot delete {error.filename}: {error.strerror}; check the permissions"
        ) from error
    return Cleaned(deleted, freed, left)


def _key_of(hashes: NDArray[np.uint8]) -> str:
    """Names the pixels of images with these hashes (N, _HASH_BYTES), in this order."""
    return hashlib.blake2b(hashes.tobytes(), digest_size=_HASH_BYTES).hexdigest()


def _decode_into(
    decoded: Decoded,
    positions: NDArray[np.intp],
    paths: Sequence[Path],
    spec: ImageSpec,
    decode: Decode,
    on_image: OnImage,
) -> None:
    """Decodes the files at `positions` and notes pixels, states and errors."""
    outcomes = decode([paths[position] for position in positions], spec)
    for position, outcome in zip(positions.tolist(), outcomes, strict=True):
        if isinstance(outcome, ImageError):
            decoded.errors[position], decoded.states[position] = outcome, BROKEN
        else:
            decoded.pixels[position] = outcome.pixels
            decoded.states[position] = RESIZED if outcome.resized else FINE
            if outcome.damage:
                decoded.states[position] += DAMAGES[outcome.damage]
        on_image()


def _hash_file(path: Path) -> NDArray[np.uint8]:
    """Hashes a file's content, (16,) uint8; one that cannot be read is like an empty one."""
    digest = hashlib.blake2b(digest_size=_HASH_BYTES)
    if is_file(path):  # reading a pipe would wait for ever
        with suppress(OSError), path.open("rb") as stream:
            digest.update(stream.read(MAX_FILE_BYTES + 1))
    return np.frombuffer(digest.digest(), np.uint8)


def _list_kept(folder: Path) -> list[_KeptFile]:
    found = []
    for path in folder.glob(f"*/[!.]*{SUFFIX}"):
        with suppress(FileNotFoundError):  # another process was faster
            status = path.stat()
            found.append(_KeptFile(status.st_mtime, status.st_size, path))
    return found


def _delete_abandoned(folder: Path) -> int:
    """Deletes what was never finished; returns bytes."""
    freed, now = 0, time.time()
    for path in folder.glob("*/.*"):
        with suppress(FileNotFoundError):
            found = path.stat()
            if now - found.st_mtime > ABANDONED:
                path.unlink()
                freed += found.st_size
    return freed
