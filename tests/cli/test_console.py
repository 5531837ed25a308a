"""The progress bar says how fast it goes."""

import io
import time

import pytest
from rich.console import Console

from hangtag.cli import console


def test_the_bar_shows_count_rate_and_time_left(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=120)
    monkeypatch.setattr(console, "stderr", terminal)
    with console.progress_bar("predicting", unit="images") as on_progress:
        for done in (0, 500, 1000):
            on_progress(done, 100_000)
            time.sleep(0.15)
    text = shown.getvalue()
    assert "1000/100000" in text
    assert " images/s" in text
    assert "0:00:" in text


def test_a_quiet_bar_shows_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(console, "stderr", Console(file=shown, force_terminal=True))
    with console.progress_bar("predicting", quiet=True, unit="images") as on_progress:
        on_progress(1, None)
    assert shown.getvalue() == ""
