"""No home, no user, no locale, nowhere to write: it works, or says what is missing."""

import csv
import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from tests.chaos.marks import mark
from tests.contract import Finished, run_alone, run_shell
from tests.tiny import make_split

HANGTAG = f"{shlex.quote(sys.executable)} -m hangtag"
UNKNOWN_USER = "setpriv --reuid=54321 --regid=54321 --clear-groups"

COMMANDS: dict[str, tuple[str, ...]] = {
    "predict": ("predict", "images.npy", "--model", "fashion-mnist-tiny", "--out", "rows.csv"),
    "explore": ("explore", "shapes_train.csv", "--out", "explore"),
    "doctor": ("doctor",),
    "models": ("models", "."),
    "data fetch": ("data", "fetch", "fashion-mnist", "--offline"),
}

ENVIRONMENTS: dict[str, Mapping[str, str]] = {
    "HANGTAG_HOME=~nosuch/x": {"HANGTAG_HOME": "~nosuch/x"},
    "HANGTAG_HOME is a file": {"HANGTAG_HOME": "/etc/passwd"},
    "HANGTAG_HOME is empty": {"HANGTAG_HOME": ""},
    "HANGTAG_HOME below a device": {"HANGTAG_HOME": "/dev/null/x"},
    "HANGTAG_HOME that is long": {"HANGTAG_HOME": "/tmp/" + "x" * 300},
    "HOME is gone": {"HOME": "/nonexistent"},
    "HOME is empty": {"HOME": ""},
    "TMPDIR is gone": {"TMPDIR": "/nonexistent"},
    "terminal of one column": {"COLUMNS": "1"},
    "no locale": {"LC_ALL": "C", "LANG": "C", "PYTHONIOENCODING": "ascii"},
    "unknown locale": {"LC_ALL": "xx_YY.UTF-16"},
    "no matplotlib folder": {"MPLCONFIGDIR": "/dev/null/x"},
}


def prepare(folder: Path) -> None:
    """Writes an array and a pixel CSV of a few images."""
    split = make_split(60, classes=3, seed=5)
    np.save(folder / "images.npy", split.images)
    with (folder / "shapes_train.csv").open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["label", *(f"pixel{number}" for number in range(1, 785))])
        pixels = split.images.reshape(len(split), -1)
        writer.writerows(np.column_stack([split.labels, pixels]).tolist())


def check(finished: Finished, folder: Path, command: str) -> None:
    """Checks the contract; what needs no cache must work."""
    assert not finished.find_breaches(), finished.outcome.err[-1000:]
    if command == "predict":
        assert finished.outcome.code == 0, finished.outcome.err[-1000:]
        with (folder / "rows.csv").open(newline="", encoding="utf-8") as rows:
            assert len(list(csv.DictReader(rows))) == 60


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        mark(f"{command}, {name}", command, environment)
        for name, environment in ENVIRONMENTS.items()
        for command in COMMANDS
    ],
)
def test_an_odd_environment_is_no_crash(
    tmp_path: Path, command: str, environment: Mapping[str, str]
) -> None:
    prepare(tmp_path)
    finished = run_alone(
        *COMMANDS[command], seconds=60, environment=environment, folder=tmp_path, logs=tmp_path
    )
    check(finished, tmp_path, command)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may become another user")
@pytest.mark.parametrize("command", [mark(f"{one}, no user, no home", one) for one in COMMANDS])
def test_a_user_whom_nobody_knows_is_no_crash(tmp_path: Path, command: str) -> None:
    prepare(tmp_path)
    for path in (tmp_path, *tmp_path.parents[:2]):
        path.chmod(0o777)
    line = shlex.join(COMMANDS[command])
    script = f"env -u HOME -u HANGTAG_HOME {UNKNOWN_USER} {HANGTAG} {line}"
    finished = run_shell(script, seconds=60, folder=tmp_path, logs=tmp_path)
    check(finished, tmp_path, command)


@pytest.mark.parametrize(
    "command", [mark(f"{one}, folder gone", one) for one in ("doctor", "help")]
)
def test_a_current_folder_that_is_gone_is_no_crash(tmp_path: Path, command: str) -> None:
    argument = "--help" if command == "help" else command
    script = f"mkdir gone && cd gone && rmdir ../gone && {HANGTAG} {argument}"
    finished = run_shell(script, seconds=60, folder=tmp_path, logs=tmp_path)
    assert not finished.find_breaches(), finished.outcome.err[-1000:]
