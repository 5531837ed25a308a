"""Downloads a file over HTTP and goes on where an earlier try was cut off."""

import http.client
import os
import re
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from typing import Any

from hangtag.errors import FetchError, OutputError
from hangtag.progress import OnProgress

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
