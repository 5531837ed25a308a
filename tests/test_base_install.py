"""The base install predicts; every other command works or names the extra that it needs."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import pytest

TRAINING = ("torch", "onnx", "onnxscript", "safetensors", "torchvision", "keras", "tensorflow")
EXTRAS = (
    *TRAINING,
    *("cleanlab", "jinja2", "matplotlib", "pandas", "pyarrow", "rapidfuzz", "scipy", "sklearn"),
)
BLOCK = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
PathFinder.find_spec = staticmethod(
    lambda name, *rest: None if name.partition(".")[0] in {blocked} else find(name, *rest)
)
"""
COMMAND = """
sys.argv[0] = "hangtag"
from hangtag.cli.main import main
main()
"""


def run(*arguments: object, blocked: tuple[str, ...] = EXTRAS) -> subprocess.CompletedProcess[str]:
    """Runs the command line in a process where the `blocked` packages cannot be imported."""
    return run_code(COMMAND, *arguments, blocked=blocked)


def run_code(
    code: str, *arguments: object, blocked: tuple[str, ...] = EXTRAS
) -> subprocess.CompletedProcess[str]:
    """Runs Python code in such a process."""
    return subprocess.run(
        [sys.executable, "-c", BLOCK.format(blocked=blocked) + code, *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )


@pytest.fixture
def images(tmp_path: Path) -> Path:
    """Class folders with 30 test and 9 train images."""
    from hangtag.datasets import Dataset, ExportFormat, export_dataset
    from tests.tiny import make_split

    splits = {"test": make_split(30, classes=3, seed=2), "train": make_split(9, classes=3, seed=1)}
    dataset = Dataset("shapes", "made", ("wide", "tall", "square"), splits)
    export_dataset(dataset, tmp_path / "data", format=ExportFormat.folders)
    return tmp_path / "data"


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
        ("taxonomy", "show", "--depth", "0"),
        ("predict", "-h"),
        ("audit", "-h"),
    ],
    ids=" ".join,
)
def test_light_commands_work(arguments: tuple[str, ...]) -> None:
    finished = run(*arguments)
    assert finished.returncode == 0, finished.stderr


def test_the_base_install_predicts(trained: Path, images: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    finished = run("predict", images, "--model", trained, "--out", out)
    assert finished.returncode == 0, finished.stderr
    with out.open(encoding="utf-8", newline="") as file:
        assert len(list(csv.DictReader(file))) == 39
    out = tmp_path / "out.jsonl"
    finished = run("predict", images, "--model", trained, "--out", out)
    assert len(out.read_text("utf-8").splitlines()) == 39, finished.stderr
    finished = run("predict", images, "--model", trained, "--json")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["n"] == 39


def test_the_base_install_predicts_from_python(trained: Path) -> None:
    code = (
        "import numpy as np, hangtag\n"
        "model = hangtag.load(sys.argv[1])\n"
        "images = np.zeros((2, 28, 28), np.uint8)\n"
        "print(len(model.predict(images)))\n"
    )
    finished = run_code(code, trained)
    assert finished.stdout == "2\n", finished.stderr


def test_the_base_install_evaluates(trained: Path, images: Path) -> None:
    finished = run("evaluate", trained, images, "--json")
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["n"] == 30


def test_without_torch_a_model_evaluates(trained: Path, images: Path, tmp_path: Path) -> None:
    report = tmp_path / "report"
    finished = run("evaluate", trained, images, "--json", "--out", report, blocked=TRAINING)
    assert finished.returncode == 0, finished.stderr
    assert json.loads(finished.stdout)["n"] == 30
    assert (report / "report.html").exists()
    finished = run("summary", trained, "--json", blocked=TRAINING)
    assert finished.returncode == 0, finished.stderr


@pytest.mark.parametrize(
    ("arguments", "extra"),
    [
        ("train DATA", "train"),
        ("summary seed", "train"),
        ("evaluate MODEL DATA --out OUT", "report"),
        ("explore DATA", "report"),
        ("predict DATA --model MODEL --out OUT.csv --explain", "report"),
        ("predict DATA --model MODEL --out OUT.parquet", "parquet"),
        ("predict TABLE.parquet --model MODEL", "parquet"),
        ("taxonomy map Robes", "taxonomy"),
        ("taxonomy search coat", "taxonomy"),
        ("audit TABLE.csv --out OUT", "audit"),
    ],
)
def test_a_command_names_the_extra_that_it_needs(
    arguments: str, extra: str, trained: Path, images: Path, tmp_path: Path
) -> None:
    (tmp_path / "TABLE.csv").write_text("image,label\nx.png,a\n", encoding="utf-8")
    (tmp_path / "TABLE.parquet").touch()
    places = {"DATA": images, "MODEL": trained}
    words = [
        str(places.get(word, tmp_path / word if word[:3] in {"OUT", "TAB"} else word))
        for word in arguments.split()
    ]
    finished = run(*words)
    assert finished.returncode == 2
    assert f"pip install 'hangtag[{extra}]'" in finished.stderr.splitlines()[-1]
    assert "Traceback" not in finished.stderr
    assert not list(tmp_path.glob("OUT*"))


def test_the_blocking_works() -> None:
    for package in EXTRAS:
        assert f"No module named '{package}'" in run_code(f"import {package}").stderr


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
