"""A batch that is killed again and again ends as one that never was."""

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from hangtag.pipeline import part_of
from hangtag.tables.csv_cells import read_csv_rows

IMAGES = 60_000
KILLS = 50


def begin(images: Path, out: Path) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "hangtag", "predict", str(images), "--out", str(out)]
    state = part_of(out).with_name(f"{part_of(out).name}.json")
    resume = ["--resume"] if state.exists() else []
    return subprocess.Popen(
        [*command, "--model", "fashion-mnist-tiny", "--quiet", *resume],
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )


@pytest.mark.slow
def test_a_batch_killed_fifty_times_has_each_row_once(tmp_path: Path) -> None:
    images = tmp_path / "images.npy"
    noise = np.random.default_rng(0).integers(0, 256, (IMAGES, 28, 28), dtype=np.uint8)
    np.save(images, noise)
    whole = tmp_path / "whole.csv"
    assert begin(images, whole).wait() == 0
    kills, ends, chance = 0, 0, random.Random(0)
    while kills < KILLS:
        out = tmp_path / f"out-{ends}.csv"
        process = begin(images, out)
        time.sleep(chance.uniform(0.3, 1.5))
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            kills += 1
        process.wait()
        ends += out.exists()
    last = tmp_path / f"out-{ends}.csv"
    assert begin(images, last).wait() == 0
    for out in tmp_path.glob("out-*.csv"):
        assert out.read_bytes() == whole.read_bytes()
    names = [row["input"] for row in read_csv_rows(last)]
    assert len(names) == len(set(names)) == IMAGES
