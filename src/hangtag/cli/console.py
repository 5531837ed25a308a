"""What every command shares: its options, its way to speak, its progress bars.

Data goes to stdout, everything else to stderr.
"""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    ProgressColumn,
    SpinnerColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.table import Table
from rich.text import Text

from hangtag.errors import OutputError
from hangtag.progress import OnProgress

Offline = Annotated[
    bool, typer.Option("--offline", help="Never use the network.", show_default=False)
]

RUNS = Path("runs")
"""Where trainings go that are not told where."""

Json = Annotated[
    bool, typer.Option("--json", help="Print one JSON object on stdout.", show_default=False)
]
Quiet = Annotated[
    bool, typer.Option("--quiet", "-q", help="Print results only.", show_default=False)
]


def parse_folder(text: str) -> Path:
    """Reads the name of a folder to write into; the empty one of an unset variable is none."""
    if not text:
        raise OutputError("the name of the folder is empty; write . for the current folder")
    return Path(text)


def folder_option(*names: str, help: str) -> Any:
    """Returns the option of a folder to write into."""
    return typer.Option(*names, parser=parse_folder, metavar="DIR", help=help)


stderr = Console(stderr=True, highlight=False, soft_wrap=True)
stdout = Console(highlight=False)


def say(message: str, *, quiet: bool = False) -> None:
    """Prints a message for people on stderr, unless `quiet`."""
    if not quiet:
        stderr.print(message, markup=False)


def print_json(content: Mapping[str, Any]) -> None:
    """Prints `content` as one JSON object on stdout."""
    print(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))


def print_table(
    title: str, columns: list[str], rows: list[list[str]], *, to_stderr: bool = False
) -> None:
    """Prints a table on stdout or stderr; columns of numbers are right-aligned."""
    table = Table(title=title or None, title_justify="left", header_style="bold")
    for position, column in enumerate(columns):
        numbers = all(row[position][:1] in "0123456789-" for row in rows)
        table.add_column(column, justify="right" if numbers else "left", overflow="fold")
    for row in rows:
        table.add_row(*map(Text, row))
    (stderr if to_stderr else stdout).print(table)


class _RateColumn(ProgressColumn):
    """How much is done a second."""

    def __init__(self, unit: str) -> None:
        super().__init__()
        self._unit = unit

    def render(self, task: Task) -> Text:
        """Returns the rate, once it is known."""
        speed = task.finished_speed or task.speed
        return Text(f"{speed:,.0f} {self._unit}/s" if speed else "")


@contextmanager
def progress_bar(description: str, *, quiet: bool = False, unit: str = "") -> Iterator[OnProgress]:
    """Shows a progress bar on a terminal while the block runs; yields the function to call.

    With a `unit` it says how many are done a second.
    """
    bar = Progress(
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        *([_RateColumn(unit)] if unit else []),
        TimeRemainingColumn(),
        console=stderr,
        disable=quiet or not stderr.is_terminal,
        transient=True,
    )
    with bar:
        task = bar.add_task(description, total=None)

        def on_progress(done: int, total: int | None) -> None:
            bar.update(task, completed=done, total=total)

        yield on_progress
