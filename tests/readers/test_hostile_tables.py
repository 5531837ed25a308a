"""Whatever a table or an array holds, it is refused in one line or read row by row."""

import gzip
import io
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from hangtag.errors import DataError
from tests.readers.mutations import mutate
from tests.readers.reading import DecodedRecord, make_pixels, read_all
from tests.readers.test_arrays import make_idx
from tests.readers.test_pixel_csv import write_rows


def make_originals(folder: Path) -> dict[str, bytes]:
    """Makes a good file of every kind."""
    array = io.BytesIO()
    np.save(array, make_pixels(20))
    write_rows(folder / "pixels.csv", 10)
    rows = "image,sku,note\n" + 'a.png,1,"x, y"\nb.png,2,"multi\nline"\n' * 5
    columns = {"image": ["a.png", "b.png"] * 20, "n": list(range(40)), "tags": [[1, 2]] * 40}
    sink = io.BytesIO()
    parquet.write_table(pa.table(columns), sink)
    return {
        "a.npy": array.getvalue(),
        "pixels.csv": (folder / "pixels.csv").read_bytes(),
        "feed.csv": rows.encode(),
        "feed.csv.gz": gzip.compress(rows.encode()),
        "feed.parquet": sink.getvalue(),
        "x.idx": make_idx(10),
        "x.gz": gzip.compress(make_idx(10)),
    }


@pytest.mark.parametrize("count", [40, pytest.param(1000, marks=pytest.mark.slow)])
def test_mutated_tables(tmp_path: Path, count: int) -> None:
    random = np.random.default_rng(1)
    refusals: list[str] = []
    read = 0
    for name, content in make_originals(tmp_path).items():
        for _ in range(count):
            (tmp_path / name).write_bytes(mutate(content, random))
            try:
                inputs = read_all(tmp_path / name)
            except DataError as error:
                refusals.append(str(error))
                continue
            read += 1
            assert_accounted_for(inputs)
    assert not any("\n" in refusal for refusal in refusals)
    assert min(len(refusals), read) > count


def assert_accounted_for(inputs: list[DecodedRecord]) -> None:
    """Checks that each of the inputs is either pixels or an error of one line."""
    assert inputs
    for item in inputs:
        assert (item.pixels is None) == bool(item.error) == bool(item.error_kind)
        assert "\n" not in item.error
