"""Pipes, devices, sockets and folders under the names of files: refused soon, in one line."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.chaos.marks import mark
from tests.contract import TooSlow, find_breaches, run_alone, time_limit
from tests.tiny import Run

NAMES = (
    *("x.jpg", "x.png", "x.npy", "x.npz", "x.csv", "x.tsv", "x.txt", "x.csv.gz", "x.parquet"),
    *("x.jsonl", "x.gz", "fashion-mnist_train.csv", "t10k-images-idx3-ubyte", "feed.csv", "x.zip"),
)
GREY = ("--model", "fashion-mnist-tiny", "--workers", 0, "--quiet")

Put = Callable[[Path], None]


def put_pipe(path: Path) -> None:
    os.mkfifo(path)


def put_socket(path: Path) -> None:
    before = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as bound:
            bound.bind(path.name)
    finally:
        os.chdir(before)


def put_folder(path: Path) -> None:
    path.mkdir()


def put_loop(path: Path) -> None:
    path.symlink_to(path)


def put_nowhere(path: Path) -> None:
    path.symlink_to(path.parent / "gone")


def put_terminal(path: Path) -> None:
    path.symlink_to("/dev/null")


KINDS: dict[str, Put] = {
    "a pipe": put_pipe,
    "a socket": put_socket,
    "a folder": put_folder,
    "a link to itself": put_loop,
    "a link to nowhere": put_nowhere,
    "/dev/null": put_terminal,
}


def commands(path: Path, out: Path) -> list[tuple[object, ...]]:
    """Returns the commands that meet a file by its name, and by its folder."""
    folder = path.parent
    return [
        ("predict", path, *GREY, "--out", out / "a.csv"),
        ("predict", folder, *GREY, "--out", out / "b.csv"),
        ("explore", path, "--out", out / "c", "--quiet"),
        ("explore", folder, "--out", out / "d", "--quiet"),
        ("evaluate", "fashion-mnist-tiny", path),
        ("train", path, "--out", out / "e", "--quiet", "--epochs", 1),
        ("audit", path, "--out", out / "f", "--quiet", "--workers", 0),
        ("audit", folder, "--out", out / "g", "--quiet", "--workers", 0),
    ]


@pytest.mark.parametrize(
    ("put", "names"),
    [
        *(mark(f"x.npy is {kind}", put, ("x.npy",), size="fast") for kind, put in KINDS.items()),
        *(mark(f"every name is {kind}", put, NAMES) for kind, put in KINDS.items()),
    ],
)
def test_no_command_waits_or_fails_at_a_special_file(
    hangtag: Run, tmp_path: Path, put: Put, names: tuple[str, ...]
) -> None:
    wrongs: list[str] = []
    for number, name in enumerate(names):
        folder = tmp_path / str(number)
        folder.mkdir()
        Image.new("L", (28, 28)).save(folder / "good.png")
        put(folder / name)
        for command in commands(folder / name, folder.parent / f"out-{number}"):
            said = " ".join(map(str, command[:2])).replace(str(tmp_path), "")
            try:
                with time_limit(20):
                    outcome = hangtag(*command)
            except (Exception, TooSlow) as error:
                wrongs.append(f"{said}: {type(error).__name__}: {error}")
                continue
            wrongs += [f"{said}: {breach}" for breach in find_breaches(outcome)]
            if command[0] == "predict" and command[1] == folder and outcome.code != 0:
                wrongs.append(f"{said}: one special file costs the folder: {outcome.err.strip()}")
    assert not wrongs, "\n".join(wrongs)


@pytest.mark.parametrize("name", [mark(f"{name} is /dev/zero", name) for name in NAMES])
def test_a_file_without_end_is_refused(tmp_path: Path, name: str) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / name).symlink_to("/dev/zero")
    wrongs: list[str] = []
    for command in commands(tmp_path / "in" / name, tmp_path / "out")[:1]:
        finished = run_alone(*command, seconds=40, logs=tmp_path)
        wrongs += [f"{command[0]}: {breach}" for breach in finished.find_breaches()]
    for command in (("explore", tmp_path / "in" / name, "--out", tmp_path / "c"),):
        finished = run_alone(*command, seconds=40, logs=tmp_path)
        wrongs += [f"{command[0]}: {breach}" for breach in finished.find_breaches()]
    assert not wrongs


OPTIONS: dict[str, tuple[object, ...]] = {
    "--recipe": ("train", "fashion-mnist", "--offline", "--out", "run", "--recipe", "{}.yaml"),
    "--taxonomy": ("taxonomy", "show", "--taxonomy", "{}.csv"),
    "--rules": ("audit", "feed.csv", "--out", "audit", "--rules", "{}.csv"),
    "--photo": ("explore", "--photo", "{}.jpg", "--out", "explore"),
    "--model": ("predict", "x.npy", "--model", "{}"),
    "--out": ("predict", "x.npy", *GREY, "--out", "{}.csv"),
}


@pytest.mark.parametrize(
    ("option", "kind"),
    [
        mark(f"{option} is {kind}", option, kind)
        for option in OPTIONS
        for kind in (*KINDS, "/dev/zero")
    ],
)
def test_a_special_file_as_an_option_is_refused(tmp_path: Path, option: str, kind: str) -> None:
    np.save(tmp_path / "x.npy", np.zeros((2, 28, 28), np.uint8))
    Image.new("L", (28, 28)).save(tmp_path / "a.png")
    (tmp_path / "feed.csv").write_text("image,label\na.png,Dress\n")
    command = [str(part) for part in OPTIONS[option]]
    (place,) = [part for part in command if "{}" in part]
    path = tmp_path / place.format("given")
    if kind == "/dev/zero":
        path.symlink_to("/dev/zero")
    else:
        KINDS[kind](path)
    command = [part.replace("{}", "given") for part in command]
    finished = run_alone(*command, seconds=40, folder=tmp_path, logs=tmp_path)
    assert not finished.find_breaches(), finished.outcome.err[-600:]
