"""A CSV that a spreadsheet opens harmlessly and that reads back exactly."""

import csv
import io
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hangtag.errors import DataError
from hangtag.tables.columns import Cell
from hangtag.tables.csv_cells import format_row, read_csv_rows

TEXTS = st.text(st.characters(exclude_categories=["Cs"]))
NASTY = st.text(st.sampled_from("'=+-@\t\r\n\",; 1e.ü"), max_size=6)


@given(rows=st.lists(st.tuples(TEXTS | NASTY, TEXTS | NASTY), max_size=5))
def test_texts_read_back_exactly(rows: list[tuple[str, str]]) -> None:
    import tempfile

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a.csv"
        lines = [format_row(("one", "=two")), *map(format_row, rows)]
        path.write_text("".join(lines), encoding="utf-8", newline="")
        read = [(row["one"], row["=two"]) for row in read_csv_rows(path)]
    assert read == rows


@given(text=TEXTS | NASTY)
def test_no_text_starts_like_a_formula_unless_it_is_a_number(text: str) -> None:
    (cell,) = next(csv.reader(io.StringIO(format_row([text, ""]), newline="")))[:1]
    if cell.startswith(("=", "+", "-", "@", "\t", "\r")):
        assert float(cell) == float(text)


@pytest.mark.parametrize(
    ("cell", "written"),
    [
        ("=1+1", "'=1+1"),
        ("+49 30 1", "'+49 30 1"),
        ("-cmd", "'-cmd"),
        ("@sum", "'@sum"),
        ("\tx", '"\'\tx"'),
        ("\rx", '"\'\rx"'),
        ("'=x", "''=x"),
        ("'tis", "'tis"),
        ("-5", "-5"),
        ("+1.5e3", "+1.5e3"),
        ("-.5", "-.5"),
        (-0.5, "-0.5"),
        (None, ""),
        (True, "True"),
        ('a"b,c', '"a""b,c"'),
        ("a;=cmd", '"a;=cmd"'),
        ("a\t=cmd", '"a\t=cmd"'),
        ("a\nb", '"a\nb"'),
    ],
)
def test_cells(cell: Cell, written: str) -> None:
    assert format_row([cell]) == f"{written}\n"


def test_what_is_no_output_is_one_clear_line(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b"a,b\n1\n")
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe")
    for name in ("a.csv", "b.csv", "gone.csv"):
        with pytest.raises(DataError, match="is not a CSV file that hangtag wrote"):
            list(read_csv_rows(tmp_path / name))
