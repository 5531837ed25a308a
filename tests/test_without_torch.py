"""The base install: everything but training works where PyTorch cannot be imported."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

BLOCKED = ("torch", "onnx", "onnxscript", "safetensors", "torchvision", "keras", "tensorflow")
RUN = f"""
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(
    lambda name, *rest: None if name.partition(".")[0] in {BLOCKED} else find(name, *rest)
)
sys.argv[0] = "hangtag"
from hangtag.cli.main import main
main()
"""


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process where the train extra cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", RUN, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.mark.parametrize(
    "arguments",
    [
        *[
            ("--help",),
            ("doctor",),
            ("models",),
            ("recipes",),
            ("recipes", "seed"),
            ("train", "-h"),
        ],
        ("taxonomy", "map", "Robes"),
    ],
    ids=" ".join,
)
def test_light_commands_work(arguments: tuple[str, ...]) -> None:
    finished = run(*arguments)
    assert finished.returncode == 0, finished.stderr


def test_a_model_evaluates_and_predicts(trained: Path, tmp_path: Path) -> None:
    from hangtag.datasets import Dataset, Format, export_dataset
    from tests.tiny import make_split

    splits = {"test": make_split(30, classes=3, seed=2), "train": make_split(9, classes=3, seed=1)}
    dataset = Dataset("shapes", "made", ("wide", "tall", "square"), splits)
    export_dataset(dataset, tmp_path / "data", format=Format.folders)
    finished = run("evaluate", trained, tmp_path / "data", "--json", "--out", tmp_path / "report")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["n"] == 30
    assert (tmp_path / "report" / "report.html").exists()
    finished = run("predict", tmp_path / "data", "--model", trained, "--json")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["n"] == 39
    finished = run("summary", trained, "--json")
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    "arguments", [("train", "fashion-mnist"), ("summary", "seed")], ids=" ".join
)
def test_training_says_what_to_install(arguments: tuple[str, ...]) -> None:
    finished = run(*arguments)
    assert finished.returncode == 2
    assert "pip install -c constraints.txt '.[train]'" in finished.stderr
    assert "Traceback" not in finished.stderr


def test_the_blocking_works() -> None:
    finished = subprocess.run(
        [sys.executable, "-c", RUN.partition("sys.argv")[0] + "import torch"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "No module named 'torch'" in finished.stderr


def test_torchvision_is_never_imported() -> None:
    code = (
        "import pkgutil, importlib, hangtag, sys\n"
        "for module in pkgutil.walk_packages(hangtag.__path__, 'hangtag.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "assert 'torch' in sys.modules\n"
        "assert 'torchvision' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=120)


def test_import_is_light() -> None:
    code = (
        "import hangtag, sys\n"
        "heavy = {'torch', 'pandas', 'matplotlib', 'sklearn', 'scipy', 'onnxruntime'}\n"
        "assert not heavy & set(sys.modules), heavy & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_predicting_leaves_nothing_in_the_home_folder(trained: Path, tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (28, 28)).save(tmp_path / "black.png")
    home = tmp_path / "home"
    home.mkdir()
    subprocess.run(
        [sys.executable, "-m", "hangtag", "predict", tmp_path / "black.png", "--model", trained],
        check=True,
        capture_output=True,
        env={"HOME": str(home), "PATH": ""},
    )
    assert list(home.rglob("*")) == []
