"""Two processes under torchrun train what one process trains."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file

from hangtag.datasets import Dataset, ExportFormat, export_dataset
from tests.tiny import Outcome

SETTINGS = (
    "network.widths=[8, 8]",
    "batch_size=30",
    "precision=float32",
    "schedule={kind: exponential, factor: 0.9}",
    # The first steps of Adam follow the sign of the gradient and would magnify its rounding.
    "optimiser={kind: sgd, learning_rate: 0.05}",
)


@pytest.fixture
def data(shapes: Dataset, tmp_path: Path) -> Path:
    export_dataset(shapes, tmp_path / "data", format=ExportFormat.folders)
    return tmp_path / "data"


def train(*arguments: object, processes: int) -> Outcome:
    launcher = ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={processes}"]
    changes = [word for change in SETTINGS for word in ("--set", change)]
    command = [
        sys.executable,
        *(launcher if processes > 1 else []),
        *("-m", "hangtag", "train", *map(str, arguments), *changes),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        command, capture_output=True, text=True, env=environment, timeout=300, check=False
    )
    return Outcome(done.returncode, done.stdout, done.stderr)


def weights(run: Path) -> dict[str, torch.Tensor]:
    tensors = load_file(run / "checkpoints" / "last.safetensors")
    return {name: tensor for name, tensor in tensors.items() if name.startswith("network.")}


@pytest.mark.slow
def test_two_processes_train_what_one_trains_and_resume(data: Path, tmp_path: Path) -> None:
    one, two, resumed = (tmp_path / name for name in ("one", "two", "resumed"))
    assert train(data, "--out", one, "--epochs", 2, processes=1).code == 0
    together = train(data, "--out", two, "--epochs", 2, processes=2)
    assert together.code == 0, together.err
    assert together.out.count("report.html") == 1
    torch.testing.assert_close(weights(two), weights(one), rtol=1e-3, atol=1e-4)
    files = [{p.relative_to(run) for p in run.rglob("*")} for run in (one, two)]
    assert files[0] == files[1]

    begun = train(data, "--out", resumed, "--epochs", 1, processes=2)
    assert begun.code == 0, begun.err
    again = train(data, "--out", resumed, "--epochs", 2, "--resume", processes=2)
    assert again.code == 0, again.err
    torch.testing.assert_close(weights(resumed), weights(two), rtol=0, atol=0)


@pytest.mark.slow
def test_a_refusal_in_a_team_ends_all_of_it(data: Path, tmp_path: Path) -> None:
    (tmp_path / "taken").mkdir()
    (tmp_path / "taken" / "mine.txt").touch()
    refused = train(data, "--out", tmp_path / "taken", processes=2)
    assert refused.code != 0
    assert refused.err.count("is not empty") == 1
