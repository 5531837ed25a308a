"""The files of an audit appear as a set, wherever one is killed; one audit writes at a time."""

import os
import sys
import warnings
from pathlib import Path

import pytest

from hangtag.audit.outputs import OUTPUTS, open_output_folder
from hangtag.errors import OutputError

STEPS = ("os.mkdir", "os.rename", "os.remove", "os.rmdir")


def write_outputs(out: Path, audit: str, *, without: str = "") -> None:
    with open_output_folder(out) as folder:
        for name in OUTPUTS:
            if name != without:
                (folder / name).write_text(audit)


def write_and_die(out: Path, audit: str, *, step: int) -> bool:
    """Writes outputs in a child that kills itself before a change to the disk; whether it did."""
    with warnings.catch_warnings(action="ignore"):  # of threads, which the child does not use
        child = os.fork()
    if not child:
        seen = 0

        def count(event: str, arguments: object) -> None:
            nonlocal seen
            seen += event in STEPS
            if seen > step:
                os._exit(9)

        sys.addaudithook(count)
        write_outputs(out, audit)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 9


def read_outputs(out: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in out.iterdir() if path.is_file()}


def test_wherever_an_audit_is_killed_no_files_of_two_are_side_by_side(tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_outputs(out, "march")
    (out / "notes.txt").write_text("march")
    step = 0
    while write_and_die(out, "april", step=step):
        assert len({text for name, text in read_outputs(out).items() if name in OUTPUTS}) <= 1
        with pytest.raises(ZeroDivisionError), open_output_folder(out):
            raise ZeroDivisionError  # The next audit completes what was written, then fails.
        after = read_outputs(out)
        assert after.pop("notes.txt") == "march"
        assert after in (dict.fromkeys(OUTPUTS, "march"), dict.fromkeys(OUTPUTS, "april"))
        assert not list(out.glob(".*"))
        write_outputs(out, "march")
        step += 1
    assert step > len(OUTPUTS)
    assert read_outputs(out) == {**dict.fromkeys(OUTPUTS, "april"), "notes.txt": "march"}


def test_an_output_that_is_not_written_again_is_gone(tmp_path: Path) -> None:
    write_outputs(tmp_path, "march")
    write_outputs(tmp_path, "april", without="broken.csv")
    assert read_outputs(tmp_path) == dict.fromkeys(set(OUTPUTS) - {"broken.csv"}, "april")


def test_one_audit_writes_into_a_folder_at_a_time(tmp_path: Path) -> None:
    with (
        open_output_folder(tmp_path / "out"),
        pytest.raises(OutputError, match="another audit is writing into"),
        open_output_folder(tmp_path / "out"),
    ):
        pass


def test_left_over_files_are_cleared_and_a_failure_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ZeroDivisionError), open_output_folder(out):
        raise ZeroDivisionError
    assert not out.exists()
    out.mkdir()
    (out / ".audit-x1").mkdir()
    (out / ".audit-x1" / "scan.parquet").touch()
    (out / ".issues.csv.k2.part.csv").touch()
    write_outputs(out, "april")
    assert set(read_outputs(out)) == set(OUTPUTS)
    assert not list(out.glob(".*"))
