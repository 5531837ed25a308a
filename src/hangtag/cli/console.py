"""What every command shares: options, messages, results and progress bars.

Results go to stdout, everything else to stderr. Names of classes, suppliers and files come from
others: `printable` makes them harmless before they reach a terminal.
"""

import json
import re
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, TextIO

import typer

from hangtag.cli.streams import ReaderGoneError
from hangtag.errors import OutputError
from hangtag.progress import OnProgress

if TYPE_CHECKING:
    from rich.console import Console
    from rich.progress import ProgressColumn

RUNS = Path("runs")
"""Folder of the outputs that are not named."""

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069\ud800-\udfff"
"""Control characters except tab and newline, changes of direction, and lone surrogates."""

_CONTROL = re.compile(f"[{_CONTROLS}]")
_CONTROL_OR_BREAK = re.compile(f"[{_CONTROLS}\\t\\n\u2028\u2029]")

_LONGEST_MESSAGE = 400
"""Characters of a message; the middle of a longer one is left out."""

_GAP = " ... "

_RED, _RESET = "\x1b[1;31m", "\x1b[0m"

Offline = Annotated[
    bool, typer.Option("--offline", help="Never use the network.", show_default=False)
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout.", show_default=False)
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print results only.", show_default=False)
]


@dataclass(slots=True)
class _StdoutUse:
    """Whether the command that runs has printed a result."""

    begun: bool = False


_stdout_use = _StdoutUse()


def forget_printed() -> None:
    """Begins a new command, which has printed nothing yet."""
    _stdout_use.begun = False


def parse_folder(text: str) -> Path:
    """Parses the name of an output folder; refuses the empty name of an unset variable."""
    if not text:
        raise OutputError("the name of the folder is empty; write . for the current folder")
    return Path(text)


def folder_option(*names: str, help: str) -> Any:
    """Returns the option of an output folder."""
    return typer.Option(*names, parser=parse_folder, metavar="DIR", help=help)


def printable(text: str) -> str:
    r"""Returns text for a terminal: control characters become escapes such as ``\x1b``."""
    return _CONTROL.sub(_escape, text)


def _escape(match: re.Match[str]) -> str:
    return ascii(match.group())[1:-1]


def one_line(text: str) -> str:
    r"""Returns text as one line for a terminal: as `printable`, tabs and newlines too."""
    return _CONTROL_OR_BREAK.sub(_escape, text)


def _bound(message: str) -> str:
    """Returns a message as one line, its middle left out where it is long."""
    line = one_line(message.strip())
    if len(line) <= _LONGEST_MESSAGE:
        return line
    kept = (_LONGEST_MESSAGE - len(_GAP)) // 2
    return line[:kept] + _GAP + line[-kept:]


def say(message: str, *, quiet: bool = False) -> None:
    """Prints a message for people on stderr, as one bounded line, unless `quiet`."""
    if not quiet:
        print(_bound(message), file=sys.stderr)


def print_error(message: str, *, code: int, as_json: bool) -> None:
    """Prints an error as one line on stderr and, with `as_json`, as an object on stdout.

    Nothing follows what is on stdout already: two objects would not be JSON.
    """
    line = f"error: {_bound(message)}"
    print(f"{_RED}{line}{_RESET}" if _is_terminal(sys.stderr) else line, file=sys.stderr)
    if as_json and not _stdout_use.begun:
        with suppress(OSError, OutputError, ReaderGoneError):  # stdout may be what failed
            print_json({"error": _bound(message), "code": code})
            sys.stdout.flush()


def print_result(text: str, *, end: str = "\n") -> None:
    """Prints a result on stdout: unchanged into a file or a pipe, `printable` on a terminal."""
    _stdout_use.begun = True
    print(printable(text) if _is_terminal(sys.stdout) else text, end=end)


class ResultStream:
    """Stdout for what writes to a stream; prints as `print_result` does."""

    def write(self, text: str) -> int:
        """Prints text; returns its length."""
        print_result(text, end="")
        return len(text)


def print_json(content: Mapping[str, Any]) -> None:
    """Prints `content` as one JSON object on stdout."""
    print_result(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(
    title: str, columns: list[str], rows: list[list[str]], *, to_stderr: bool = False
) -> None:
    """Prints a table on stdout or stderr; columns of numbers are right-aligned."""
    from rich.table import Table
    from rich.text import Text

    heading = Text(one_line(title)) if title else None
    table = Table(title=heading, title_justify="left", header_style="bold")
    for position, column in enumerate(columns):
        numbers = all(row[position][:1] in "0123456789-" for row in rows)
        table.add_column(
            Text(one_line(column)), justify="right" if numbers else "left", overflow="fold"
        )
    for row in rows:
        table.add_row(*(Text(one_line(cell)) for cell in row))
    if not to_stderr:
        _stdout_use.begun = True
    open_console(to_stderr=to_stderr).print(table)


def open_console(*, to_stderr: bool = False) -> "Console":
    """Returns the console for tables and trees."""
    from rich.console import Console

    return Console(stderr=to_stderr, highlight=False, soft_wrap=to_stderr)


@contextmanager
def progress_bar(
    description: str, *, quiet: bool = False, unit: str = "", console: "Console | None" = None
) -> Iterator[OnProgress]:
    """Shows a progress bar on a terminal while the block runs; yields the function to call.

    Args:
        description: What is going on.
        quiet: Show nothing.
        unit: What is counted; the bar then also shows the rate.
        console: Where to draw; stderr by default, if it is a terminal.
    """
    if quiet or (console is None and not _is_terminal(sys.stderr)):
        yield lambda done, total: None
        return
    from rich import progress

    columns = [
        progress.SpinnerColumn(),
        progress.TextColumn("{task.description}", markup=False),
        progress.BarColumn(),
        progress.MofNCompleteColumn(),
        *([_rate_column(unit)] if unit else []),
        progress.TimeRemainingColumn(),
    ]
    console = console or open_console(to_stderr=True)
    with progress.Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task(one_line(description), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and stream.isatty()  # it is None where the caller closed it


def _rate_column(unit: str) -> "ProgressColumn":
    from rich.progress import ProgressColumn, Task
    from rich.text import Text

    class RateColumn(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f} {unit}/s" if speed else "")

    return RateColumn()
