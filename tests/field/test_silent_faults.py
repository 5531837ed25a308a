"""What must not go wrong without a word: lost rows, wrong classes, damage that is believed."""

import csv
import json
import shlex
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.datasets import Dataset
from tests.contract import find_breaches, run_shell
from tests.photos import write_photos
from tests.tiny import Run, make_split

HANGTAG = f"{shlex.quote(sys.executable)} -m hangtag"
LINES = 400
GREY = ("--model", "fashion-mnist-tiny", "--workers", 0)


def write_feed(folder: Path, lines: int, *, open_quote: int) -> Path:
    """Writes a feed in which one cell begins with a quote that nothing closes."""
    Image.new("RGB", (64, 64)).save(folder / "a.png")
    text = "a shirt of cotton " * 60  # the rows after the quote are longer than csv's largest cell
    rows = [f"a.png,Dress,{number},{text}" for number in range(lines)]
    rows[open_quote] = f'a.png,Dress,{open_quote},"27 inch waist'
    path = folder / "feed.csv"
    path.write_text("\n".join(["image,label,sku,description", *rows]) + "\n")
    return path


def count_rows(path: Path) -> int:
    csv.field_size_limit(1 << 30)
    with path.open(newline="", encoding="utf-8") as stream:
        return sum(1 for _ in csv.DictReader(stream))


def test_an_unclosed_quote_loses_no_row(hangtag: Run, tmp_path: Path) -> None:
    feed = write_feed(tmp_path, LINES, open_quote=150)
    out = tmp_path / "rows.csv"
    outcome = hangtag("predict", feed, *GREY, "--out", out)
    assert not find_breaches(outcome)
    if outcome.code == 2 and not out.exists():
        assert "152" in outcome.err, "names the line where the quote begins"
        return
    assert outcome.code == 0
    assert count_rows(out) == LINES
    assert "152" in out.read_text(encoding="utf-8")


def test_an_audit_counts_every_row_after_an_unclosed_quote(hangtag: Run, tmp_path: Path) -> None:
    feed = write_feed(tmp_path, 300, open_quote=100)
    outcome = hangtag("audit", feed, "--out", tmp_path / "audit", "--json", "--workers", 0)
    assert not find_breaches(outcome)
    if outcome.code == 2:
        assert "102" in outcome.err
        return
    assert json.loads(outcome.out)["items"] == 300


@pytest.mark.slow
def test_the_demo_feed_is_no_folder_of_the_classes_images_and_truth(
    hangtag: Run, fashion_mnist: Dataset, tmp_path: Path
) -> None:
    assert hangtag("data", "demo-feed", tmp_path / "demo", "--offline").code == 0
    outcome = hangtag("explore", tmp_path / "demo", "--out", tmp_path / "explore", "--json")
    assert not find_breaches(outcome)
    if outcome.code == 2:
        assert "feed.csv" in outcome.err
        return
    assert not {"images", "truth"} & set(json.loads(outcome.out)["classes"])


def write_pixels(folder: Path, count: int = 120) -> Path:
    split = make_split(count, classes=3, seed=1)
    path = folder / "shapes_train.csv"
    with path.open("w", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(["label", *(f"pixel{number}" for number in range(1, 785))])
        writer.writerows(np.column_stack([split.labels, split.images.reshape(count, -1)]).tolist())
    return path


@pytest.mark.slow
def test_a_bit_flip_in_a_checkpoint_is_not_gone_on_with(hangtag: Run, tmp_path: Path) -> None:
    data, out = write_pixels(tmp_path), tmp_path / "run"
    small = ("epochs=2", "batch_size=16", "network.widths=[8,16,16]", "precision=float32")
    options = ["--recipe", "express", *(f"--set={change}" for change in small)]
    assert hangtag("train", data, "--out", out, *options).code == 0
    for name in ("model", "report.html", "metrics.json"):
        path = out / name
        path.rename(tmp_path / f"taken-{name}")
    checkpoint = out / "checkpoints" / "last.safetensors"
    content = bytearray(checkpoint.read_bytes())
    content[-100] ^= 0x40
    checkpoint.write_bytes(content)
    outcome = hangtag("train", data, "--out", out, "--resume")
    assert not find_breaches(outcome)
    assert outcome.code == 2
    assert checkpoint.name in outcome.err


@pytest.mark.parametrize("kilobytes", [1, 4, 16])
def test_a_disk_that_is_full_leaves_what_can_be_gone_on_with(
    tmp_path: Path, kilobytes: int
) -> None:
    np.save(tmp_path / "images.npy", make_split(300, classes=3, seed=1).images)
    predict = f"{HANGTAG} predict images.npy --model fashion-mnist-tiny --workers 0 --out rows.csv"
    full = run_shell(f"ulimit -f {kilobytes}; {predict}", folder=tmp_path, logs=tmp_path)
    assert full.outcome.code in (0, 2)
    assert not full.find_breaches()
    if full.outcome.code == 0:
        return
    resume = "--resume" if list(tmp_path.glob("*rows.csv*")) else ""
    again = run_shell(f"{predict} {resume}", folder=tmp_path, logs=tmp_path)
    assert not again.find_breaches()
    assert again.outcome.code == 0, again.outcome.err
    assert count_rows(tmp_path / "rows.csv") == 300


def test_an_exported_manifest_runs_nothing_in_a_spreadsheet(hangtag: Run, tmp_path: Path) -> None:
    photos = tmp_path / "photos"
    for name in ("=SUM(A1)", "@risk", "Dress"):
        (photos / name).mkdir(parents=True)
        for number in range(3):
            Image.new("L", (28, 28), 40 * number).save(photos / name / f"{number}.png")
    outcome = hangtag("data", "export", photos, tmp_path / "out", "--format", "png")
    assert outcome.code == 0, outcome.err
    with (tmp_path / "out" / "manifest.csv").open(newline="", encoding="utf-8") as stream:
        cells = [cell for row in csv.reader(stream) for cell in row]
    assert any("SUM(A1)" in cell for cell in cells)
    assert not [cell for cell in cells if cell.startswith(("=", "@", "+", "-"))]
    again = hangtag("explore", tmp_path / "out", "--out", tmp_path / "explore", "--json")
    assert again.code == 0, again.err
    assert sorted(json.loads(again.out)["classes"]) == ["=SUM(A1)", "@risk", "Dress"]


def test_a_link_to_itself_costs_no_other_image(hangtag: Run, tmp_path: Path) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    (folder / "x.png").symlink_to(folder / "x.png")
    Image.new("L", (28, 28)).save(folder / "good.png")
    out = tmp_path / "rows.csv"
    outcome = hangtag("predict", folder, *GREY, "--out", out)
    assert outcome.code == 0, outcome.err
    assert count_rows(out) == 2


@pytest.mark.slow
def test_an_audit_lists_every_broken_image(hangtag: Run, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos", each=6)
    files = sorted(path for path in photos.rglob("*") if path.is_file())
    for path in files[:3]:
        path.write_bytes(b"<html>not found</html>")
    with (tmp_path / "feed.csv").open("w", newline="", encoding="utf-8") as stream:
        rows = [(path.relative_to(tmp_path), path.parent.name) for path in files]
        csv.writer(stream).writerows([("image", "label"), *rows])
    out = tmp_path / "audit"
    outcome = hangtag("audit", tmp_path / "feed.csv", "--out", out, "--workers", 0)
    assert outcome.code in (0, 1), outcome.err
    broken = (out / "broken.csv").read_text(encoding="utf-8")
    assert all(path.name in broken for path in files[:3])
