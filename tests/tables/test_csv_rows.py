"""Rows of CSV: a damaged one costs its own lines and no other row."""

import csv
import io
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hangtag.tables.csv_rows import LONGEST_LINE, CsvRow, read_lines, split_rows

COLUMNS = 4


def read(text: str, *, columns: int = COLUMNS) -> list[CsvRow]:
    lines = read_lines(io.StringIO(text, newline="").readline)

    def names_image(cells: Sequence[str]) -> bool:
        return bool(cells) and cells[0].endswith(".jpg")

    return list(split_rows(lines, ",", columns=columns, looks_like_row=names_image))


def make_lines(count: int, *, text: str = "plain") -> list[str]:
    return [f"{number}.jpg,Dress,{number},{text}" for number in range(count)]


@pytest.mark.parametrize(
    "opened",
    [
        '3.jpg,Dress,3,"27 inch waist',
        '3.jpg,"Dress,3,27 inch',
        '"3.jpg,Dress,3,27 inch',
    ],
)
@pytest.mark.parametrize("text", ["plain", '"quoted, text"', '""', 'x" wide', "long " * 50_000])
def test_an_open_quote_costs_its_own_line_only(opened: str, text: str) -> None:
    lines = make_lines(9, text=text)
    lines[3] = opened
    rows = read("\n".join(lines) + "\n")
    assert [row.line for row in rows] == list(range(1, 10))
    assert [bool(row.problem) for row in rows] == [number == 3 for number in range(9)]
    assert rows[3].lines == 1
    assert "a quote opens a cell and is not closed" in rows[3].problem


def test_an_open_quote_that_a_later_row_closes_by_chance_costs_its_own_line_only() -> None:
    lines = make_lines(6)
    lines[1], lines[4] = '1.jpg,Dress,1,"27 inch', '4.jpg,Dress,4,30"'
    rows = read("\n".join(lines))
    assert [bool(row.problem) for row in rows] == [False, True, False, False, False, False]
    assert rows[4].cells[-1] == '30"'


def test_cells_of_several_lines_stay_whole_and_lines_are_counted() -> None:
    rows = read('a.jpg,Dress,1,"one\r\ntwo, three\r\nfour"\r\nb.jpg,Hat,2,x\r\n')
    assert rows[0].cells == ["a.jpg", "Dress", "1", "one\r\ntwo, three\r\nfour"]
    assert (rows[0].place, rows[1].place) == ("lines 1 to 3", "line 4")


def test_a_stray_quote_in_a_cell_of_several_lines_is_one_row() -> None:
    rows = read('a.jpg,Dress,1,"one\nSlim" fit\nend"\nb.jpg,Hat,2,x\n')
    assert rows[0].problem
    assert rows[-1].cells == ["b.jpg", "Hat", "2", "x"]


@pytest.mark.parametrize("size", [200_000, LONGEST_LINE, 3 * LONGEST_LINE])
def test_a_huge_cell_costs_no_other_row(size: int) -> None:
    lines = make_lines(5)
    lines[2] = f'2.jpg,Dress,2,"{"x," * (size // 2)}"'
    rows = read("\r\n".join(lines))
    assert [row.line for row in rows] == [1, 2, 3, 4, 5]
    is_long = size >= LONGEST_LINE
    assert [bool(row.problem) for row in rows] == [False, False, is_long, False, False]


def test_empty_rows_are_none() -> None:
    rows = read("\n\n,,,\n" + "\n".join(make_lines(2)) + "\n" + ",,,\n" * 40 + "\x1a")
    assert [row.line for row in rows] == [4, 5]


@given(
    rows=st.lists(
        st.lists(st.text(alphabet='a,"\n\r;', max_size=6), min_size=3, max_size=3), max_size=6
    )
)
def test_what_csv_writes_is_read_back(rows: list[list[str]]) -> None:
    stream = io.StringIO(newline="")
    csv.writer(stream, quoting=csv.QUOTE_ALL).writerows(rows)
    read_back = [list(row.cells) for row in read(stream.getvalue(), columns=3)]
    assert read_back == [row for row in rows if any(cell.strip() for cell in row)]
