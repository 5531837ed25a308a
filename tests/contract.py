"""What every command keeps to, whatever it is given, and ways to run it within limits."""

import os
import re
import resource
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import FrameType

from tests.tiny import Outcome

CODES = (0, 1, 2, 130)
"""Fine, findings, usage or input error, interrupted."""

LONGEST_LINE = 500
"""How long a line on stderr may be, in characters."""

GIGABYTE = 1 << 30

NEVER = {
    "a traceback": re.compile(r"Traceback \(most recent|Exception ignored|Fatal Python error"),
    "the words of a library": re.compile(r"cast_string|ArrowInvalid|onnxruntime::|\[E:onnx"),
    "binary": re.compile(r"PK\\x03|[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]"),
}
"""What no output may hold."""


def find_breaches(outcome: Outcome) -> list[str]:
    """Lists what a command did that none may do, whatever its input."""
    found = [] if outcome.code in CODES else [f"exit code {outcome.code}"]
    for name, pattern in NEVER.items():
        if pattern.search(outcome.err) or pattern.search(outcome.out):
            found.append(f"the output holds {name}")
    lines = outcome.err.splitlines()
    found += [f"{len(line):,} characters in a line" for line in lines if len(line) > LONGEST_LINE]
    found += [f"not printable: {line[:60]!r}" for line in lines if not line.isprintable()]
    errors = [line for line in lines if line.startswith("error: ")]
    if len(errors) > 1:
        found.append(f"{len(errors)} lines of errors")
    return found


class TooSlow(BaseException):
    """A command took longer than it may; no handler of errors catches it."""


@contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """Raises `TooSlow` in a block that takes longer, also while it waits for a file."""

    def stop(number: int, frame: FrameType | None) -> None:
        raise TooSlow(f"longer than {seconds} s")

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


@dataclass(frozen=True)
class Finished:
    """What a command in a process of its own did.

    Attributes:
        outcome: Exit code, stdout and stderr, each at most its first megabyte.
        seconds: How long it took; it was killed where that is the limit.
        memory: The most that it, or one of its processes, held at a time, in bytes.
        killed: Whether it was killed for its time.
    """

    outcome: Outcome
    seconds: float
    memory: int
    killed: bool

    def find_breaches(self, *, memory: int = GIGABYTE) -> list[str]:
        """Lists what no command may do, of its output, its time and its memory."""
        if self.killed:
            return [f"did not end within {self.seconds:.0f} s"]
        found = find_breaches(self.outcome)
        if self.memory > memory:
            found.append(f"held {self.memory / 1e6:,.0f} MB")
        return found


def run_alone(
    *arguments: object,
    seconds: float = 60,
    stdin: Path | None = None,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    logs: Path,
) -> Finished:
    """Runs the command line in a process of its own, within limits of time and memory."""
    command = [sys.executable, "-m", "hangtag", *map(str, arguments)]
    return run_shell(
        shlex.join(command) + (f" < {shlex.quote(str(stdin))}" if stdin else " < /dev/null"),
        seconds=seconds,
        environment=environment,
        folder=folder,
        logs=logs,
    )


def run_shell(
    script: str,
    *,
    seconds: float = 60,
    environment: Mapping[str, str] | None = None,
    folder: Path | None = None,
    logs: Path,
) -> Finished:
    """Runs a line of bash, within limits of time and memory; what it prints goes to files."""
    started = time.monotonic()
    with (logs / "stdout").open("wb") as out, (logs / "stderr").open("wb") as err:
        process = subprocess.Popen(
            ["bash", "-c", script],
            stdout=out,
            stderr=err,
            cwd=folder,
            env={**os.environ, "COLUMNS": "200", **(environment or {})},
            start_new_session=True,
            preexec_fn=_limit_memory,
        )
        killed, memory = _wait(process, seconds)
    said = [_read_start(logs / name) for name in ("stdout", "stderr")]
    outcome = Outcome(process.returncode, *said)
    return Finished(outcome, time.monotonic() - started, memory, killed)


def _limit_memory() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (16 * GIGABYTE, 16 * GIGABYTE))
    resource.setrlimit(resource.RLIMIT_FSIZE, (4 * GIGABYTE, 4 * GIGABYTE))


def _wait(process: "subprocess.Popen[bytes]", seconds: float) -> tuple[bool, int]:
    """Waits for a process, kills it and its children at the limit; returns its peak of memory.

    The peak is 0 where it is less than what the tests hold themselves.
    """
    end = time.monotonic() + seconds
    killed = False
    while True:
        pid, status, usage = os.wait4(process.pid, os.WNOHANG)
        if pid:
            break
        if time.monotonic() > end and not killed:
            os.killpg(process.pid, signal.SIGKILL)
            killed = True
        time.sleep(0.02)
    process.returncode = os.waitstatus_to_exitcode(status)
    # Before its exec the process is a copy of this one, which may be larger than it ever gets.
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return killed, usage.ru_maxrss * 1024 if usage.ru_maxrss > own else 0


def _read_start(path: Path) -> str:
    with path.open("rb") as stream:
        return stream.read(1 << 20).decode("utf-8", "backslashreplace")
