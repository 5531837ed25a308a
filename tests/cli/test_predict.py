"""``predict`` from end to end: hostile inputs, manifests, interruption, flat memory."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from numpy.typing import NDArray
from PIL import Image

from hangtag.pipeline import part_of
from hangtag.tables.csv_cells import read_csv_rows
from tests.tiny import Run, make_split

PREDICT = [sys.executable, "-m", "hangtag", "predict"]
MEASURE = """
import resource, sys
from hangtag.cli.main import main
try: main()
except SystemExit as stopped: assert not stopped.code, stopped.code
who = resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN  # the command; the largest decoder
print("peak", *(resource.getrusage(one).ru_maxrss for one in who))
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """200 images, one of each kind of fault among them, and a manifest that names them all."""
    root = tmp_path / "in"
    root.mkdir()
    for index, image in enumerate(make_split(200, classes=3, seed=3).images):
        Image.fromarray(image).save(root / f"{index:03d}.png")
    (root / "010.png").write_bytes((root / "010.png").read_bytes()[:300])
    (root / "020.png").write_bytes(b"")
    (root / "030.png").write_text("not an image")
    with (root / "040.png").open("wb") as stream:
        stream.truncate(20_000_001)
    (root / "050.png").unlink()
    Image.new("RGB", (80, 60), "white").save(root / "060.png")
    names = [f"{index:03d}.png" for index in range(200)]
    pd.DataFrame({"image": names, "sku": range(200), "error": "=old"}).to_csv(
        root / "feed.csv", index=False
    )
    return root


def test_every_kind_of_fault_is_a_row_and_counted(
    hangtag: Run, trained: Path, folder: Path, tmp_path: Path
) -> None:
    out = tmp_path / "out.csv"
    outcome = hangtag("predict", folder / "feed.csv", "--model", trained, "--out", out)
    assert outcome.code == 0, outcome.err
    rows = list(read_csv_rows(out))
    assert [row["input"] for row in rows] == [f"{folder}/{n:03d}.png" for n in range(200)]
    assert [row["sku"] for row in rows] == [str(n) for n in range(200)]
    assert {row["table_error"] for row in rows} == {"=old"}
    assert "'=old" in out.read_text()
    failed = [row for row in rows if row["decision"] == "error"]
    assert [row["sku"] for row in failed] == ["10", "20", "30", "40", "50"]
    for row, word in zip(
        failed, ("damaged", "empty", "is text, not an image", "20 MB", "no such"), strict=True
    ):
        assert word in row["error"]
    said = " ".join(outcome.err.split())
    assert "; 5 not readable (" in said
    for kind in ("damaged", "empty", "not an image", "too large", "missing"):
        assert f"1 {kind}" in said
    assert "; 1 were resized to the model's size" in said


@pytest.mark.parametrize("workers", [0, 2])
def test_faults_in_json(hangtag: Run, trained: Path, folder: Path, workers: int) -> None:
    outcome = hangtag("predict", folder, "--model", trained, "--json", "--workers", workers)
    result = json.loads(outcome.out)
    kinds = ("damaged", "empty", "missing", "not an image", "too large")
    assert (result["n"], result["errors"]) == (200, 5)  # the folder's table names a missing file
    assert result["errors_by_kind"] == dict.fromkeys(kinds, 1)
    assert sum(result["decisions"].values()) == 195
    assert result["precision"] <= result["target_precision"] < 1


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_after_ctrl_c_resume_gives_the_same_bytes(
    hangtag: Run, trained: Path, tmp_path: Path, suffix: str
) -> None:
    images = make_split(600, classes=3, seed=3).images
    np.save(tmp_path / "many.npy", np.tile(images, (15, 1, 1)))
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    arguments = [str(tmp_path / "many.npy"), "--model", str(trained), "--out"]
    assert hangtag("predict", *arguments, whole).code == 0
    with subprocess.Popen(
        [*PREDICT, *arguments, str(out)], stderr=subprocess.PIPE, text=True
    ) as process:
        await_rows(out)
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130, errors
    assert "Traceback" not in errors
    assert "interrupted; the same command with --resume goes on" in errors
    assert not out.exists()
    done = len(part_of(out).read_bytes().splitlines())
    assert 0 < done < 9_000
    outcome = hangtag("predict", *arguments, out, "--resume")
    assert outcome.code == 0, outcome.err
    assert "9,000 inputs" in outcome.err
    assert out.read_bytes() == whole.read_bytes()
    assert not part_of(out).exists()


def await_rows(out: Path) -> None:
    """Waits until a run has written rows."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if part_of(out).exists() and part_of(out).stat().st_size > 10_000:
            return
        time.sleep(0.01)
    raise AssertionError(f"{part_of(out)} does not grow")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["IN", "--resume"], "--resume needs --out"),
        (["IN", "--explain"], "--explain needs --out"),
        (["IN", "--resume", "--out", "OUT.csv"], "there is no interrupted run"),
        (["IN", "--out", "IN"], "expected a name ending in .csv"),
        (["IN/feed.csv", "--out", "IN/feed.csv"], "is one of the inputs"),
        (["IN", "--out", "IN/deep/out.csv", "--explain"], "choose another place"),
        (["IN/*.bmp"], "no file matches"),
        (["IN", "--workers", "-1"], "workers"),
    ],
)
def test_refusals_are_one_clear_line(
    hangtag: Run, trained: Path, folder: Path, arguments: list[str], message: str
) -> None:
    places = {"IN": str(folder), "OUT": str(folder / "out")}
    for name, place in places.items():
        arguments = [argument.replace(name, place) for argument in arguments]
    outcome = hangtag("predict", *arguments, "--model", trained)
    assert outcome.code == 2
    assert message in " ".join(outcome.err.split())
    assert "Traceback" not in outcome.err


def test_names_from_stdin_that_are_not_utf8(trained: Path, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff=1.png"
    Image.new("L", (28, 28)).save(os.fsdecode(name))
    finished = subprocess.run(
        [*PREDICT, "-", "--model", trained], input=name + b"\n", capture_output=True, check=True
    )
    assert rb"\xff=1.png,," not in finished.stdout
    assert rb"/\xff=1.png," in finished.stdout


def measure_peaks(*arguments: object) -> NDArray[np.int64]:
    """Returns the most memory that a run of predict and its largest decoder held, in MB."""
    finished = subprocess.run(
        [sys.executable, "-c", MEASURE, "predict", *map(str, arguments)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert finished.returncode == 0, finished.stderr
    found = re.search(r"peak (\d+) (\d+)", finished.stdout)
    assert found
    return np.array(found.groups(), dtype=np.int64) // 1024


def test_memory_stays_flat_over_20_000_rows(trained: Path, tmp_path: Path) -> None:
    images = make_split(500, classes=3, seed=3).images
    peaks = []
    for times in (1, 40):
        np.save(tmp_path / "x.npy", np.tile(images, (times, 1, 1)))
        out = tmp_path / "out.csv"
        peaks.append(measure_peaks(tmp_path / "x.npy", "--model", trained, "--out", out))
    assert (peaks[1] - peaks[0] < 25).all(), peaks


@pytest.mark.slow
@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_memory_stays_flat_over_200_000_images(trained: Path, tmp_path: Path, suffix: str) -> None:
    for index, image in enumerate(make_split(100, classes=3, seed=3).images):
        Image.fromarray(image).save(tmp_path / f"{index}.png")
    peaks = []
    for rows in (2_000, 200_000):
        lines = (f"{index % 100}.png,{index}\n" for index in range(rows))
        (tmp_path / "feed.csv").write_text("image,sku\n" + "".join(lines))
        out = tmp_path / f"out{suffix}"
        peaks.append(measure_peaks(tmp_path / "feed.csv", "--model", trained, "--out", out))
    if suffix == ".csv":
        assert [row["sku"] for row in read_csv_rows(out)] == [str(n) for n in range(200_000)]
    assert (peaks[1] - peaks[0] < 25).all(), peaks


def test_a_higher_precision_accepts_less_and_is_refused_where_there_is_none(
    hangtag: Run, tmp_path: Path
) -> None:
    examples = Path(__file__).parent.parent.parent / "docs" / "examples"
    accepted = []
    for precision in ("0.9", "0.995"):
        out = tmp_path / f"{precision}.csv"
        outcome = hangtag("predict", examples, "--precision", precision, "--out", out)
        assert outcome.code == 0, outcome.err
        rows = list(read_csv_rows(out))
        for row in rows:
            assert bool(row["parent"]) == bool(row["parent_confidence"])
            assert bool(row["parent"]) == (row["decision"] == "parent")
        accepted.append(sum(row["decision"] == "accept" for row in rows))
    assert accepted[0] > accepted[1] > 0
    refused = hangtag("predict", examples, "--precision", "0.999", "--out", tmp_path / "x.csv")
    assert refused.code == 2
    assert "less than or equal to 0.995" in refused.err
    assert not (tmp_path / "x.csv").exists()


def test_a_model_that_learned_from_no_fitted_image_accepts_none(
    hangtag: Run, tmp_path: Path
) -> None:
    examples = Path(__file__).parent.parent.parent / "docs" / "examples"
    larger = tmp_path / "larger"
    larger.mkdir()
    for path in examples.glob("*.png"):
        with Image.open(path) as image:
            image.resize((56, 56), Image.Resampling.NEAREST).save(larger / path.name)
    found = {}
    for folder in (examples, larger):
        outcome = hangtag("predict", folder, "--model", "fashion-mnist", "--json")
        found[folder] = json.loads(outcome.out)["decisions"], outcome.err
    decisions, said = found[examples]
    assert decisions["accept"] >= 5
    assert "not 28x28" not in said
    decisions, said = found[larger]
    assert set(decisions) <= {"review", "unknown"}
    assert decisions["review"] >= 5
    assert "not 28x28 pixels; fashion-mnist learned from no resized" in " ".join(said.split())


def test_a_model_that_learned_from_fitted_images_accepts_some(hangtag: Run, tmp_path: Path) -> None:
    split = make_split(400, classes=2, seed=5)
    for position, (image, label) in enumerate(zip(split.images, split.labels, strict=True)):
        place = tmp_path / "data" / "ab"[label] / f"{position}.png"
        place.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(image).resize((40, 40), Image.Resampling.NEAREST).save(place)
    run = tmp_path / "run"
    trained = hangtag(
        "train", tmp_path / "data", "--recipe", "express", "--out", run, "--set", "epochs=2"
    )
    assert trained.code == 0, trained.err
    outcome = hangtag("predict", tmp_path / "data", "--model", run, "--json", "--precision", "0.5")
    assert json.loads(outcome.out)["decisions"]["accept"] > 200
    assert "learned from no resized" not in outcome.err


def test_an_interrupted_explanation_leaves_that_of_the_earlier_run(
    hangtag: Run, trained: Path, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out.csv"
    line = ["--model", trained, "--out", out, "--explain"]
    assert hangtag("predict", folder / "000.png", *line).code == 0

    def stop(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("hangtag.models.router.Router.explain", stop)
    assert hangtag("predict", folder / "001.png", *line).code == 130
    (row,) = read_csv_rows(out)
    assert row["input"].endswith("000.png")
    assert (tmp_path / row["saliency_map"]).is_file()


def test_explain_draws_a_saliency_map_for_every_image_that_was_read(
    hangtag: Run, trained: Path, folder: Path, tmp_path: Path
) -> None:
    names = [str(folder / f"{number:03d}.png") for number in (1, 20, 60)]
    out = tmp_path / "some.csv"

    outcome = hangtag("predict", *names, "--model", trained, "--out", out, "--explain")

    assert outcome.code == 0, outcome.err
    named = [row["saliency_map"] for row in read_csv_rows(out)]
    assert [(tmp_path / name).is_file() for name in named] == [True, False, True]
    assert not (tmp_path / "some.csv.saliency.part").exists()
    pictures = sorted((tmp_path / "some.csv.saliency").iterdir())
    assert [picture.name for picture in pictures] == ["000001-001.png", "000003-060.png"]
    for picture in pictures:
        with Image.open(picture) as image:
            assert image.width > 500
    (tmp_path / "some.csv.saliency" / "mine.png").touch()
    hangtag("predict", names[0], "--model", trained, "--out", out, "--explain")
    left = sorted(picture.name for picture in (tmp_path / "some.csv.saliency").iterdir())
    assert left == ["000001-001.png", "mine.png"]


def test_where_nothing_can_be_read_the_exit_code_says_so(
    hangtag: Run, trained: Path, tmp_path: Path
) -> None:
    pd.DataFrame({"image": ["gone.png", "too.png"]}).to_csv(tmp_path / "feed.csv", index=False)
    out = tmp_path / "out.csv"
    outcome = hangtag("predict", tmp_path / "feed.csv", "--model", trained, "--out", out)
    assert outcome.code == 2
    assert "2 not readable (2 missing)" in outcome.err
    assert len(list(read_csv_rows(out))) == 2


def test_files_found_under_another_spelling_are_told_at_the_end(
    hangtag: Run, trained: Path, tmp_path: Path
) -> None:
    Image.fromarray(make_split(1, classes=3, seed=3).images[0]).save(tmp_path / "dress.PNG")
    (tmp_path / "feed.csv").write_text("image\ndress.png\n")
    out = tmp_path / "out.csv"
    outcome = hangtag("predict", tmp_path / "feed.csv", "--model", trained, "--out", out)
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("1 file is spelled differently") == 1


def test_a_missing_file_that_lies_elsewhere_is_told(
    hangtag: Run, trained: Path, tmp_path: Path
) -> None:
    (tmp_path / "photos").mkdir()
    Image.fromarray(make_split(1, classes=3, seed=3).images[0]).save(tmp_path / "photos/dress.png")
    (tmp_path / "feed.csv").write_text("image\npictures/dress.png\nphotos/dress.png\n")
    out = tmp_path / "out.csv"
    outcome = hangtag("predict", tmp_path / "feed.csv", "--model", trained, "--out", out)
    assert outcome.code == 0, outcome.err
    assert "'pictures/dress.png', which is missing; photos/dress.png is there" in outcome.err
