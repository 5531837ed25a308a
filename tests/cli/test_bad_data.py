"""Bad data gives one clear line and exit code 2, whatever the command."""

import gzip
import json
import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.tiny import Run

HEADER = "label," + ",".join(f"pixel{number}" for number in range(1, 785))


def idx_images(count: int, *, magic: int = 2051) -> bytes:
    return struct.pack(">IIII", magic, count, 28, 28) + bytes(count * 784)


def idx_labels(labels: list[int]) -> bytes:
    return struct.pack(">II", 2049, len(labels)) + bytes(labels)


def write_idx(folder: Path, images: bytes, labels: bytes, *, suffix: str = "") -> Path:
    folder.mkdir()
    (folder / f"train-images-idx3-ubyte{suffix}").write_bytes(images)
    (folder / f"train-labels-idx1-ubyte{suffix}").write_bytes(labels)
    return folder


def write_csv(folder: Path, *rows: str, header: str = HEADER) -> Path:
    path = folder / "data_train.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def row(*, label: str = "3", first: str = "0") -> str:
    return ",".join([label, first, *["7"] * 783])


def wrong_magic(root: Path) -> Path:
    return write_idx(root / "idx", idx_images(2, magic=2049), idx_labels([0, 1]))


def truncated_gzip(root: Path) -> Path:
    images = gzip.compress(np.random.default_rng(0).bytes(5000))[:2000]
    return write_idx(root / "idx", images, gzip.compress(idx_labels([0, 1])), suffix=".gz")


def counts_differ(root: Path) -> Path:
    return write_idx(root / "idx", idx_images(3), idx_labels([0, 1]))


def label_outside(root: Path) -> Path:
    return write_idx(root / "idx", idx_images(2), idx_labels([0, 10]))


def label_outside_in_csv(root: Path) -> Path:
    return write_csv(root, row(), row(label="10"))


def missing_column(root: Path) -> Path:
    return write_csv(root, row(), header=HEADER.replace("pixel17,", ""))


def cell_not_a_number(root: Path) -> Path:
    return write_csv(root, row(), row(first="dark"))


def pixel_outside(root: Path) -> Path:
    return write_csv(root, row(), row(first="256"))


def empty_csv(root: Path) -> Path:
    path = root / "data_train.csv"
    path.write_bytes(b"")
    return path


def empty_idx(root: Path) -> Path:
    return write_idx(root / "idx", b"", idx_labels([]))


def no_images(root: Path) -> Path:
    (root / "empty").mkdir()
    return root / "empty"


def broken_image(root: Path) -> Path:
    for name in ("a", "b"):
        (root / "folders" / name).mkdir(parents=True)
        Image.fromarray(np.zeros((28, 28), np.uint8)).save(root / "folders" / name / "1.png")
    (root / "folders" / "b" / "2.png").write_bytes(b"\x89PNG")
    return root / "folders"


def missing(root: Path) -> Path:
    return root / "gone"


BAD = [
    (wrong_magic, "magic"),
    (truncated_gzip, "train-images-idx3-ubyte.gz"),
    (counts_differ, "3"),
    (label_outside, "10"),
    (label_outside_in_csv, "10"),
    (missing_column, "pixel17"),
    (cell_not_a_number, "pixel1"),
    (pixel_outside, "256"),
    (empty_csv, "empty"),
    (empty_idx, "empty"),
    (no_images, "image"),
    (broken_image, "2.png"),
    (missing, "gone"),
]


@pytest.mark.parametrize(("make", "named"), BAD, ids=[make.__name__ for make, _ in BAD])
def test_every_command_says_what_is_wrong(
    hangtag: Run, trained: Path, tmp_path: Path, make: Callable[[Path], Path], named: str
) -> None:
    data = make(tmp_path)
    out = tmp_path / "out"
    for arguments in (
        ("explore", data, "--out", out),
        ("train", data, "--out", out),
        ("evaluate", trained, data),
        ("data", "export", data, out, "--format", "folders"),
    ):
        outcome = hangtag(*arguments)
        assert outcome.code == 2
        (line,) = [line for line in outcome.err.splitlines() if line.startswith("error: ")]
        assert named in line
        assert "Traceback" not in outcome.err
        assert outcome.out == ""
    assert not out.exists()


def test_predicting_on_bad_data_records_it(hangtag: Run, trained: Path, tmp_path: Path) -> None:
    outcome = hangtag("predict", broken_image(tmp_path), "--model", trained, "--json")
    assert outcome.code == 0
    result = json.loads(outcome.out)
    assert [row["decision"] for row in result["rows"]].count("error") == 1
    assert result["errors_by_kind"] == {"damaged": 1}
