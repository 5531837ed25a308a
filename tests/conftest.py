"""Fixtures for all tests: small datasets, a tiny trained model, the real data where it is."""

import os
from pathlib import Path

# Tests run side by side; two threads each would only wait for one another.
os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest

from hangtag.cli.main import main
from hangtag.datasets import Dataset, load_dataset
from hangtag.errors import FetchError
from hangtag.training.train import train
from tests.tiny import Outcome, Run, make_split, tiny_recipe


@pytest.fixture(scope="session")
def fashion_mnist() -> Dataset:
    """The real Fashion-MNIST; skips where it is neither cached nor on disk nor to be fetched."""
    try:
        return load_dataset("fashion-mnist")
    except FetchError as error:
        pytest.skip(f"Fashion-MNIST cannot be had here: {error}")


@pytest.fixture(scope="session")
def shapes() -> Dataset:
    """A dataset of three easy classes: 240 train and 60 test images."""
    splits = {
        "train": make_split(240, classes=3, seed=1),
        "test": make_split(60, classes=3, seed=2),
    }
    return Dataset("shapes", "made", ("wide", "tall", "square"), splits)


@pytest.fixture
def hangtag(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Run:
    """Runs the command line in this process: ``hangtag("recipes", "--json")``."""

    def run(*arguments: object) -> Outcome:
        monkeypatch.setattr("sys.argv", ["hangtag", *map(str, arguments)])
        monkeypatch.setenv("COLUMNS", "200")
        capfd.readouterr()
        with pytest.raises(SystemExit) as stopped:
            main()
        out, err = capfd.readouterr()
        code = stopped.value.code
        return Outcome(code if isinstance(code, int) else int(code is not None), out, err)

    return run


@pytest.fixture(scope="session")
def trained(shapes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of a real training of a few epochs on `shapes`."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    train(shapes, recipe=tiny_recipe(), out=folder)
    return folder


@pytest.fixture(scope="session")
def trained_fp16(shapes: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of the training of `trained` with weights stored in half precision."""
    folder = tmp_path_factory.mktemp("trained-fp16") / "run"
    train(shapes, recipe=tiny_recipe("weights=float16"), out=folder)
    return folder
