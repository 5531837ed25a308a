"""Streams that are closed, cut off or full: an exit code, no traceback, and whole files."""

import csv
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.chaos.marks import mark
from tests.contract import run_shell
from tests.tiny import make_split

HANGTAG = f"{shlex.quote(sys.executable)} -m hangtag"

COMMANDS = {
    "predict": "predict images.npy --model fashion-mnist-tiny",
    "predict --out": "predict images.npy --model fashion-mnist-tiny --out rows.csv",
    "predict --json": "predict images.npy --model fashion-mnist-tiny --json",
    "models": "models .",
    "recipes": "recipes",
    "recipe": "recipes express",
    "doctor": "doctor",
    "help": "--help",
    "version": "--version",
    "taxonomy": "taxonomy show",
    "an error": "predict gone.npy",
    "an error in the arguments": "predict --nothing",
}

STREAMS = {
    "stderr closed": "{} 2>&-",
    "stdout closed": "{} >&-",
    "both closed": "{} >&- 2>&-",
    "stdin closed": "{} <&-",
    "all closed": "{} <&- >&- 2>&-",
    "stdout full": "{} >/dev/full",
    "stderr full": "{} 2>/dev/full",
    "one line read": "{} | head -1; exit ${{PIPESTATUS[0]}}",
    "nothing read": "{} | true; exit ${{PIPESTATUS[0]}}",
    "stderr cut off": "{{ {} 2>&1 >&3 | true; exit ${{PIPESTATUS[0]}}; }} 3>&1",
}

FINE_WITHOUT = {"stderr closed", "stdin closed", "stderr full", "stderr cut off"}
"""Where nothing is lost that the command is run for: it ends as ever."""

QUICK = {"predict: one line read", "an error: stderr closed", "predict --out: all closed"}


def sizes() -> list[object]:
    return [
        mark(name, command, stream, size="fast" if name in QUICK else "chaos")
        for command in COMMANDS
        for stream in STREAMS
        if (name := f"{command}: {stream}")
    ]


@pytest.mark.parametrize(("command", "stream"), sizes())
def test_a_stream_that_fails_is_no_crash(tmp_path: Path, command: str, stream: str) -> None:
    split = make_split(300, classes=3, seed=5)
    np.save(tmp_path / "images.npy", split.images)
    script = STREAMS[stream].format(f"{HANGTAG} {COMMANDS[command]}")
    finished = run_shell(script, seconds=60, folder=tmp_path, logs=tmp_path)
    assert not finished.find_breaches(), finished.outcome.err[-1000:]
    failing = command.startswith("an error")
    if stream in FINE_WITHOUT:
        assert finished.outcome.code == (2 if failing else 0), finished.outcome.err[-1000:]
    if command == "predict --out" and finished.outcome.code == 0:
        with (tmp_path / "rows.csv").open(newline="", encoding="utf-8") as rows:
            assert len(list(csv.DictReader(rows))) == 300
