import json
import subprocess
import sys
from pathlib import Path

import pytest

from hangtag.datasets import Dataset, ExportFormat, export_dataset, load_dataset
from tests.datasets.tiny_datasets import assert_same_items, make_dataset
from tests.tiny import Outcome, Run


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """A tiny data set as pixel CSVs, with one test image that is also in train."""
    dataset = make_dataset()
    dataset.splits["test"].images[0] = dataset.splits["train"].images[0]
    export_dataset(dataset, tmp_path / "tiny", format=ExportFormat.csv)
    return tmp_path / "tiny"


@pytest.mark.parametrize("format", ["csv", "png", "folders"])
def test_export_prints_the_folder_last(
    tmp_path: Path, source: Path, format: str, hangtag: Run
) -> None:
    out = tmp_path / "out"

    outcome = hangtag("data", "export", source, out, "--format", format)

    assert outcome.code == 0
    assert outcome.out.splitlines()[-1] == str(out)
    assert "1 of the 5 test images also appear in train" in outcome.err
    assert "Wrote 12 train, 5 test images of 10 classes." in outcome.err
    assert_same_items(load_dataset(out), load_dataset(source))


def test_export_quietly(tmp_path: Path, source: Path, hangtag: Run) -> None:
    out = tmp_path / "out"

    outcome = hangtag("data", "export", source, out, "--format", "png", "-q")

    assert outcome == Outcome(0, f"{out}\n", "")


def test_export_as_json(tmp_path: Path, source: Path, hangtag: Run) -> None:
    out = tmp_path / "out"

    outcome = hangtag("data", "export", source, out, "--format", "folders", "--json")

    content = json.loads(outcome.out)
    assert content["splits"] == {"train": 12, "test": 5}
    assert content["folder"] == str(out)
    assert content["classes"][0] == "T-shirt/top"
    assert len(content["notices"]) == 1
    assert outcome.err == ""


def test_fetch_finds_the_cache(
    fashion_mnist: Dataset, monkeypatch: pytest.MonkeyPatch, hangtag: Run
) -> None:
    monkeypatch.setenv("HANGTAG_HOME", str(Path(fashion_mnist.source).parent))

    outcome = hangtag("data", "fetch", "fashion-mnist", "--offline", "--json")

    content = json.loads(outcome.out)
    assert content["files"]["train-images-idx3-ubyte"] == 47_040_016
    assert content["folder"] == fashion_mnist.source


def test_fetch_of_an_unknown_name(hangtag: Run) -> None:
    outcome = hangtag("data", "fetch", "fashion-mnits")

    assert outcome.code == 2
    assert "did you mean 'fashion-mnist'?" in outcome.err


BAD_INPUTS: dict[str, tuple[str, bytes | None, str]] = {
    "missing": ("nowhere", None, "no data set, file or folder is called"),
    "empty": ("a.csv", b"", "is empty (0 bytes)"),
    "column": ("a.csv", b"label,pixel1\n1,2\n", "the column 'pixel2' is missing"),
    "gzip": ("a.csv.gz", b"\x1f\x8b\x08\x00\x00\x00", "cut off before its end"),
    "magic": ("idx/train-images-idx3-ubyte", bytes(800), "has no partner"),
    "manifest": ("feed.csv", b"image,label\ngone.png,Bag\n", "no image file"),
    "picture": ("folders/Bag/a.png", b"text", "is text, not an image"),
    "kind": ("a.txt", b"text", "is not a data set"),
}


@pytest.mark.parametrize("case", BAD_INPUTS)
def test_bad_input_is_one_line_and_exit_code_2(tmp_path: Path, case: str, hangtag: Run) -> None:
    name, content, problem = BAD_INPUTS[case]
    file = tmp_path / "in" / name
    file.parent.mkdir(parents=True)
    if content is not None:
        file.write_bytes(content)
    data = tmp_path / "in" / name.split("/")[0]

    outcome = hangtag("data", "export", data, tmp_path / "o", "--format", "csv")

    assert outcome.code == 2
    assert outcome.out == ""
    assert outcome.err.startswith("error: ")
    assert outcome.err.count("\n") == 1
    assert problem in outcome.err
    assert not (tmp_path / "o").exists()


@pytest.mark.parametrize("arguments", [("", "OUT"), ("IN", "")])
def test_empty_text_is_not_the_current_folder(
    tmp_path: Path,
    source: Path,
    arguments: tuple[str, str],
    hangtag: Run,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    places = {"IN": str(source), "OUT": str(tmp_path / "out"), "": ""}

    outcome = hangtag("data", "export", *map(places.get, arguments), "--format", "csv")

    assert outcome.code == 2
    assert "is empty" in outcome.err
    assert not list((tmp_path / "here").iterdir())


def test_export_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hangtag: Run) -> None:
    asked = []

    def open_nothing(data: str, *, offline: bool, **_: object) -> Dataset:
        asked.append((data, offline))
        return make_dataset()

    monkeypatch.setattr("hangtag.datasets.load_dataset", open_nothing)

    for options in ([], ["--offline"]):
        out = tmp_path / f"out{len(options)}"
        assert hangtag("data", "export", "x", out, "--format", "csv", *options).code == 0

    assert asked == [("x", False), ("x", True)]


def test_bad_input_in_a_process_of_its_own(tmp_path: Path) -> None:
    command = ["data", "export", str(tmp_path), str(tmp_path / "out"), "--format", "csv"]

    result = subprocess.run(
        [sys.executable, "-m", "hangtag", *command], capture_output=True, text=True, check=False
    )

    assert result.returncode == 2
    assert result.stderr.startswith("error: ")
    assert "no images in class folders found" in result.stderr
    assert "Traceback" not in result.stderr
