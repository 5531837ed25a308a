"""The output folder of an audit, whose files appear as a set.

An audit writes into a hidden folder inside its output folder. When everything is written, that
folder is renamed, which is the moment of truth; then the files of the earlier audit are removed and
the new ones take their places. The output folder never holds files of two audits: what a killed
audit leaves is completed, or cleared, by the next one.
"""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from hangtag.audit.apply import ITEMS
from hangtag.audit.noise import BRANDS, DISTRIBUTIONS
from hangtag.audit.rules import RULES
from hangtag.audit.tables import DICTIONARY, ISSUES, NOISE
from hangtag.datasets import BROKEN
from hangtag.errors import OutputError
from hangtag.files.atomic import make_folder, sync, unwritable
from hangtag.reports.audit_page import PAGE

OUTPUTS = (*ISSUES, DICTIONARY, DISTRIBUTIONS, RULES, BRANDS, NOISE, ITEMS, BROKEN, PAGE)
"""Every file that an audit may write."""

_LOCK, _BEGUN, _WRITTEN, _MOVING = ".audit.lock", ".audit.part", ".audit.written", ".audit.moving"


@contextmanager
def open_output_folder(out: Path) -> Iterator[Path]:
    """Yields a folder to write the outputs into; they appear in `out` when the block succeeds.

    Files in `out` that are no output of an audit stay.

    Raises:
        OutputError: Another audit writes into `out`, or it cannot be written.
    """
    made = not out.exists()
    make_folder(out)
    try:
        with _hold_lock(out):
            _complete(out)
            _clear(out)
            begun = out / _BEGUN
            begun.mkdir()
            try:
                yield begun
                sync(begun)
                begun.rename(out / _WRITTEN)
            finally:
                shutil.rmtree(begun, ignore_errors=True)
            _complete(out)
    except OSError as error:
        raise unwritable(out, error) from error
    finally:
        if made:
            with suppress(OSError):  # it holds the result
                out.rmdir()


def _complete(out: Path) -> None:
    """Puts the outputs that a finished audit has written in the place of earlier ones."""
    written, moving = out / _WRITTEN, out / _MOVING
    if written.exists():
        for name in OUTPUTS:
            (out / name).unlink(missing_ok=True)
        sync(out)
        written.rename(moving)
    if moving.exists():
        for path in sorted(moving.iterdir()):
            path.replace(out / path.name)
        moving.rmdir()
        sync(out)


def _clear(out: Path) -> None:
    """Removes what killed audits have left."""
    shutil.rmtree(out / _BEGUN, ignore_errors=True)
    for folder in out.glob(".audit-*"):  # of version 0.1
        shutil.rmtree(folder, ignore_errors=True)
    for name in OUTPUTS:
        for leftover in out.glob(f".{name}.*.part*"):
            leftover.unlink(missing_ok=True)


@contextmanager
def _hold_lock(out: Path) -> Iterator[None]:
    """Keeps other audits out of a folder while the block runs."""
    path = out / _LOCK
    with path.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if not os.path.samestat(os.fstat(file.fileno()), path.stat()):
                raise BlockingIOError  # The other audit ended between the opening and the lock.
        except (BlockingIOError, FileNotFoundError) as error:
            raise OutputError(
                f"another audit is writing into {out}; wait for it, or choose another --out"
            ) from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)
