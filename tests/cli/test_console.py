"""What reaches a terminal: progress, tables, errors, and text that others wrote."""

import io
import json
import time

import pytest
from rich.console import Console

from hangtag.cli.console import (
    forget_printed,
    parse_folder,
    print_error,
    print_json,
    print_result,
    print_table,
    printable,
    progress_bar,
    say,
)
from hangtag.errors import OutputError


def test_the_bar_shows_count_rate_and_time_left() -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=120)
    with progress_bar("predicting", unit="images", console=terminal) as on_progress:
        for done in (0, 500, 1000):
            on_progress(done, 100_000)
            time.sleep(0.15)
    text = shown.getvalue()
    assert "1000/100000" in text
    assert " images/s" in text
    assert "0:00:" in text


def test_a_quiet_bar_shows_nothing() -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True)
    with progress_bar("predicting", quiet=True, unit="images", console=terminal) as on_progress:
        on_progress(1, None)
    assert shown.getvalue() == ""


def test_off_a_terminal_a_bar_shows_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    with progress_bar("predicting") as on_progress:
        on_progress(1, None)
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;title\x07 \x1b[31mred", r"\x1b]0;title\x07 \x1b[31mred"),
        ("a\rb\x9b2J", r"a\rb\x9b2J"),
        ("shirt\u202egnp.exe", r"shirt\u202egnp.exe"),
        ("bad\udcff.jpg", r"bad\udcff.jpg"),
        ("[bold]T-Shirt[/bold] 上着", "[bold]T-Shirt[/bold] 上着"),
    ],
)
def test_control_characters_are_shown_not_obeyed(
    text: str, shown: str, capfd: pytest.CaptureFixture[str]
) -> None:
    assert printable(text) == shown
    say(text)
    print_error(text, code=2, as_json=False)
    assert capfd.readouterr().err == f"{shown}\nerror: {shown}\n"


def test_a_message_is_one_line_and_not_long(capfd: pytest.CaptureFixture[str]) -> None:
    assert printable("a\tb\nc") == "a\tb\nc"
    for text, shown in (("a\tb\nc\n", r"a\tb\nc"), ("first" + "x" * 9000 + "last", "first")):
        say(text)
        print_error(text, code=2, as_json=False)
        said, error = capfd.readouterr().err.splitlines()
        assert error == f"error: {said}"
        assert said.startswith(shown)
        assert said.endswith(text.strip()[-1])
        assert len(error) < 500


def test_no_error_follows_what_is_on_stdout_as_json(capfd: pytest.CaptureFixture[str]) -> None:
    forget_printed()
    print_json({"rows": []})
    print_error("the disk is full", code=2, as_json=True)
    out, err = capfd.readouterr()
    assert json.loads(out) == {"rows": []}
    assert err == "error: the disk is full\n"


def test_a_bar_shows_names_as_they_are() -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=120)
    with progress_bar("reading jeans [women]\x1b[2J", console=terminal) as on_progress:
        on_progress(1, 2)
    assert r"jeans [women]\x1b[2J" in shown.getvalue()


def test_tables_show_markup_and_control_characters_as_text(
    capfd: pytest.CaptureFixture[str],
) -> None:
    hostile = "[red]\x1b[31mx[/red]"
    print_table(hostile, [hostile], [[hostile]])
    out, _ = capfd.readouterr()
    assert out.count(r"[red]\x1b[31mx[/red]") == 3
    assert "\x1b" not in out


def test_results_are_harmless_on_a_terminal_and_unchanged_in_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    for stream, shown in ((Terminal(), "\\x1b[31m.csv\n"), (io.StringIO(), "\x1b[31m.csv\n")):
        monkeypatch.setattr("sys.stdout", stream)
        print_result("\x1b[31m.csv")
        assert stream.getvalue() == shown


def test_an_error_is_one_json_object_where_json_is_wanted(
    capfd: pytest.CaptureFixture[str],
) -> None:
    forget_printed()
    print_error("no model 'x'", code=2, as_json=True)
    out, err = capfd.readouterr()
    assert json.loads(out) == {"error": "no model 'x'", "code": 2}
    assert err == "error: no model 'x'\n"


def test_the_empty_name_of_a_folder_is_refused() -> None:
    with pytest.raises(OutputError, match="empty"):
        parse_folder("")
