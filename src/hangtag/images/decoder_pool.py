"""Decodes image files in processes of their own, in order, whatever the images do to a decoder.

Each thread of a small pool talks to one process (see `worker`). Images go there in chunks. When a
process dies, or an image takes longer than the limit, the images of its chunk are tried once more,
one at a time, in a new process; the image that ends that one too gets a recorded error. So one
image costs at most twice the limit, and its neighbours nothing.
"""

import itertools
import json
import math
import os
import queue
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import IO

import numpy as np

from hangtag.environment import cores
from hangtag.errors import ErrorKind, ImageError, OutputError
from hangtag.files.paths import make_printable
from hangtag.images.decoder_process import LENGTH, READY, pack_request
from hangtag.images.decoding import DecodedImage, decode_image, fit_pixels
from hangtag.images.items import ImageFile, Input, Item, Pixels, Size, Wanted, fail

TIME_LIMIT = 10.0
"""Seconds that one image may take."""

CHUNK = 64
"""Images a request."""

MAX_WORKERS = 8
_END_SECONDS = 5.0

_Outcome = DecodedImage | ImageError
_Outcomes = list[_Outcome] | Future[list[_Outcome]]


class Decoders:
    """Decoder processes; leaving the block ends them.

    Args:
        workers: How many; by default one for each core this process may use, at most 8. With 0
            all is decoded in this process.
        limit: Seconds that one image may take.
        program: Python code that serves as `worker.serve` does; a test passes its own.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        limit: float = TIME_LIMIT,
        program: str = "from hangtag.images.decoder_process import serve; serve({limit})",
    ) -> None:
        self._count = min(MAX_WORKERS, cores()) if workers is None else workers
        self._limit = limit
        self._program = program.format(limit=limit)
        self._pool: ThreadPoolExecutor | None = None
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._processes: set[_Process] = set()
        self._lock = threading.Lock()
        self._closing = False

    def __enter__(self) -> "Decoders":
        return self

    def __exit__(self, *_: object) -> None:
        with self._lock:
            self._closing = True
            for process in self._processes:
                process.end()
        if self._pool:
            self._pool.shutdown(wait=True, cancel_futures=True)

    def start(self, images: int | None = None) -> None:
        """Starts the processes, if there are to be any; they get ready while others work.

        Args:
            images: How many images there are, where that is known: few need fewer processes.

        Raises:
            OutputError: The system refuses another process.
        """
        if self._pool is None and self._count:
            if images:
                self._count = min(self._count, -(-images // CHUNK))
            self._pool = ThreadPoolExecutor(self._count, thread_name_prefix="decoder")
            for _ in range(self._count):
                self._idle.put(self._launch())

    def decode(
        self,
        items: Iterable[Item],
        *,
        size: Size,
        channels: int = 1,
        grey: Size | None = None,
    ) -> Iterator[Input]:
        """Decodes the image files among `items` to pixels of `size`; keeps the order.

        The pixels are grey, (H, W), or with three `channels` colour, (H, W, 3); then the grey
        pixels of arrays and tables become colour too. What is grey and of the size `grey` stays
        what it is. The colour pixels of arrays become what an image file of the same pixels
        becomes.

        Raises:
            OutputError: A decoder process cannot be started.
        """
        wanted = Wanted(size, channels, grey)
        iterator = (_fit(item, wanted) for item in items)
        chunks: Iterator[list[Item]] = iter(lambda: list(itertools.islice(iterator, CHUNK)), [])
        under_way: deque[tuple[list[Item], _Outcomes]] = deque()
        for chunk in chunks:
            under_way.append((chunk, self._submit(chunk, wanted)))
            if len(under_way) > 2 * self._count:
                yield from _merge(*under_way.popleft(), wanted)
        while under_way:
            yield from _merge(*under_way.popleft(), wanted)

    def _submit(self, chunk: Sequence[Item], wanted: Wanted) -> _Outcomes:
        paths = [item.path for item in chunk if isinstance(item, ImageFile)]
        if paths:
            self.start()
        if self._pool is None or not paths:
            return [self._decode_here(path, wanted) for path in paths]
        return self._pool.submit(self._decode_paths, paths, wanted)

    def _decode_here(self, path: str, wanted: Wanted) -> _Outcome:
        try:
            with _time_limit(self._limit):
                return decode_image(
                    Path(path), size=wanted.size, channels=wanted.channels, grey=wanted.grey
                )
        except ImageError as error:
            return error
        except _OverdueError:
            return _explain_death(path, -signal.SIGALRM, self._limit)

    def _decode_paths(self, paths: Sequence[str], wanted: Wanted) -> list[_Outcome]:
        try:
            return self._ask(paths, wanted)
        except _DiedError:
            return [self._decode_alone(path, wanted) for path in paths]

    def _decode_alone(self, path: str, wanted: Wanted) -> _Outcome:
        try:
            return self._ask([path], wanted)[0]
        except _DiedError as death:
            return _explain_death(path, death.code, self._limit)

    def _ask(self, paths: Sequence[str], wanted: Wanted) -> list[_Outcome]:
        process = self._idle.get()
        try:
            return process.ask(paths, wanted)
        except _DiedError:
            process = self._replace(process)
            raise
        finally:
            self._idle.put(process)

    def _replace(self, process: "_Process") -> "_Process":
        process.end()
        with self._lock:
            self._processes.discard(process)
        return self._launch()

    def _launch(self) -> "_Process":
        with self._lock:
            if self._closing:
                raise CancelledError
            process = _Process(self._program)
            self._processes.add(process)
            return process


class _Process:
    """A decoder process and the pipes to it."""

    def __init__(self, program: str) -> None:
        # As in this process, whatever the current folder holds and however it was started.
        code = f"import sys; sys.path[:] = {sys.path!r}; {program}"
        environment = {**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-c", code],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=environment,
                start_new_session=True,  # Ctrl-C is for the process that asked.
            )
        except OSError as error:
            raise OutputError(
                f"cannot start a decoder process: {error.strerror or error}; "
                "--workers 0 does without"
            ) from error
        self._ready = False

    def ask(self, paths: Sequence[str], wanted: Wanted) -> list[_Outcome]:
        """Decodes the files; raises _DiedError when the process ends instead of answering."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._ready:
            self._await_ready(self._process.stdout)
        encoded = [os.fsencode(path) for path in paths]
        request = [pack_request(len(paths), wanted)]
        request += [LENGTH.pack(len(path)) + path for path in encoded]
        try:
            self._process.stdin.write(b"".join(request))
            self._process.stdin.flush()
            return _read_answer(self._process.stdout, len(paths), wanted)
        except (OSError, EOFError, ValueError) as error:
            raise _DiedError(self._await_end()) from error

    def end(self) -> None:
        """Kills the process."""
        self._process.kill()
        self._process.wait()
        for stream in (self._process.stdin, self._process.stdout):
            with suppress(OSError, RuntimeError):
                if stream is not None:
                    stream.close()

    def _await_ready(self, answers: IO[bytes]) -> None:
        if answers.read(len(READY)) != READY:
            raise OutputError(
                "a decoder process ended before it could begin "
                f"(exit code {self._await_end()}); --workers 0 does without"
            )
        self._ready = True

    def _await_end(self) -> int:
        """Returns how the process ended; one that only stopped making sense is killed."""
        try:
            return self._process.wait(_END_SECONDS)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class _DiedError(Exception):
    """A decoder process ended while it was asked."""

    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


class _OverdueError(BaseException):
    """An image took too long; no Exception, so that no decoder takes it for one of its own."""


def _read_answer(answers: IO[bytes], count: int, wanted: Wanted) -> list[_Outcome]:
    (length,) = LENGTH.unpack(_read_exactly(answers, LENGTH.size))
    told = json.loads(_read_exactly(answers, length))
    outcomes: dict[int, _Outcome] = {
        index: ImageError(message, error_kind=ErrorKind(error_kind))
        for index, error_kind, message in told["errors"]
    }
    grey, resized = set(told["grey"]), set(told["resized"])
    for index in range(count):
        if index not in outcomes:
            shape = wanted.grey if wanted.grey and index in grey else wanted.shape
            content = _read_exactly(answers, math.prod(shape))
            pixels = np.frombuffer(content, np.uint8).reshape(shape)
            outcomes[index] = DecodedImage(pixels, index in resized)
    return [outcomes[index] for index in range(count)]


def _read_exactly(stream: IO[bytes], length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def _fit(item: Item, wanted: Wanted) -> Item:
    """Brings the colour pixels (h, w, 3) of an array to what an image file of them becomes."""
    if isinstance(item, ImageFile) or item.pixels is None or item.pixels.ndim == 2:
        return item
    resized = fit_pixels(item.pixels, size=wanted.size, channels=wanted.channels, grey=wanted.grey)
    return replace(item, pixels=resized.pixels, resized=resized.resized)


def _merge(chunk: Sequence[Item], found: _Outcomes, wanted: Wanted) -> Iterator[Input]:
    outcomes = iter(found if isinstance(found, list) else found.result())
    for item in chunk:
        if isinstance(item, ImageFile):
            yield _finish(item, next(outcomes))
        elif item.pixels is None or _is_wanted(item.pixels, wanted):
            yield item
        else:
            pixels = np.repeat(item.pixels[..., None], wanted.channels, axis=2)
            yield replace(item, pixels=pixels)


def _is_wanted(pixels: Pixels, wanted: Wanted) -> bool:
    """Whether the pixels of an array or a table may stay what they are."""
    return wanted.channels == 1 or pixels.ndim == 3 or pixels.shape == wanted.grey


def _finish(image: ImageFile, outcome: _Outcome) -> Input:
    if isinstance(outcome, ImageError):
        return fail(image.path, outcome, extras=image.extras)
    return Input(
        name=make_printable(image.path),
        source=image.path,
        pixels=outcome.pixels,
        resized=outcome.resized,
        extras=image.extras,
    )


def _explain_death(path: str, code: int, limit: float) -> ImageError:
    if code == -signal.SIGALRM:
        return ImageError(
            f"{path}: took longer than {limit:g} s to decode; save it smaller or in another format",
            error_kind=ErrorKind.TIMED_OUT,
        )
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return ImageError(
        f"{path}: the process that decoded it ended twice ({how}); get the image again",
        error_kind=ErrorKind.CRASHED,
    )


@contextmanager
def _time_limit(seconds: float) -> Iterator[None]:
    """Raises _OverdueError in the block after `seconds`; without effect outside the main thread."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(*_: object) -> None:
        raise _OverdueError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
