"""Mirrors of Fashion-MNIST: a folder, the Debian package, the official address over HTTP.

A download that was cut off goes on where it stopped.
"""

import http.client
import os
import re
import shutil
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from hangtag.errors import FetchError, OutputError
from hangtag.files.atomic import make_folder
from hangtag.progress import OnProgress

SYSTEM_FOLDER = Path("/usr/share/datasets/fashion-mnist")
OFFICIAL_ADDRESS = "http://fashion-mnist.s3-website.eu-central-1.amazonaws.com"

_POLL_SECONDS = 0.1
_PACKAGE = "dataset-fashion-mnist"
_COMPRESSED_BYTES = {
    "train-images-idx3-ubyte": 26_421_880,
    "train-labels-idx1-ubyte": 29_515,
    "t10k-images-idx3-ubyte": 4_422_102,
    "t10k-labels-idx1-ubyte": 5_148,
}
"""Sizes at the official address, for the progress bar only."""

Opener = Callable[..., Any]
"""Like ``urllib.request.urlopen``: takes a Request and ``timeout``, returns a response."""

_CHUNK_BYTES = 1 << 16
_TIMEOUT_SECONDS = 30
_PAUSE_SECONDS = 1.0
_ATTEMPTS = 3
"""How many tries in a row may bring nothing before it gives up."""

_NETWORK_ERRORS = (
    urllib.error.URLError,
    http.client.HTTPException,
    ConnectionError,
    TimeoutError,
)


class Mirror(Protocol):
    """A place that may have the four IDX files.

    Attributes:
        name: What an error calls it.
        online: Whether it needs the network.
    """

    name: str
    online: bool

    def obtain(self, names: Sequence[str], work: Path, on_progress: OnProgress) -> Path:
        """Returns a folder with the files `names`, each plain or with ``.gz`` after its name.

        Args:
            names: The plain names of the files that are wanted.
            work: An existing folder of this mirror's own, which survives an interruption.
            on_progress: Called as bytes arrive.

        Raises:
            FetchError: The mirror is not available.
        """
        ...


@dataclass
class FolderMirror:
    """A folder on this machine."""

    folder: Path
    name: str
    online: bool = False

    def obtain(self, names: Sequence[str], work: Path, on_progress: OnProgress) -> Path:
        """Returns the folder; raises FetchError when a file is not there."""
        for name in names:
            if not any((self.folder / file).is_file() for file in (name, f"{name}.gz")):
                raise FetchError(f"{self.folder} has no {name}")
        return self.folder


@dataclass
class OfficialMirror:
    """The data set's own address, over HTTP, resumable."""

    address: str = OFFICIAL_ADDRESS
    opener: Opener = urllib.request.urlopen
    name: str = "official address"
    online: bool = True

    def obtain(self, names: Sequence[str], work: Path, on_progress: OnProgress) -> Path:
        """Downloads what `work` does not hold yet; raises FetchError when the server fails."""
        total = sum(_COMPRESSED_BYTES[name] for name in names)
        before = 0
        for name in names:
            target = work / f"{name}.gz"
            if not target.exists():
                download(
                    f"{self.address}/{name}.gz",
                    target,
                    on_progress=_count_from(before, total, on_progress),
                    opener=self.opener,
                )
            before += target.stat().st_size
        return work


def _count_from(before: int, total: int, on_progress: OnProgress) -> OnProgress:
    """Returns a function that reports one file's bytes as part of all files' bytes."""

    def report(done: int, _: int | None) -> None:
        on_progress(before + done, total)

    return report


Runner = Callable[[Sequence[str], Path, Callable[[], None]], str | None]
"""Runs a command in a folder, calling back now and then; returns its complaint, None if fine."""


def run_command(command: Sequence[str], folder: Path, on_wait: Callable[[], None]) -> str | None:
    """Runs `command` in `folder`, calling `on_wait` ten times a second.

    Returns:
        None when it succeeded, else its last line on stderr that names an error.
    """
    environment = {**os.environ, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    with tempfile.TemporaryFile() as log:
        try:
            process = subprocess.Popen(
                command,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=log,
            )
        except OSError as error:
            return f"{command[0]} cannot be started: {error.strerror or error}"
        with process:
            try:
                while process.poll() is None:
                    on_wait()
                    time.sleep(_POLL_SECONDS)
            finally:
                process.kill()
        if process.returncode == 0:
            return None
        log.seek(0)
        lines = log.read().decode(errors="replace").split("\n")
    said = [line.strip() for line in lines if line.strip() and not line.startswith("W:")]
    return said[-1] if said else f"{command[0]} ended with code {process.returncode}"


@dataclass
class DebianMirror:
    """Debian's package, by apt-get in folders of its own, so it needs no root and no lock."""

    run: Runner = run_command
    find_program: Callable[[str], str | None] = shutil.which
    name: str = f"Debian package {_PACKAGE}"
    online: bool = True

    def obtain(self, names: Sequence[str], work: Path, on_progress: OnProgress) -> Path:
        """Downloads and unpacks the package; raises FetchError when a command fails."""
        for program in ("apt-get", "dpkg-deb"):
            if not self.find_program(program):
                raise FetchError(f"{program} is not installed")
        work = work.absolute()  # apt takes a relative folder from the root.
        apt_get = ["apt-get", "-q", *_apt_options(work)]

        def report() -> None:
            on_progress(sum(path.stat().st_size for path in work.glob("*.deb")), None)

        # An update that fails for one of several archives may still know the package.
        stale = self.run([*apt_get, "update"], work, report)
        failure = self.run([*apt_get, "download", _PACKAGE], work, report)
        packages = sorted(work.glob("*.deb"), key=lambda path: path.stat().st_mtime)
        if failure or not packages:
            raise FetchError("; ".join(filter(None, [failure or "no package came", stale])))
        unpacked = make_folder(work / "unpacked")
        failure = self.run(["dpkg-deb", "-x", str(packages[-1]), str(unpacked)], work, report)
        if failure:
            raise FetchError(failure)
        return unpacked / SYSTEM_FOLDER.relative_to("/")


def _apt_options(work: Path) -> list[str]:
    state, cache = work / "state", work / "cache"
    make_folder(state / "lists" / "partial")
    make_folder(cache / "archives" / "partial")
    settings = {
        "Dir::State": state,
        "Dir::Cache": cache,
        "APT::Sandbox::User": "root",  # The usual user may not enter a home folder.
        "Acquire::Retries": 1,
        "Acquire::http::Timeout": 20,
        "Acquire::https::Timeout": 20,
    }
    return [part for key, value in settings.items() for part in ("-o", f"{key}={value}")]


def download(
    url: str,
    target: Path,
    *,
    on_progress: OnProgress | None = None,
    opener: Opener = urllib.request.urlopen,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """Downloads `url` to `target`, through ``target.part``, which a later call resumes.

    Args:
        url: The address.
        target: Where to; appears only when all bytes have arrived.
        on_progress: Called with the bytes present and the whole size (None while unknown).
        opener: Opens the connection; a test passes its own.
        sleep: Waits between tries, in seconds; a test passes its own.

    Raises:
        FetchError: The server cannot be reached, refuses, or keeps cutting the connection.
        OutputError: The file cannot be written.
    """
    part = target.with_name(target.name + ".part")
    failures = 0
    while True:
        present = _measure(part)
        try:
            _continue_download(url, part, on_progress, opener)
            os.replace(part, target)
            return
        except _NETWORK_ERRORS as error:
            failures = 1 if _measure(part) > present else failures + 1
            if failures >= _ATTEMPTS or _is_final(error):
                raise FetchError(f"{url}: {_explain(error)}") from error
            sleep(_PAUSE_SECONDS)
        except OSError as error:
            raise OutputError(
                f"cannot write {part}: {error.strerror or error}; check the free space"
            ) from error


def _continue_download(
    url: str, part: Path, on_progress: OnProgress | None, opener: Opener
) -> None:
    present = _measure(part)
    request = urllib.request.Request(url)
    if present:
        request.add_header("Range", f"bytes={present}-")
    try:
        response = opener(request, timeout=_TIMEOUT_SECONDS)
    except urllib.error.HTTPError as error:
        if error.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            part.unlink(missing_ok=True)  # More is there than the file has: start afresh.
        raise
    with response:
        start, total = _read_extent(response)
        if start not in (0, present):
            raise http.client.HTTPException(f"asked for byte {present}, received byte {start}")
        received = start
        with part.open("ab" if start else "wb") as stream:
            while chunk := response.read(_CHUNK_BYTES):
                stream.write(chunk)
                received += len(chunk)
                if on_progress:
                    on_progress(received, total)
    if total is not None and received > total:
        part.unlink()
        raise FetchError(f"{url}: received {received} bytes of a file of {total} bytes")
    if total is not None and received < total:
        raise http.client.IncompleteRead(b"", total - received)


def _read_extent(response: Any) -> tuple[int, int | None]:
    """Returns where the response starts in the file and how long the file is, if it says."""
    if response.status == http.HTTPStatus.PARTIAL_CONTENT:
        content_range = response.headers.get("Content-Range", "")
        match = re.fullmatch(r"bytes (\d+)-\d+/(\d+|\*)", content_range)
        if not match:
            raise http.client.HTTPException(f"unreadable Content-Range '{content_range}'")
        return int(match[1]), None if match[2] == "*" else int(match[2])
    length = response.headers.get("Content-Length")
    return 0, None if length is None else int(length)


def _is_final(error: Exception) -> bool:
    """Says whether trying again is pointless: the server refused, or the address is wrong."""
    if isinstance(error, urllib.error.HTTPError):
        retried = (
            http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE,
            http.HTTPStatus.TOO_MANY_REQUESTS,
        )
        return error.code < 500 and error.code not in retried
    return isinstance(error, http.client.InvalidURL)


def _explain(error: Exception) -> str:
    if isinstance(error, urllib.error.HTTPError):
        return f"the server answered {error.code} {error.reason}"
    if isinstance(error, http.client.IncompleteRead):
        return "the connection was cut before the end"
    reason = getattr(error, "reason", None) or error
    return " ".join(str(reason).split()) or type(error).__name__


def _measure(part: Path) -> int:
    return part.stat().st_size if part.exists() else 0
