import io
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from hangtag.datasets.mirrors import download
from hangtag.errors import FetchError, OutputError

CONTENT = bytes(range(256)) * 1200


class FileServer(ThreadingHTTPServer):
    """Serves CONTENT at ``/file``, as well or badly as its settings say."""

    daemon_threads = True
    knows_ranges = True
    cuts: list[int]
    """After how many bytes to cut each of the next connections."""
    answers: list[int]
    """Status codes to answer the next requests with, instead of the file."""
    asked: list[str | None]
    """The Range header of every request so far."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), FileHandler)
        self.cuts, self.answers, self.asked = [], [], []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}/file"


class FileHandler(BaseHTTPRequestHandler):
    server: FileServer

    def do_GET(self) -> None:
        wanted = self.headers.get("Range")
        self.server.asked.append(wanted)
        if self.server.answers:
            return self.send_error(self.server.answers.pop(0))
        if self.path != "/file":
            return self.send_error(404)
        start = 0
        if wanted and self.server.knows_ranges:
            start = int(wanted.removeprefix("bytes=").removesuffix("-"))
            if start >= len(CONTENT):
                return self.send_error(416)
            self.send_response(206)
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        else:
            self.send_response(200)
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        length = self.server.cuts.pop(0) if self.server.cuts else len(CONTENT)
        self.wfile.write(CONTENT[start : start + length])
        return None

    def log_message(self, format: str, *args: Any) -> None:
        """Says nothing."""


@pytest.fixture
def server() -> Iterator[FileServer]:
    with FileServer() as running:
        thread = Thread(target=running.serve_forever, args=(0.01,))
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def opener() -> Callable[..., Any]:
    """Opens addresses without the proxy that this machine may be set up to use."""
    return urllib.request.build_opener(urllib.request.ProxyHandler({})).open


@pytest.fixture
def fetch(server: FileServer, opener: Callable[..., Any]) -> Callable[..., None]:
    def fetch_file(target: Path, **options: Any) -> None:
        options = {"opener": opener, "sleep": lambda seconds: None, **options}
        download(options.pop("url", server.url), target, **options)

    return fetch_file


Fetch = Callable[..., None]


def test_download_with_progress(tmp_path: Path, fetch: Fetch) -> None:
    ticks: list[tuple[int, int | None]] = []

    fetch(tmp_path / "file", on_progress=lambda *on_progress: ticks.append(on_progress))

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert ticks[-1] == (len(CONTENT), len(CONTENT))
    assert ticks == sorted(ticks)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_cut_connections_are_resumed(tmp_path: Path, server: FileServer, fetch: Fetch) -> None:
    # Five cuts exceed the three attempts, but each brought something.
    server.cuts = [50_000] * 5

    fetch(tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT
    starts = [None, *(f"bytes={50_000 * number}-" for number in range(1, 6))]
    assert server.asked == starts


def test_a_later_call_resumes_the_part(tmp_path: Path, server: FileServer, fetch: Fetch) -> None:
    server.cuts = [70_000, 0, 0]
    with pytest.raises(FetchError, match="the connection was cut before the end"):
        fetch(tmp_path / "file")
    assert not (tmp_path / "file").exists()
    assert (tmp_path / "file.part").stat().st_size == 70_000

    fetch(tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [None, *["bytes=70000-"] * 3]


def test_server_that_ignores_ranges(tmp_path: Path, server: FileServer, fetch: Fetch) -> None:
    server.knows_ranges = False
    server.cuts = [70_000]

    fetch(tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [None, "bytes=70000-"]


def test_part_that_is_longer_than_the_file(
    tmp_path: Path, server: FileServer, fetch: Fetch
) -> None:
    (tmp_path / "file.part").write_bytes(bytes(len(CONTENT) + 5))

    fetch(tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT
    assert server.asked == [f"bytes={len(CONTENT) + 5}-", None]


def test_server_errors_are_tried_again(tmp_path: Path, server: FileServer, fetch: Fetch) -> None:
    server.answers = [503, 429]

    fetch(tmp_path / "file")

    assert (tmp_path / "file").read_bytes() == CONTENT


def test_a_server_that_keeps_failing(tmp_path: Path, server: FileServer, fetch: Fetch) -> None:
    server.answers = [500] * 9

    with pytest.raises(FetchError, match="/file: the server answered 500 Internal Server Error"):
        fetch(tmp_path / "file")

    assert len(server.asked) == 3


def test_a_refusal_is_final(tmp_path: Path, server: FileServer, fetch: Fetch) -> None:
    with pytest.raises(FetchError, match="/nothing: the server answered 404 Not Found"):
        fetch(tmp_path / "file", url=server.url.replace("/file", "/nothing"))

    assert len(server.asked) == 1


def test_unreachable_server(tmp_path: Path) -> None:
    def refuse(request: urllib.request.Request, *, timeout: float) -> Any:
        raise urllib.error.URLError("Name or service not known")

    pauses: list[float] = []
    with pytest.raises(FetchError, match="example: Name or service not known"):
        download("http://example", tmp_path / "file", opener=refuse, sleep=pauses.append)

    assert len(pauses) == 2


class FakeResponse(io.BytesIO):
    """A response held in memory."""

    def __init__(self, content: bytes, status: int, headers: dict[str, str]) -> None:
        super().__init__(content)
        self.status = status
        self.headers = Message()
        for name, value in headers.items():
            self.headers[name] = value


@pytest.mark.parametrize("content_range", ["bytes 3-9/10", "bytes=5-9", "bytes */10"])
def test_an_answer_for_another_range_is_never_appended(tmp_path: Path, content_range: str) -> None:
    (tmp_path / "file.part").write_bytes(b"01234")

    with pytest.raises(FetchError, match=r"received byte 3|unreadable Content-Range"):
        download(
            "http://example/file",
            tmp_path / "file",
            opener=lambda request, timeout: FakeResponse(
                b"56789", 206, {"Content-Range": content_range}
            ),
            sleep=lambda seconds: None,
        )

    assert (tmp_path / "file.part").read_bytes() == b"01234"


def test_more_bytes_than_the_file_has_are_never_kept(tmp_path: Path) -> None:
    (tmp_path / "file.part").write_bytes(b"01234")

    with pytest.raises(FetchError, match="received 10 bytes of a file of 8 bytes"):
        download(
            "http://example/file",
            tmp_path / "file",
            opener=lambda request, timeout: FakeResponse(
                b"56789", 206, {"Content-Range": "bytes 5-7/8"}
            ),
        )

    assert list(tmp_path.iterdir()) == []


def test_length_that_the_server_does_not_say(tmp_path: Path) -> None:
    ticks: list[tuple[int, int | None]] = []

    download(
        "http://example/file",
        tmp_path / "file",
        on_progress=lambda *on_progress: ticks.append(on_progress),
        opener=lambda request, timeout: FakeResponse(b"content", 200, {}),
    )

    assert (tmp_path / "file").read_bytes() == b"content"
    assert ticks == [(7, None)]


def test_disk_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match="cannot write"):
        download(
            "http://example/file",
            tmp_path / "no such folder" / "file",
            opener=lambda request, timeout: FakeResponse(b"content", 200, {}),
        )
