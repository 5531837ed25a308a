"""``hangtag audit apply``: approved rules applied to a feed."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hangtag.cli.console import Json, Quiet, print_json, progress_bar, say
from hangtag.errors import OutputError
from hangtag.taxonomy import load_tree, shipped_tree

if TYPE_CHECKING:
    from hangtag.audit.applying import Applied


def apply(
    rules: Annotated[
        Path, typer.Argument(metavar="RULES", help="rules.csv of an audit, with approvals.")
    ],
    feed: Annotated[str, typer.Argument(metavar="FEED", help="The table to categorise.")],
    out: Annotated[Path, typer.Option(help="The .csv or .parquet file to write.")],
    audit: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The audit of this feed: splits by image, corrections, issues for review.",
        ),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="The tree of your own that the audit was given.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Applies the approved rules to a feed.

    Adds the columns category, category_id, category_by and google_id. A rule is
    approved where its row says yes. The output has all columns of the feed;
    applied to its own output the command changes nothing.

    \b
    For example:
      hangtag audit apply audit/rules.csv demo/feed.csv --audit audit --out categorised.csv
    """
    from hangtag.audit.applying import apply_rules
    from hangtag.audit.categories import accept_names
    from hangtag.audit.feed import open_feed
    from hangtag.audit.rules import read_rules
    from hangtag.audit.run import ITEMS
    from hangtag.tables.writing import require_table

    require_table(out, option="--out")
    tree = shipped_tree() if taxonomy is None else load_tree(taxonomy)
    read, opened = read_rules(rules, accept_names(tree)), open_feed(feed)
    if out.exists() and out.samefile(rules):
        raise OutputError(f"--out {out} is the file of rules itself; write to another file")
    items = None if audit is None else audit / ITEMS
    with progress_bar("applying rules", quiet=quiet or as_json, unit="rows") as on_progress:
        applied = apply_rules(read, opened, out, tree=tree, items=items, on_progress=on_progress)
    counts, rows = applied.counts, sum(applied.counts.values())
    described = ", ".join(f"{count:,} {by}" for by, count in sorted(counts.items()))
    for note in (opened.note, *_list_notes(applied, rules, with_audit=audit is not None)):
        if note:
            say(note, quiet=quiet)
    say(f"{rows:,} rows: {described}", quiet=quiet or as_json)
    if as_json:
        found = {"rows": rows, "category_by": counts, "outdated": applied.outdated}
        found["unmet"] = len(applied.unmet)
        print_json({**found, "out": str(out)})
    else:
        typer.echo(str(out))


def _list_notes(applied: "Applied", rules: Path, *, with_audit: bool) -> Iterator[str]:
    """Says what of rules and audit did not count, a sentence each."""
    if applied.outdated:
        yield (
            f"{applied.outdated:,} items were judged by another meaning of their word than the "
            f"rule has now, so that what the audit found of them does not count; audit again "
            f"with --rules {rules}"
        )
    if applied.unmet:
        first = applied.unmet[0]
        yield (
            f"{len(applied.unmet):,} approved rules are for words that the feed does not have, the "
            f"first for '{first.label}' of {first.supplier or 'no supplier'}"
        )
    if not with_audit:
        yield (
            "without --audit all items of a word go by its rule: what an audit found of single "
            "items (wrong labels, splits, corrections) does not count"
        )
