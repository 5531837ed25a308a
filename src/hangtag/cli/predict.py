"""``hangtag predict``: a category, a confidence and a decision for each image."""

import sys
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated, Any

import typer

from hangtag.catalogue.inputs import Input, list_sources, read_inputs
from hangtag.cli.console import Json, Quiet, print_json, progress_bar, say
from hangtag.predictions import Write, csv_writer, open_writer, predict_rows


def predict(
    inputs: Annotated[
        list[str],
        typer.Argument(
            metavar="INPUT...", help="Image files, folders, .npy arrays, or - for a list on stdin."
        ),
    ],
    model: Annotated[
        str, typer.Option(help="A shipped model, a model or a run folder.")
    ] = "fashion-mnist",
    out: Annotated[
        Path | None,
        typer.Option(help="A .csv, .jsonl or .parquet file.  [default: CSV on stdout]"),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Categorises images; one that cannot be read becomes a row with its error.

    The decision is accept (98 % precision is promised), review (a person must see it) or error.
    Images that are not of the model's size are turned grey, fitted and centred on black; a model
    of 28x28 pixels is a poor judge of photos.

    \b
    For example:
      hangtag predict photos/ --out categories.csv
      ls photos/*.jpg | hangtag predict - --model runs/mine
    """
    from hangtag.categoriser import Categoriser

    sources = list_sources(inputs)
    categoriser = Categoriser.load(model)
    size = (categoriser.card.input.height, categoriser.card.input.width)
    tally = _Tally()
    kept: list[dict[str, Any]] = []
    with progress_bar("predicting", quiet=quiet) as tick:
        found = tally.count(read_inputs(sources, size=size), sources=len(sources), tick=tick)
        with _open_output(out, kept if as_json else None) as write:
            for row in predict_rows(categoriser, found):
                write(row)
    say(tally.describe(), quiet=quiet)
    if as_json:
        result = {"out": str(out)} if out else {"rows": kept}
        content = {"model": categoriser.card.name, "n": tally.read, "errors": tally.errors}
        print_json(content | result)
    elif out is not None:
        typer.echo(str(out))


def _open_output(
    out: Path | None, kept: list[dict[str, Any]] | None
) -> AbstractContextManager[Write]:
    """Opens what rows go to: a file, the list `kept`, or CSV on stdout."""
    if out is not None:
        return open_writer(out)
    if kept is not None:
        return nullcontext(lambda row: kept.append(asdict(row)))
    return nullcontext(csv_writer(sys.stdout))


class _Tally:
    """Counts inputs as they pass."""

    def __init__(self) -> None:
        self.read = self.errors = self.resized = 0

    def count(self, inputs: Iterable[Input], *, sources: int, tick: Any) -> Iterator[Input]:
        """Passes inputs on; shows how many of the files are done."""
        seen: set[str] = set()
        for one in inputs:
            self.read += 1
            self.errors += one.pixels is None
            self.resized += one.resized
            seen.add(one.name.partition("[")[0])
            tick(len(seen), sources)
            yield one

    def describe(self) -> str:
        """Says what was read."""
        text = "1 input" if self.read == 1 else f"{self.read:,} inputs"
        if self.errors:
            text += f", {self.errors:,} of them not readable: see the column 'error'"
        if self.resized:
            text += f"; {self.resized:,} were fitted to the model's size, grey on black"
        return text
