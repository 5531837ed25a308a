"""Streams that are closed, cut off or full: an exit code and one line, nothing lost in silence."""

import csv
import io
import os
import pty
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from tests.tiny import make_split

HANGTAG = f"{shlex.quote(sys.executable)} -m hangtag"
PREDICT = "predict images.npy --model fashion-mnist-tiny --workers 1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("streams")
    np.save(folder / "images.npy", make_split(3000, classes=3, seed=5).images)
    return folder


def run(script: str, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Runs a line of bash, in which ``HANGTAG`` and a blank stand for the command."""
    done = subprocess.run(
        ["bash", "-c", script.replace("HANGTAG ", f"{HANGTAG} ")],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    return done


def test_with_stderr_closed_results_are_as_ever_and_messages_are_dropped(folder: Path) -> None:
    done = run(f"HANGTAG {PREDICT} 2>&-", folder)
    rows = list(csv.DictReader(io.StringIO(done.stdout)))
    assert done.returncode == 0
    assert len(rows) == 3000
    assert not any(row["error"] for row in rows)
    done = run("HANGTAG predict gone.npy 2>&-", folder)
    assert (done.returncode, done.stdout) == (2, "")


def test_a_full_or_cut_off_stderr_changes_no_exit_code(folder: Path) -> None:
    assert run("HANGTAG models . 2>/dev/full", folder).returncode == 0
    assert run("HANGTAG models --nothing 2>/dev/full", folder).returncode == 2
    cut_off = "{ HANGTAG predict gone.npy 2>&1 >&3 | true; exit ${PIPESTATUS[0]}; } 3>&1"
    assert run(cut_off, folder).returncode == 2


@pytest.mark.parametrize("broken", [">&-", ">/dev/full"])
def test_results_that_cannot_be_written_are_an_error(folder: Path, broken: str) -> None:
    for command in (PREDICT, "models . --json"):
        done = run(f"HANGTAG {command} {broken}", folder)
        assert done.returncode == 2
        assert done.stderr.count("error: cannot write to standard output: ") == 1


def test_a_file_is_whole_with_all_streams_closed(folder: Path) -> None:
    run(f"HANGTAG {PREDICT} --out rows.csv <&- >&- 2>&-", folder)
    with (folder / "rows.csv").open(newline="") as rows:
        assert len(list(csv.DictReader(rows))) == 3000


def test_a_reader_that_has_enough_ends_a_command_quietly(folder: Path) -> None:
    done = run(f"HANGTAG {PREDICT} --quiet | head -1; exit ${{PIPESTATUS[0]}}", folder)
    assert done.returncode == 0
    assert done.stdout.startswith("input,category")
    assert done.stderr == ""


def test_reading_a_closed_stdin_is_an_error(folder: Path) -> None:
    for command in ("predict -", "taxonomy map -"):
        done = run(f"HANGTAG {command} <&-", folder)
        assert done.returncode == 2
        assert "standard input, which is closed" in done.stderr


def test_a_list_of_paths_without_an_end_of_line_is_an_error_at_once(folder: Path) -> None:
    for command in ("predict - --workers 0", "taxonomy map -"):
        done = run(f"HANGTAG {command} < /dev/zero", folder)
        assert done.returncode == 2
        assert "line 1" in done.stderr


def test_rows_on_a_terminal_hold_no_escape_sequences(tmp_path: Path) -> None:
    (tmp_path / "\x1b[31mred.png").write_bytes(b"no image")
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "hangtag", "predict", ".", "--workers", "0", "--quiet"]
    process = subprocess.Popen(command, cwd=tmp_path, stdout=theirs, stderr=subprocess.PIPE)
    os.close(theirs)
    shown = b""
    while b"red.png" not in shown:
        shown += os.read(ours, 4096)
    process.communicate(timeout=60)
    os.close(ours)
    assert rb"\x1b[31mred.png" in shown
    assert b"\x1b" not in shown


def test_without_a_home_folder_a_command_works_or_says_what_to_set(folder: Path) -> None:
    for command in ("doctor --json", f"{PREDICT} --quiet", "data fetch fashion-mnist --offline"):
        done = run(f"export HANGTAG_HOME='~nosuch/x'; {HANGTAG} {command}", folder)
        fetching = command.startswith("data")
        assert done.returncode == (2 if fetching else 0)
        assert ("set HANGTAG_HOME to a folder" in done.stderr) == fetching
