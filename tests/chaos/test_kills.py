"""Commands that are killed fifty times at random and gone on with: the outputs do not differ."""

import csv
import hashlib
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.chaos.marks import mark
from tests.tiny import make_split

ROWS = 30_000

Start = Callable[[], list[object]]
"""Returns the command to start next, with --resume where there is something to go on with."""


@dataclass(frozen=True)
class Killed:
    """How a command that was killed again and again ended."""

    kills: int
    ends: int


def start(command: list[object]) -> "subprocess.Popen[bytes]":
    return subprocess.Popen(
        [sys.executable, "-m", "hangtag", *map(str, command)],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


def run(command: list[object]) -> float:
    """Runs a command to its end; returns how long it took."""
    started = time.monotonic()
    process = start(command)
    _, said = process.communicate()
    assert process.returncode in (0, 1), said.decode(errors="replace")[-2000:]
    return time.monotonic() - started


def kill_at_random(
    choose: Start, *, kills: int, longest: float, seed: int, look: Callable[[], None]
) -> Killed:
    """Starts a command until it was killed `kills` times, then lets it end; looks after each."""
    chance = random.Random(seed)
    killed = ends = 0
    while killed < kills:
        process = start(choose())
        try:
            _, said = process.communicate(timeout=chance.uniform(0.05, longest))
            assert process.returncode in (0, 1), said.decode(errors="replace")[-2000:]
            ends += 1
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.communicate()
            killed += 1
        look()
    return Killed(killed, ends)


def nothing() -> None:
    """Looks at nothing."""


def hash_files(folder: Path) -> dict[str, str]:
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def kills_of(command: str) -> list[object]:
    """Returns how often a command is killed, in the two sizes of its test."""
    return [mark(f"2 kills of {command}", 2, size="slow"), mark(f"50 kills of {command}", 50)]


@pytest.mark.parametrize("kills", kills_of("predict"))
def test_predict_writes_each_row_once(tmp_path: Path, kills: int) -> None:
    images = tmp_path / "images.npy"
    np.save(images, np.random.default_rng(18).integers(0, 256, (ROWS, 28, 28), dtype=np.uint8))
    options = ["--model", "fashion-mnist-tiny", "--quiet", "--workers", 1]
    whole = tmp_path / "whole.csv"
    longest = run(["predict", images, "--out", whole, *options])
    outs = [tmp_path / "out-0.csv"]

    def choose() -> list[object]:
        if outs[-1].exists():
            outs.append(tmp_path / f"out-{len(outs)}.csv")
        begun = list(tmp_path.glob(f"{outs[-1].name}.*")) + list(
            tmp_path.glob(f".{outs[-1].name}*")
        )
        return ["predict", images, "--out", outs[-1], *options, *(["--resume"] if begun else [])]

    kill_at_random(choose, kills=kills, longest=longest, seed=1, look=nothing)
    if not outs[-1].exists():
        run(choose())
    for out in outs:
        assert out.read_bytes() == whole.read_bytes()
    assert {path.name for path in tmp_path.iterdir()} == {
        *(out.name for out in outs),
        "images.npy",
        "whole.csv",
    }


def write_training(folder: Path) -> Path:
    """Writes a pixel CSV of 240 images of three classes."""
    split = make_split(240, classes=3, seed=1)
    path = folder / "shapes_train.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["label", *(f"pixel{number}" for number in range(1, 785))])
        pixels = split.images.reshape(len(split), -1)
        writer.writerows(np.column_stack([split.labels, pixels]).tolist())
    return path


@pytest.mark.parametrize("kills", kills_of("train"))
def test_train_ends_with_the_same_model(tmp_path: Path, kills: int) -> None:
    data = write_training(tmp_path)
    small = ("epochs=8", "batch_size=16", "network.widths=[8,16,16]", "precision=float32")
    options = ["--recipe", "express", "--quiet", *(f"--set={change}" for change in small)]
    longest = run(["train", data, "--out", tmp_path / "whole", *options])
    outs = [tmp_path / "out-0"]

    def choose() -> list[object]:
        if (outs[-1] / "model" / "card.json").exists() and (outs[-1] / "report.html").exists():
            outs.append(tmp_path / f"out-{len(outs)}")
        begun = (outs[-1] / "run.json").exists()
        again = ["--quiet", "--resume"] if begun else options
        return ["train", data, "--out", outs[-1], *again]

    kill_at_random(choose, kills=kills, longest=longest, seed=2, look=nothing)
    if not (outs[-1] / "report.html").exists():
        run(choose())
    whole = {path.name for path in (tmp_path / "whole").iterdir()}
    for out in outs:
        for name in ("model/model.onnx", "model/weights.safetensors"):
            assert (out / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
        assert {path.name for path in out.iterdir()} == whole


def write_feed(folder: Path, *, supplier: str, count: int) -> Path:
    """Writes a feed of made pictures; all items are of one supplier."""
    folder.mkdir()
    split = make_split(count, classes=3, seed=count)
    rows = []
    for number, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
        Image.fromarray(image).convert("RGB").resize((64, 64)).save(folder / f"{number}.png")
        rows.append((f"{number}.png", ("Dress", "Shirt", "Bag")[label], supplier))
    with (folder / "feed.csv").open("w", newline="") as stream:
        csv.writer(stream).writerows([("image", "label", "supplier"), *rows])
    return folder / "feed.csv"


@pytest.mark.parametrize("kills", kills_of("audit"))
def test_an_audit_leaves_the_files_of_one_audit(tmp_path: Path, kills: int) -> None:
    march = write_feed(tmp_path / "march", supplier="Marchmade", count=90)
    april = write_feed(tmp_path / "april", supplier="Aprilmade", count=120)
    command = ["audit", "--quiet", "--workers", 0]
    sets: dict[str, dict[str, str]] = {}
    longest = 0.0
    for name, feed in (("march", march), ("april", april)):
        longest = max(longest, run([*command, feed, "--out", tmp_path / f"whole-{name}"]))
        sets[name] = hash_files(tmp_path / f"whole-{name}")
    tables = [name for name in sets["march"] if name.endswith(".csv")]
    telling = [name for name in tables if sets["march"][name] != sets["april"][name]]
    assert telling
    out = tmp_path / "out"
    feeds = [march, april]

    def choose() -> list[object]:
        feeds.reverse()
        return [*command, feeds[0], "--out", out]

    def look() -> None:
        if not out.exists():
            return
        found = hash_files(out)
        of = {name for name in sets for file in telling if found.get(file) == sets[name][file]}
        page = (out / "audit.html").read_text(encoding="utf-8") if "audit.html" in found else ""
        of |= {
            name for name, said in (("march", "Marchmade"), ("april", "Aprilmade")) if said in page
        }
        assert len(of) <= 1, f"files of {of} side by side: {sorted(found)}"

    kill_at_random(choose, kills=kills, longest=longest, seed=3, look=look)
    run([*command, march, "--out", out])
    assert {name: hash for name, hash in hash_files(out).items() if name in tables} == {
        name: hash for name, hash in sets["march"].items() if name in tables
    }
    assert set(hash_files(out)) == set(sets["march"])
    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"march", "april", "whole-march", "whole-april", "out"}
