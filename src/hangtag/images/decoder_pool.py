"""Decodes images in order, in isolated processes: a crash becomes an error.

    with DecoderPool() as pool:
        for image in pool.decode(["a.jpg", content, pixels], PHOTO_SPEC):
            print(image if isinstance(image, ImageError) else image.pixels.shape)

Each thread of a small pool talks to one process (see `decoder_process`). Images go there in chunks.
When a process dies, or an image takes longer than the limit, the images of its chunk are tried once
more, one at a time, in a new process; the image that ends that one too gets an error. So one image
costs at most twice the limit, and its neighbours nothing.
"""

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
from dataclasses import dataclass
from typing import IO

import numpy as np

from hangtag.environment import cores
from hangtag.errors import ErrorKind, ImageError, OutputError
from hangtag.images.decoder_process import LENGTH, READY, pack_request
from hangtag.images.decoding import DecodedImage, ImageInput, decode_image
from hangtag.images.limits import MAX_FILE_BYTES, MAX_IMAGE_SECONDS
from hangtag.images.mending import Damage
from hangtag.images.spec import ImageSpec

CHUNK = 64
"""Images a request."""

MAX_WORKERS = 8
_CHUNK_BYTES = 1 << 24
"""Bytes of files a request, about."""

_END_SECONDS = 5.0

_File = str | bytes
"""The path of a file, or its bytes."""

_Image = ImageInput | ImageError
_Outcome = DecodedImage | ImageError
_Outcomes = list[_Outcome] | Future[list[_Outcome]]


@dataclass(frozen=True, slots=True)
class _Specs:
    """What images are decoded to, see `decode_image`."""

    spec: ImageSpec
    grey_spec: ImageSpec | None

    def decode(self, image: ImageInput) -> _Outcome:
        try:
            return decode_image(image, self.spec, grey_spec=self.grey_spec)
        except ImageError as error:
            return error


class DecoderPool:
    """Decoder processes; leaving the block ends them.

    Args:
        workers: How many; by default one for each core this process may use, at most 8. With 0
            all is decoded in this process.
        limit: Seconds that one image may take.
        program: Python code that serves as `decoder_process.serve` does; a test passes its own.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        limit: float = MAX_IMAGE_SECONDS,
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

    @property
    def process_ids(self) -> tuple[int, ...]:
        """The ids of the processes that are running; none before there is work for them."""
        with self._lock:
            return tuple(process.id for process in self._processes)

    def __enter__(self) -> "DecoderPool":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the processes."""
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
        images: Iterable[ImageInput | ImageError],
        spec: ImageSpec,
        *,
        grey_spec: ImageSpec | None = None,
    ) -> Iterator[DecodedImage | ImageError]:
        """Decodes images as `decode_image` does; gives each, or what is wrong with it, in order.

        Arrays are resized in this process; files and bytes of files go to the others.

        Args:
            images: Paths, bytes of files, or pixels; they are read a few chunks ahead. An error
                among them is given back in its place.
            spec: Size and channels of the results, (H, W) or (H, W, 3).
            grey_spec: Images of this size without colour stay grey and of this size.

        Raises:
            OutputError: A decoder process cannot be started.
        """
        specs = _Specs(spec, grey_spec)
        under_way: deque[tuple[list[_Image], _Outcomes]] = deque()
        for chunk in _split(images):
            under_way.append((chunk, self._submit(chunk, specs)))
            if len(under_way) > 2 * self._count:
                yield from _merge(*under_way.popleft(), specs)
        while under_way:
            yield from _merge(*under_way.popleft(), specs)

    def _submit(self, chunk: Sequence[_Image], specs: _Specs) -> _Outcomes:
        files = [
            _as_file(image) for image in chunk if not isinstance(image, np.ndarray | ImageError)
        ]
        if files:
            self.start()
        if self._pool is None or not files:
            return [self._decode_here(file, specs) for file in files]
        return self._pool.submit(self._decode_files, files, specs)

    def _decode_here(self, file: _File, specs: _Specs) -> _Outcome:
        try:
            with _time_limit(self._limit):
                return specs.decode(file)
        except _OverdueError:
            return _explain_death(file, -signal.SIGALRM, self._limit)

    def _decode_files(self, files: Sequence[_File], specs: _Specs) -> list[_Outcome]:
        try:
            return self._ask(files, specs)
        except _DiedError:
            return [self._decode_alone(file, specs) for file in files]

    def _decode_alone(self, file: _File, specs: _Specs) -> _Outcome:
        try:
            return self._ask([file], specs)[0]
        except _DiedError as death:
            return _explain_death(file, death.code, self._limit)

    def _ask(self, files: Sequence[_File], specs: _Specs) -> list[_Outcome]:
        process = self._idle.get()
        try:
            return process.ask(files, specs)
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
        environment = {
            **os.environ,
            "OMP_NUM_THREADS": "1",
            "OPENBLAS_NUM_THREADS": "1",
            "MALLOC_MMAP_THRESHOLD_": str(8 << 20),  # glibc then gives large images back at once
        }
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
                f"cannot start a decoder process: {error.strerror or error}; use --workers 0"
            ) from error
        self._ready = False

    @property
    def id(self) -> int:
        return self._process.pid

    def ask(self, files: Sequence[_File], specs: _Specs) -> list[_Outcome]:
        """Decodes the files; raises _DiedError when the process ends instead of answering."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        if not self._ready:
            self._await_ready(self._process.stdout)
        try:
            self._process.stdin.write(pack_request(files, specs.spec, specs.grey_spec))
            self._process.stdin.flush()
            return _read_answer(self._process.stdout, len(files), specs)
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
                "a decoder process ended before it was ready "
                f"(exit code {self._await_end()}); use --workers 0"
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


def _read_answer(answers: IO[bytes], count: int, specs: _Specs) -> list[_Outcome]:
    (length,) = LENGTH.unpack(_read_exactly(answers, LENGTH.size))
    outcome = json.loads(_read_exactly(answers, length))
    outcomes: dict[int, _Outcome] = {
        index: ImageError(message, error_kind=ErrorKind(error_kind))
        for index, error_kind, message in outcome["errors"]
    }
    grey, resized = set(outcome["grey"]), set(outcome["resized"])
    damaged = {index: Damage(damage) for index, damage in outcome["damaged"]}
    for index in range(count):
        if index not in outcomes:
            kept = specs.grey_spec if index in grey else None
            shape = (kept or specs.spec).shape
            content = _read_exactly(answers, math.prod(shape))
            pixels = np.frombuffer(content, np.uint8).reshape(shape)
            outcomes[index] = DecodedImage(pixels, index in resized, damaged.get(index))
    return [outcomes[index] for index in range(count)]


def _read_exactly(stream: IO[bytes], length: int) -> bytes:
    content = stream.read(length)
    if len(content) < length:
        raise EOFError
    return content


def _split(images: Iterable[_Image]) -> Iterator[list[_Image]]:
    """Gives the images in chunks, smaller ones where files come as bytes."""
    chunk: list[_Image] = []
    size = 0
    for image in images:
        chunk.append(image)
        size += len(image) if isinstance(image, bytes) else 0
        if len(chunk) == CHUNK or size > _CHUNK_BYTES:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _merge(
    chunk: Sequence[_Image], found: _Outcomes, specs: _Specs
) -> Iterator[DecodedImage | ImageError]:
    """Gives the outcomes of a chunk in order: those of its files, and of its arrays."""
    outcomes = iter(found if isinstance(found, list) else found.result())
    for image in chunk:
        if isinstance(image, ImageError):
            yield image
        else:
            yield specs.decode(image) if isinstance(image, np.ndarray) else next(outcomes)


def _as_file(image: str | os.PathLike[str] | bytes) -> _File:
    """Returns a path as text; of bytes no more than show that there are too many."""
    return image[: MAX_FILE_BYTES + 1] if isinstance(image, bytes) else os.fspath(image)


def _explain_death(file: _File, code: int, limit: float) -> ImageError:
    name = "the image" if isinstance(file, bytes) else file
    if code == -signal.SIGALRM:
        return ImageError(
            f"{name}: took longer than {limit:g} s to decode; save it smaller or in another format",
            error_kind=ErrorKind.TIMED_OUT,
        )
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    return ImageError(
        f"{name}: the process that decoded it ended twice ({how}); get the image again",
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
