"""The command line: the list of commands, and how errors become one line and an exit code.

Exit codes: 0 fine, 1 findings, 2 usage or input error, 130 interrupted. A reader of stdout that
closes it, such as ``head``, ends a command with 0.
"""

import os
import sys
from dataclasses import dataclass
from importlib import import_module
from typing import Any, NoReturn

import typer
from typer.core import TyperCommand, TyperGroup

from hangtag.cli.console import forget_printed, print_error
from hangtag.cli.streams import ReaderGoneError
from hangtag.errors import HangtagError
from hangtag.version import __version__

_HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


@dataclass(frozen=True, slots=True)
class CommandEntry:
    """A command or a group of commands, which is imported when it runs.

    Attributes:
        name: Name on the command line.
        source: ``module:attribute`` below `hangtag.cli`; a function, or an app for a group.
        help: The line in the list of commands.
    """

    name: str
    source: str
    help: str

    def load(self) -> Any:
        """Imports the command."""
        module, attribute = self.source.split(":")
        target = getattr(import_module(f"hangtag.cli.{module}"), attribute)
        if isinstance(target, typer.Typer):
            return typer.main.get_group(target)
        single = typer.Typer(add_completion=False, context_settings=_HELP_OPTIONS)
        single.command(self.name)(target)
        return typer.main.get_command(single)


COMMANDS = (
    CommandEntry("predict", "predict:predict", "Predicts the category of images."),
    CommandEntry("evaluate", "evaluate:evaluate", "Measures a model on a labelled data set."),
    CommandEntry("train", "train:train", "Trains a recipe on a data set."),
    CommandEntry("explore", "explore:explore", "Shows what is in a data set."),
    CommandEntry("models", "models:models", "Lists the shipped and the local models."),
    CommandEntry("export", "export:export", "Exports a model for programs without Hangtag."),
    CommandEntry("recipes", "recipes:recipes", "Lists the recipes, or prints one."),
    CommandEntry("summary", "summary:summary", "Shows the layers of a recipe or a model."),
    CommandEntry(
        "doctor", "doctor:doctor", "Shows the hardware, versions, extras and the cache folder."
    ),
    CommandEntry("audit", "audit:app", "Finds what brands mean by their labels, and wrong labels."),
    CommandEntry("data", "data:app", "Fetches and exports data sets, cleans the cache."),
    CommandEntry("taxonomy", "taxonomy:app", "Shows and searches categories, maps labels to them."),
)


class LazyGroup(TyperGroup):
    """A group that lists its commands without importing them: help and completion stay fast."""

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self._entries = {entry.name: entry for entry in COMMANDS}
        for entry in COMMANDS:
            self.add_command(TyperCommand(entry.name, help=entry.help))

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Finds the command to run and imports it."""
        name, command, rest = super().resolve_command(ctx, args)
        return name, self._entries[name].load() if name else command, rest


app = typer.Typer(
    cls=LazyGroup,
    name="hangtag",
    help="Puts a trustworthy category on apparel images.",
    no_args_is_help=True,
    context_settings=_HELP_OPTIONS,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"hangtag {__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: bool = typer.Option(
        False, "--version", callback=_show_version, is_eager=True, help="Show the version."
    ),
    debug: bool = typer.Option(
        False, "--debug", envvar="HANGTAG_DEBUG", help="Show a traceback when something fails."
    ),
) -> None:
    """Puts a trustworthy category on apparel images."""
    if debug:
        os.environ["HANGTAG_DEBUG"] = "1"


def main() -> NoReturn:
    """Runs the command line; turns every expected error into one line and an exit code."""
    forget_printed()
    try:
        code = app(prog_name="hangtag", standalone_mode=False)
        sys.stdout.flush()  # a full disk shows here, not after the exit code is decided
    except ReaderGoneError:
        code = 0
    except typer.TyperException as error:
        code = _report_usage(error)
    except HangtagError as error:
        code = _report(error, str(error))
    except OSError as error:
        code = _report(error, f"{error.strerror or error}; check where the output goes")
    sys.exit(code)


def _report_usage(error: typer.TyperException) -> int:
    """Prints a wrong use of the command line; returns the exit code."""
    message = error.format_message()
    context: Any = getattr(error, "ctx", None)
    if type(error).__name__ == "NoArgsIsHelpError":  # private to Typer
        print(message, file=sys.stderr, end="")
        return 2
    if context is not None:
        command = " ".join(context.command_path.split())  # an unnamed command leaves a space
        message = f"{message.rstrip('.')} ({command} -h shows the usage)"
    print_error(message, code=2, as_json=_wants_json())
    return 2


def _report(error: Exception, message: str) -> int:
    """Prints an error as one line; with --debug shows the traceback. Returns the exit code."""
    if os.environ.get("HANGTAG_DEBUG"):
        raise error
    print_error(message, code=2, as_json=_wants_json())
    return 2


def _wants_json() -> bool:
    """Returns whether --json is among the arguments, which may not have been parsed."""
    arguments = sys.argv[1:]
    end = arguments.index("--") if "--" in arguments else len(arguments)
    return "--json" in arguments[:end]
