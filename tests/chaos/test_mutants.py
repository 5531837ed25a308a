"""3,000 files with bytes changed, cut or moved: each is a row, an error row or one clear line."""

import csv
import gzip
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from numpy.typing import NDArray
from PIL import Image
from pyarrow import parquet

from tests.chaos.marks import mark
from tests.contract import LONGEST_LINE, TooSlow, find_breaches, time_limit
from tests.readers.mutations import mutate
from tests.tiny import Run, make_split

MODEL = "fashion-mnist-tiny"
SIDE = 64
TABLES = ("csv", "tsv", "csv.gz", "parquet", "npy", "npz", "idx", "idx.gz", "pixels.csv", "txt")


def make_picture() -> Image.Image:
    """Makes a picture with an edge and a slope, in colour."""
    slope = np.add.outer(np.arange(SIDE), 2 * np.arange(SIDE)).astype(np.uint8)
    return Image.fromarray(np.stack([slope, slope.T, 255 - slope], axis=2))


def make_images() -> list[tuple[str, bytes]]:
    """Encodes the picture in all formats and modes that people have, with the suffix of each."""
    picture = make_picture()
    clear = picture.copy()
    clear.putalpha(picture.convert("L"))
    exif = Image.Exif()
    exif[0x0112] = 6
    frames = {"save_all": True, "append_images": [picture.rotate(90), picture.rotate(180)]}
    forms: list[tuple[Image.Image, str, dict[str, Any]]] = [
        *((image, "PNG", {}) for image in (picture, clear, picture.convert("L"))),
        (picture.quantize(32), "PNG", {}),
        (picture, "JPEG", {"exif": exif}),
        (picture, "JPEG", {"progressive": True}),
        (picture.convert("CMYK"), "JPEG", {}),
        (picture, "MPO", frames),
        (clear, "WEBP", {}),
        (picture, "WEBP", frames),
        (picture, "PNG", frames),
        (picture, "GIF", frames),
        (picture, "BMP", {}),
        (picture, "TIFF", {}),
        (picture, "TIFF", {"compression": "jpeg"}),
        (picture, "AVIF", {}),
    ]
    suffixes = {"JPEG": "jpg", "MPO": "jpg", "TIFF": "tif"}
    contents = []
    for image, format, options in forms:
        stream = io.BytesIO()
        image.save(stream, format, **options)
        contents.append((suffixes.get(format, format.lower()), stream.getvalue()))
    return contents


@pytest.mark.parametrize("count", [mark("64 images", 64, size="fast"), mark("2,000 images", 2000)])
def test_each_mutated_image_is_one_row(hangtag: Run, tmp_path: Path, count: int) -> None:
    random = np.random.default_rng(18)
    originals = make_images()
    folder = tmp_path / "images"
    folder.mkdir()
    for number in range(count):
        suffix, content = originals[number % len(originals)]
        (folder / f"{number:05d}.{suffix}").write_bytes(mutate(content, random))
    out = tmp_path / "rows.csv"
    with time_limit(60 + count / 10):
        options = ("--out", out, "--model", MODEL, "--workers", 2)
        outcome = hangtag("predict", folder, *options)
    assert not find_breaches(outcome)
    with out.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert [Path(row["input"]).name for row in rows] == sorted(p.name for p in folder.iterdir())
    errors = [row for row in rows if row["decision"] == "error"]
    assert count / 10 < len(errors) < count
    assert all(row["error"].isprintable() for row in errors)
    assert all(Path(row["input"]).name in row["error"] for row in errors)
    assert max(len(row["error"]) for row in errors) < LONGEST_LINE


def make_idx(images: NDArray[np.uint8]) -> bytes:
    return np.array([2051, *images.shape], ">u4").tobytes() + images.tobytes()


def make_tables(folder: Path) -> dict[str, bytes]:
    """Makes a good table, array or list of every kind, of twenty images each."""
    images = make_split(20, classes=3, seed=18).images
    (folder / "img").mkdir()
    for number, image in enumerate(images):
        Image.fromarray(image).save(folder / "img" / f"{number}.png")
    rows = [(f"img/{number}.png", f'a "b", {number}\nc', number) for number in range(20)]
    table = io.StringIO()
    csv.writer(table).writerows([("image", "note", "sku"), *rows])
    tabs = io.StringIO()
    csv.writer(tabs, delimiter="\t").writerows([("image", "note", "sku"), *rows])
    columns = {"image": [row[0] for row in rows], "sku": [row[2] for row in rows]}
    sink, array, arrays = io.BytesIO(), io.BytesIO(), io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    np.save(array, images)
    np.savez(arrays, images)
    pixels = ",".join(f"pixel{number}" for number in range(1, 785))
    lines = [",".join(map(str, image.reshape(-1))) for image in images]
    return {
        "csv": table.getvalue().encode(),
        "tsv": tabs.getvalue().encode(),
        "csv.gz": gzip.compress(table.getvalue().encode()),
        "parquet": sink.getvalue(),
        "npy": array.getvalue(),
        "npz": arrays.getvalue(),
        "idx": make_idx(images),
        "idx.gz": gzip.compress(make_idx(images)),
        "pixels.csv": "\n".join([pixels, *lines]).encode(),
        "txt": "\n".join(str(folder / row[0]) for row in rows).encode(),
    }


@pytest.mark.parametrize(
    ("kind", "count"),
    [
        *(mark(f"3 of .{kind}", kind, 3, size="fast") for kind in TABLES),
        *(mark(f"100 of .{kind}", kind, 100) for kind in TABLES),
    ],
)
def test_a_mutated_table_is_read_or_refused(
    hangtag: Run, tmp_path: Path, kind: str, count: int
) -> None:
    content = make_tables(tmp_path)[kind]
    random = np.random.default_rng(18)
    breaches: list[str] = []
    for number in range(count):
        changed = mutate(content, random)
        path = tmp_path / f"{number}.{kind}"
        path.write_bytes(changed)
        try:
            with time_limit(60):
                outcome = hangtag("predict", path, "--model", MODEL, "--workers", 0, "--json")
        except (Exception, TooSlow) as error:
            breaches.append(f"{number}: {type(error).__name__}: {error}")
            continue
        breaches += [f"{number}: {breach}" for breach in find_breaches(outcome)]
        if outcome.code == 0:
            breaches += [f"{number}: no rows"] if not json.loads(outcome.out)["rows"] else []
    assert not breaches
