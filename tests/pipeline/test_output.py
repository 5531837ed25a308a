"""Outputs appear whole, hold the same rows in every format, and go on where they ended."""

import itertools
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from hangtag.errors import OutputError
from hangtag.files.atomic import write_text
from hangtag.pipeline import Layout, PredictionRow, RunSettings, open_output, part_of
from hangtag.pipeline.output import state_of
from hangtag.pipeline.predictor import ROWS_A_BATCH
from hangtag.readers import Record
from hangtag.tables.columns import ColumnKind
from hangtag.tables.csv_cells import read_csv_rows
from tests.pipeline.doubles import make_failure, make_records, pixels_of, predict_brightness

EXTRAS: dict[str, ColumnKind] = {"sku": "text", "n": "integer", "price": "number", "new": "truth"}
LAYOUT = Layout(EXTRAS)
SETTINGS = RunSettings(
    inputs=["photos"], total=1000, model="abc", precision=0.98, explained=False, version="1"
)
SUFFIXES = (".csv", ".jsonl", ".parquet")


def make_all(folder: Path, count: int = 1000) -> list[Record]:
    """Makes records with cells to pass through; every tenth cannot be read."""
    folder.mkdir(exist_ok=True)
    names = [str(folder / f"{index:04d}.png") for index in range(count)]
    records = [
        replace(record, extras={"sku": f"=x{n}", "n": n, "price": n / 4})
        for n, record in enumerate(make_records(names))
    ]
    records[::10] = [make_failure(record.name) for record in records[::10]]
    return records


def split_rows(records: Iterable[Record]) -> Iterator[list[PredictionRow]]:
    """Predicts records; gives the rows as a run writes them."""
    rows = predict_brightness(records)
    return iter(lambda: list(itertools.islice(rows, ROWS_A_BATCH)), [])


def write_all(
    out: Path,
    records: Iterable[Record],
    *,
    resume: bool = False,
    settings: RunSettings = SETTINGS,
    batches: int | None = None,
) -> None:
    """Writes rows to `out`; after some `batches` there is a Ctrl-C."""
    with open_output(out, LAYOUT, settings, resume=resume) as output:
        for number, rows in enumerate(split_rows(output.skip_done(records))):
            if number == batches:
                raise KeyboardInterrupt
            output.write(rows)


def interrupt(out: Path, records: Iterable[Record], *, batches: int = 2) -> None:
    with pytest.raises(KeyboardInterrupt):
        write_all(out, records, batches=batches)


def read_csv(path: Path) -> pd.DataFrame:
    return pd.DataFrame(list(read_csv_rows(path)))


def read_jsonl(path: Path) -> pd.DataFrame:
    return pd.DataFrame([json.loads(line) for line in path.read_text().splitlines()])


@pytest.mark.parametrize(
    ("suffix", "read"),
    list(zip(SUFFIXES, (read_csv, read_jsonl, pd.read_parquet), strict=True)),
)
def test_every_format_holds_the_same_rows(
    tmp_path: Path, suffix: str, read: Callable[[Path], pd.DataFrame]
) -> None:
    records = make_all(tmp_path / "in", 700)
    out = tmp_path / f"out{suffix}"
    write_all(out, records)
    table = read(out)
    assert list(table.columns) == LAYOUT.names
    assert table["input"].tolist() == [record.name for record in records]
    assert table["sku"].iloc[1] == "=x1"
    failed = table["decision"] == "error"
    assert failed.tolist() == [record.error is not None for record in records]
    numbers = pd.to_numeric(table.loc[~failed, "confidence"])
    brightness = pixels_of(records).mean(axis=(1, 2)) / 255
    np.testing.assert_allclose(numbers, np.maximum(brightness, 1 - brightness), atol=1e-6)
    if suffix == ".parquet":
        assert [str(kind) for kind in table.dtypes.iloc[-3:]][1] == "float64"


def test_nan_and_infinity_are_null_in_json(tmp_path: Path) -> None:
    (one,) = make_records(["a"], extras={"price": float("nan")})
    write_all(tmp_path / "a.jsonl", [one])
    assert json.loads((tmp_path / "a.jsonl").read_text())["price"] is None


@pytest.mark.parametrize("suffix", SUFFIXES)
@pytest.mark.parametrize("batches", [1, 3])
def test_a_resumed_run_gives_the_bytes_of_one_run(
    tmp_path: Path, suffix: str, batches: int
) -> None:
    records = make_all(tmp_path / "in")
    whole, out = tmp_path / f"whole{suffix}", tmp_path / f"out{suffix}"
    write_all(whole, records)
    interrupt(out, records, batches=batches)
    assert not out.exists()
    with part_of(out).open("ab") as part:
        part.write(b"half a row that was not vouched f")
    write_all(out, records, resume=True)
    assert out.read_bytes() == whole.read_bytes()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in", out.name, whole.name]


def test_a_run_may_be_interrupted_again_and_again(tmp_path: Path) -> None:
    records = make_all(tmp_path / "in", 2000)
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    write_all(whole, records)
    interrupt(out, records, batches=1)
    for _ in range(3):
        with pytest.raises(KeyboardInterrupt):
            write_all(out, records, resume=True, batches=1)
    with pytest.raises(KeyboardInterrupt):
        write_all(out, records, resume=True, batches=0)
    write_all(out, records, resume=True)
    assert out.read_bytes() == whole.read_bytes()


def test_the_counts_go_on_too(tmp_path: Path) -> None:
    records = make_all(tmp_path / "in")
    interrupt(tmp_path / "out.csv", records)
    with open_output(tmp_path / "out.csv", LAYOUT, SETTINGS, resume=True) as output:
        assert output.summary.rows == 512
        assert output.summary.errors_by_kind == {"damaged": 52}
        raise_nothing(list(output.skip_done(records)))


def raise_nothing(items: Sequence[object]) -> None:
    assert len(items) == 1000 - 512


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "def"}, r"begun with another model \(abc then, def now\)"),
        ({"inputs": ["other"]}, r"begun with other inputs \(photos then, other now\)"),
        ({"total": 7}, "begun with another number of inputs"),
        ({"precision": 0.99}, r"begun with another precision \(0\.98 then, 0\.99 now\)"),
        ({"explained": True}, "begun with another choice of --explain"),
        ({"version": "2"}, "begun with another version of hangtag"),
    ],
)
def test_another_request_is_refused_and_the_part_kept(
    tmp_path: Path, change: dict[str, Any], message: str
) -> None:
    records = make_all(tmp_path / "in")
    out = tmp_path / "out.csv"
    interrupt(out, records)
    fields = {**asdict(SETTINGS), **change}
    with pytest.raises(OutputError, match=message):
        write_all(out, records, resume=True, settings=RunSettings(**fields))
    write_all(out, records, resume=True)


def test_changed_records_are_refused_and_the_part_kept(tmp_path: Path) -> None:
    records = make_all(tmp_path / "in")
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    write_all(whole, records)
    interrupt(out, records)
    cells = [replace(record, extras={**record.extras, "sku": "other"}) for record in records]
    with pytest.raises(OutputError, match="first 512 inputs some were added, removed or changed"):
        write_all(out, cells, resume=True)
    changed = tmp_path / "in" / "0003.png"
    changed.write_text("now it is there")
    for others in (records, records[1:], records[:100], [records[1], records[0], *records[2:]]):
        with pytest.raises(OutputError, match="first 512 inputs some were added, removed or chang"):
            write_all(out, others, resume=True)
    changed.unlink()
    write_all(out, records, resume=True)
    assert out.read_bytes() == whole.read_bytes()


def test_resuming_nothing_or_damage_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with pytest.raises(OutputError, match="there is no interrupted run"):
        write_all(out, [], resume=True)
    records = make_all(tmp_path / "in")
    interrupt(out, records)
    state = state_of(out).read_text()
    for content in ("", "[]", "{}", '{"asked": {}}'):
        state_of(out).write_text(content)
        with pytest.raises(OutputError, match="is damaged"):
            write_all(out, records, resume=True)
    state_of(out).write_text(state)
    part_of(out).write_bytes(b"")
    with pytest.raises(OutputError, match="is shorter than it was"):
        write_all(out, records, resume=True)


def test_a_run_killed_before_its_first_commit_is_resumed_from_the_first_row(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    records = make_all(tmp_path / "in")
    write_all(tmp_path / "whole.csv", records)
    part_of(out).write_bytes(b"input,cat")
    write_all(out, records, resume=True)
    assert out.read_bytes() == (tmp_path / "whole.csv").read_bytes()


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_a_failure_leaves_the_old_output(tmp_path: Path, suffix: str) -> None:
    out = tmp_path / f"out{suffix}"
    out.write_bytes(b"before")
    with pytest.raises(KeyboardInterrupt):
        write_all(out, make_records(["a"]), batches=0)
    assert out.read_bytes() == b"before"
    assert list(tmp_path.iterdir()) == [out]


def test_without_resume_a_part_is_begun_again(tmp_path: Path) -> None:
    records = make_all(tmp_path / "in")
    interrupt(tmp_path / "out.csv", records)
    write_all(tmp_path / "out.csv", records[:5])
    assert len(read_csv(tmp_path / "out.csv")) == 5


def test_a_conversion_that_is_interrupted_can_be_resumed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    records = make_all(tmp_path / "in")
    whole, out = tmp_path / "whole.parquet", tmp_path / "out.parquet"
    write_all(whole, records)

    def interrupt_it(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("pyarrow.parquet.ParquetWriter", interrupt_it)
        with pytest.raises(KeyboardInterrupt):
            write_all(out, records)
    assert not out.exists()
    write_all(out, records, resume=True)
    assert out.read_bytes() == whole.read_bytes()


def test_two_runs_never_write_the_same_output(tmp_path: Path) -> None:
    out = tmp_path / "out.csv"
    with (
        open_output(out, LAYOUT, SETTINGS),
        pytest.raises(OutputError, match="is being written by another run"),
    ):
        write_all(out, [])
    assert out.exists()


def test_a_killed_run_goes_on_from_its_last_commit(tmp_path: Path) -> None:
    out, whole = tmp_path / "out.csv", tmp_path / "whole.csv"
    records = make_all(tmp_path / "in")
    write_all(whole, records)
    program = (
        "import os, signal, sys; from pathlib import Path\n"
        "from hangtag.pipeline import open_output\n"
        "from tests.pipeline.test_output import *\n"
        "folder = Path(sys.argv[1])\n"
        "with open_output(folder / 'out.csv', LAYOUT, SETTINGS) as output:\n"
        "    rows = split_rows(make_all(folder / 'in'))\n"
        "    output.write(next(rows)); output.commit(); output.write(next(rows))\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    subprocess.run([sys.executable, "-c", program, tmp_path], check=False, cwd=Path.cwd())
    assert len(part_of(out).read_bytes().splitlines()) > 257
    write_all(out, records, resume=True)
    assert out.read_bytes() == whole.read_bytes()


def test_places_that_cannot_be_written(tmp_path: Path) -> None:
    write_text(tmp_path / "file", "")
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(OutputError, match=r"expected a name ending in \.csv, \.jsonl, \.parquet"):
        write_all(tmp_path / "out.xlsx", [])
    with pytest.raises(OutputError, match=r"is a folder"):
        write_all(tmp_path / "folder.csv", [])
    with pytest.raises(OutputError, match=r"cannot make the folder"):
        write_all(tmp_path / "file" / "out.csv", [])


def test_the_output_has_the_permissions_of_any_file(tmp_path: Path) -> None:
    for suffix in SUFFIXES:
        write_all(tmp_path / f"out{suffix}", make_records(["a"]))
        (tmp_path / "plain").touch()
        assert os.stat(tmp_path / f"out{suffix}").st_mode == os.stat(tmp_path / "plain").st_mode


def test_an_empty_row_list_is_a_table_of_no_rows(tmp_path: Path) -> None:
    rows: list[PredictionRow] = []
    with open_output(tmp_path / "out.parquet", LAYOUT, SETTINGS) as output:
        output.write(rows)
    assert len(pd.read_parquet(tmp_path / "out.parquet")) == 0
