"""``hangtag taxonomy``: show the tree of categories, search it, map labels to it."""

import io
import json
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hangtag.cli.console import (
    Json,
    Quiet,
    one_line,
    open_console,
    print_json,
    print_result,
    print_table,
    say,
)
from hangtag.errors import DataError
from hangtag.files.lines import read_names

if TYPE_CHECKING:
    from rich.tree import Tree as Branch

    from hangtag.taxonomy import Tree
    from hangtag.taxonomy.matching import Meaning

app = typer.Typer(help="Shows and searches categories, maps labels to them.", no_args_is_help=True)

Own = Annotated[
    Path | None,
    typer.Option(
        "--tree",
        metavar="FILE.csv",
        help="A tree of your own: columns id, name, parent.",
        show_default=False,
    ),
]
_COLUMNS = ("label", "rank", "id", "name", "score", "outside", "language", "google_id")
_DIGITS = 4


@app.command()
def show(
    id: Annotated[
        str | None,
        typer.Argument(metavar="ID", help="Show only what is below it.", show_default=False),
    ] = None,
    depth: Annotated[
        int | None, typer.Option(min=0, help="Levels below the top.", show_default=False)
    ] = None,
    tree: Own = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Shows the tree of categories with their ids.

    \b
    For example:
      hangtag taxonomy show aa-8 --depth 1
    """
    categories = _open_tree(tree)
    if id is not None and id not in categories:
        raise DataError(f"there is no category {id}; hangtag taxonomy search finds ids by words")
    tops = categories.tops if id is None else (id,)
    listed = list(categories.descend(tops, depth))
    if as_json:
        print_json(
            {
                "tree": categories.source,
                "release": _find_release(categories),
                "categories": [_describe(categories, i) for i in listed],
            }
        )
        return
    console = open_console()
    for top in tops:
        console.print(_draw(categories, top, depth))
    release = _find_release(categories)
    of = f", release {release}" if release else ""
    say(f"{len(listed):,} categories of {categories.source}{of}", quiet=quiet)


@app.command()
def search(
    words: Annotated[
        list[str],
        typer.Argument(metavar="WORD", help="What to look for, in any of the languages."),
    ],
    count: Annotated[int, typer.Option(min=1, help="The most categories.")] = 20,
    tree: Own = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Finds categories by words; exits with 1 when there is none.

    \b
    For example:
      hangtag taxonomy search rain coat
    """
    from hangtag.taxonomy.searching import search_categories

    categories = _open_tree(tree)
    found = search_categories(" ".join(words), categories, count=count)
    if as_json:
        entries = [
            {**_describe(categories, candidate.id), "score": round(candidate.score, _DIGITS)}
            for candidate in found
        ]
        print_json({"words": " ".join(words), "categories": entries})
    else:
        rows = [
            [
                candidate.id,
                f"{candidate.score:.2f}",
                categories.full_name(candidate.id),
                categories[candidate.id].google_id or "",
            ]
            for candidate in found
        ]
        print_table("", ["id", "score", "category", "google id"], rows)
    if not found:
        say(f"nothing in {categories.source} fits; try fewer words", quiet=quiet)
        raise typer.Exit(1)


@app.command("map")
def map_labels(
    labels: Annotated[
        list[str],
        typer.Argument(metavar="LABEL|-", help="Labels of one source; - reads one a line."),
    ],
    count: Annotated[int, typer.Option(min=1, help="The most categories for a label.")] = 3,
    language: Annotated[
        str | None,
        typer.Option(help="Two letters; told from all labels by default.", show_default=False),
    ] = None,
    tree: Own = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Maps labels to categories with probabilities, as CSV; --json for one JSON object.

    The labels should come from one source: together they tell its language.

    \b
    For example:
      hangtag taxonomy map "Jumpers & Cardigans" Bottines
      tail -n +2 feed.csv | cut -d, -f4 | hangtag taxonomy map - --tree ours.csv
    """
    from hangtag.taxonomy.matching import read_meanings

    categories = _open_tree(tree)
    given = _read_labels() if labels == ["-"] else labels
    meanings = read_meanings(given, categories, language=language)
    number = (
        _write_json(meanings, categories, count)
        if as_json
        else _write_csv(meanings, categories, count)
    )
    if not number:
        raise DataError("there is no label on standard input; write one a line")
    say(f"{number:,} labels", quiet=quiet or as_json)


def _open_tree(path: Path | None) -> "Tree":
    from hangtag.taxonomy import load_tree, shipped_tree

    return shipped_tree() if path is None else load_tree(path)


def _find_release(tree: "Tree") -> str | None:
    """Returns the release of the shipped tree, None for others."""
    from hangtag.taxonomy import RELEASE, shipped_tree

    return RELEASE if tree is shipped_tree() else None


def _draw(tree: "Tree", top: str, depth: int | None) -> "Branch":
    from rich.text import Text
    from rich.tree import Tree as Branch

    branch = Branch(Text.assemble(one_line(tree[top].name), " ", (one_line(top), "dim")))
    if depth is None or depth > 0:
        for child in tree.children(top):
            branch.add(_draw(tree, child, None if depth is None else depth - 1))
    return branch


def _describe(tree: "Tree", identifier: str) -> dict[str, Any]:
    category = tree[identifier]
    return {
        "id": category.id,
        "name": category.name,
        "parent": category.parent,
        "full_name": tree.full_name(identifier),
        "google_id": category.google_id,
    }


def _read_labels() -> Iterator[str]:
    """Gives the labels on standard input, one a line; what is no UTF-8 is replaced."""
    if sys.stdin is None:
        raise DataError(
            "'-' reads labels from standard input, which is closed; pipe a list into it"
        )
    if isinstance(sys.stdin, io.TextIOWrapper):
        sys.stdin.reconfigure(encoding="utf-8", errors="replace")
    for label in read_names(sys.stdin, what="the list of labels"):
        if label.strip():
            yield label


def _write_json(meanings: Iterable["Meaning"], tree: "Tree", count: int) -> int:
    """Writes one JSON object, an entry a line, as the labels come; returns how many."""
    number = 0
    for number, meaning in enumerate(meanings, start=1):
        entry = {
            "label": meaning.label,
            "language": meaning.language,
            "outside": round(meaning.outside, _DIGITS),
            "candidates": [
                {
                    "id": candidate.id,
                    "name": candidate.name,
                    "score": round(candidate.score, _DIGITS),
                    "google_id": tree[candidate.id].google_id,
                }
                for candidate in meaning.candidates(tree, count=count)
            ],
        }
        print_result('{"labels": [' if number == 1 else ",")
        print_result(json.dumps(entry, ensure_ascii=False), end="")
    if number:
        print_result("\n]}")
    return number


def _write_csv(meanings: Iterable["Meaning"], tree: "Tree", count: int) -> int:
    """Writes a row a candidate, as the labels come; returns how many labels there were."""
    from hangtag.tables.csv_cells import format_row

    number = 0
    for meaning in meanings:
        if not number:
            print_result(format_row(_COLUMNS), end="")
        number += 1
        end = (f"{meaning.outside:.4f}", meaning.language)
        for rank, candidate in enumerate(meaning.candidates(tree, count=count), start=1):
            google = tree[candidate.id].google_id
            row = (
                meaning.label,
                rank,
                candidate.id,
                candidate.name,
                f"{candidate.score:.4f}",
                *end,
                google,
            )
            print_result(format_row(row), end="")
        if not meaning.candidates(tree, count=1):
            print_result(format_row((meaning.label, None, None, None, None, *end, None)), end="")
    return number
