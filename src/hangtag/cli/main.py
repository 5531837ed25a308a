"""The command line: all commands, and how errors become one line and an exit code.

Exit codes: 0 fine, 1 findings, 2 usage or input error, 130 interrupted.
"""

import os
import sys
from typing import NoReturn

import typer

from hangtag import __version__
from hangtag.cli import audit, data, taxonomy
from hangtag.cli.console import stderr
from hangtag.cli.doctor import doctor
from hangtag.cli.evaluate import evaluate
from hangtag.cli.explore import explore
from hangtag.cli.models import models
from hangtag.cli.predict import predict
from hangtag.cli.recipes import recipes
from hangtag.cli.summary import summary
from hangtag.cli.train import train
from hangtag.errors import HangtagError

app = typer.Typer(
    name="hangtag",
    help="Puts a trustworthy category on apparel images.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    pretty_exceptions_enable=False,
)
for command in (predict, evaluate, train, explore, models, recipes, summary, doctor):
    app.command()(command)
app.add_typer(audit.app, name="audit")
app.add_typer(data.app, name="data")
app.add_typer(taxonomy.app, name="taxonomy")


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


def main() -> None:
    """Runs the command line; turns every expected error into one line and an exit code."""
    try:
        try:
            app()
        finally:
            if sys.stdout is not None:  # it is None where the caller closed it
                sys.stdout.flush()  # a full disk shows here, not after the exit code is decided
    except HangtagError as error:
        _fail(error, str(error))
    except OSError as error:
        _fail(error, f"{error.strerror or error}; check where the output goes")


def _fail(error: Exception, message: str) -> NoReturn:
    """Prints an error as one line and exits with 2; shows the traceback with --debug."""
    if os.environ.get("HANGTAG_DEBUG"):
        raise error
    stderr.print(f"error: {message}", markup=False, style="bold red")
    sys.exit(2)
