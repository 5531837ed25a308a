"""Obtains Fashion-MNIST from the nearest mirror that has it, verified by its content.

The cache keeps the four IDX files decompressed, in ``$HANGTAG_HOME/fashion-mnist``, by default
``~/.cache/hangtag/fashion-mnist``.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from hangtag.datasets.mirrors import (
    SYSTEM_FOLDER,
    DebianMirror,
    FolderMirror,
    Mirror,
    OfficialMirror,
)
from hangtag.errors import DataError, FetchError, OutputError
from hangtag.files.atomic import make_folder, write_bytes
from hangtag.files.gzipped import read_plain
from hangtag.progress import OnProgress

FASHION_MNIST = "fashion-mnist"

FASHION_MNIST_FILES: Mapping[str, Mapping[str, str]] = {
    "train-images-idx3-ubyte": {
        "sha256": "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
    },
    "train-labels-idx1-ubyte": {
        "sha256": "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        "md5": "9018921c3c673c538a1fc5bad174d6f9",
    },
    "t10k-images-idx3-ubyte": {
        "sha256": "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
    },
    "t10k-labels-idx1-ubyte": {
        "sha256": "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        "md5": "15d484375f8d13e6eb1aabb0c3f46965",
    },
}
"""Hashes of the decompressed files. Published are the sha256 of the images and the md5 of the
labels; the sha256 of the labels was computed from files that pass the md5."""

Hashes = Mapping[str, Mapping[str, str]]
"""For each file, the hex digest by the name of the algorithm."""


def cache_home() -> Path:
    """Returns the cache folder: ``$HANGTAG_HOME``, or ``~/.cache/hangtag`` when it is not set.

    Raises:
        OutputError: The user has no home folder, or ``$HANGTAG_HOME`` names a user who is not
            there.
    """
    home = os.environ.get("HANGTAG_HOME") or "~/.cache/hangtag"
    try:
        return Path(home).expanduser()
    except RuntimeError as error:
        raise OutputError(
            f"the cache folder {home} is in a home folder that does not exist; set HANGTAG_HOME to "
            "a folder that can be written"
        ) from error


def fetch_fashion_mnist(
    home: Path,
    *,
    offline: bool = False,
    on_progress: OnProgress | None = None,
    mirrors: Sequence[Mirror] | None = None,
    hashes: Hashes = FASHION_MNIST_FILES,
) -> Path:
    """Returns the folder in the cache `home` with the four IDX files, fetching what is missing.

    Files in the cache count only when their content is right; a damaged one is fetched again.
    Files put there by hand, gzip or not, are copied. Two processes may fetch at once: the
    second waits for the first. An interrupted download is resumed by the next call.

    Args:
        home: The cache folder; made when missing.
        offline: Whether to leave out the mirrors that need the network.
        on_progress: Called with the bytes obtained and expected (None where unknown).
        mirrors: Where to look, best first; by default the system's folder, Debian's package and
            the official address.
        hashes: What the content of each file must be.

    Raises:
        FetchError: No mirror has the files; the line says why for each, and the manual way.
        OutputError: The cache cannot be written.
    """
    home = home.absolute()
    folder = home / FASHION_MNIST
    if not _list_wrong(folder, hashes):
        return folder
    with _lock(home / f"{FASHION_MNIST}.lock"):
        failures = []
        for mirror in [FolderMirror(folder, "cache"), *(mirrors or _default_mirrors())]:
            # Also finds what another process fetched while this one waited for the lock.
            missing = _list_wrong(folder, hashes)
            if not missing:
                break
            if offline and mirror.online:
                failures.append(f"{mirror.name}: not tried, offline")
                continue
            try:
                _copy_files(mirror, missing, folder, hashes, on_progress or _ignore)
            except (DataError, FetchError) as error:
                failures.append(f"{mirror.name}: {error}")
        if _list_wrong(folder, hashes):
            raise FetchError(_explain_failure(folder, failures, hashes))
        shutil.rmtree(_work_folder(folder), ignore_errors=True)
    return folder


def _default_mirrors() -> list[Mirror]:
    return [FolderMirror(SYSTEM_FOLDER, "system"), DebianMirror(), OfficialMirror()]


def _copy_files(
    mirror: Mirror, missing: Sequence[str], folder: Path, hashes: Hashes, on_progress: OnProgress
) -> None:
    """Copies the files `missing` from `mirror` to `folder`, verified and decompressed."""
    work = make_folder(_work_folder(folder) / mirror.name.replace(" ", "-"))
    obtained = mirror.obtain(missing, work, on_progress)
    try:
        for name in missing:
            write_bytes(folder / name, _read_verified(obtained, name, hashes[name]))
    except DataError:
        # What came is not the data set: the next call must not resume from it.
        shutil.rmtree(work, ignore_errors=True)
        raise


def _read_verified(folder: Path, name: str, expected: Mapping[str, str]) -> bytes:
    """Returns the plain content of ``NAME`` or ``NAME.gz``, whichever is as expected."""
    problem = DataError(f"{folder} has no {name}")
    for path in (folder / name, folder / f"{name}.gz"):
        if not path.exists():
            continue
        try:
            content = read_plain(path)
        except DataError as error:
            problem = error
            continue
        if _is_right(content, expected):
            return content
        problem = DataError(f"{path} differs from the published file")
    raise problem


def _is_right(content: bytes, expected: Mapping[str, str]) -> bool:
    return all(
        hashlib.new(algorithm, content, usedforsecurity=False).hexdigest() == digest
        for algorithm, digest in expected.items()
    )


def _list_wrong(folder: Path, hashes: Hashes) -> list[str]:
    """Returns the names of the plain files that are missing from `folder` or damaged."""
    wrong = []
    for name, expected in hashes.items():
        path = folder / name
        try:
            right = path.is_file() and _is_right(path.read_bytes(), expected)
        except OSError:
            right = False
        if not right:
            wrong.append(name)
    return wrong


def _work_folder(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.part")


def _explain_failure(folder: Path, failures: Sequence[str], hashes: Hashes) -> str:
    return (
        f"cannot obtain {FASHION_MNIST}: {'; '.join(failures)}. "
        f"By hand: put {', '.join(hashes)} (each plain or with .gz) into {folder}"
    )


def _ignore(done: int, total: int | None) -> None:
    """Shows no progress."""


@contextmanager
def _lock(path: Path) -> Iterator[None]:
    """Lets one process at a time run the block; the kernel frees the lock when one dies."""
    make_folder(path.parent)
    try:
        stream = path.open("w")
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; "
            "set HANGTAG_HOME to a folder that can be written"
        ) from error
    with stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        yield
