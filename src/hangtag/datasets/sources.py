"""Where Fashion-MNIST can come from: a folder, Debian's package, the official address."""

import os
import shutil
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from hangtag.datasets.download import Opener, download
from hangtag.errors import FetchError
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


class Source(Protocol):
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
            work: An existing folder of this source's own, which survives an interruption.
            on_progress: Called as bytes arrive.

        Raises:
            FetchError: The source is not available.
        """
        ...


@dataclass
class FolderSource:
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
class OfficialSource:
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
class DebianSource:
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
