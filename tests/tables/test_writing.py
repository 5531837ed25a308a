"""Tables that grow row by row."""

from pathlib import Path

import pandas as pd
import pytest

from hangtag.errors import OutputError
from hangtag.tables.columns import Cell, ColumnKind
from hangtag.tables.csv_cells import read_csv_rows
from hangtag.tables.writing import SUFFIXES, open_table, require_table, write_table

COLUMNS: dict[str, ColumnKind] = {"a": "text", "b": "integer", "c": "number", "d": "truth"}


@pytest.mark.parametrize("count", [0, 2, 10_000, 10_001])
def test_parquet_holds_every_row_with_its_kinds(tmp_path: Path, count: int) -> None:
    path = tmp_path / "t.parquet"
    row: tuple[Cell, ...] = "=é", None, 0.1, True
    write_table(path, COLUMNS, [row] * count)
    found = pd.read_parquet(path, dtype_backend="pyarrow")
    kinds = ["string", "int64", "double", "bool"]
    assert [str(kind.pyarrow_dtype) for kind in found.dtypes] == kinds
    assert len(found) == count
    assert found.drop(columns="b").drop_duplicates().values.tolist() == [["=é", 0.1, True]] * (
        count > 0
    )
    assert found["b"].isna().all()


def test_csv_reads_back(tmp_path: Path) -> None:
    write_table(tmp_path / "t.csv", COLUMNS, [("=é", None, 0.1, True)])
    assert list(read_csv_rows(tmp_path / "t.csv")) == [
        {"a": "=é", "b": "", "c": "0.1", "d": "True"}
    ]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_table_that_is_not_finished_does_not_appear(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"t{suffix}"
    with pytest.raises(ZeroDivisionError), open_table(path, COLUMNS) as write:
        write(("a", 1, 1 / 0, False))
    assert not list(tmp_path.iterdir())


def test_other_names_are_refused(tmp_path: Path) -> None:
    with pytest.raises(OutputError, match=r"--out t.txt: .* ending in .csv or .parquet"):
        require_table(Path("t.txt"), option="--out")
