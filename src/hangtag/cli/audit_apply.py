"""``hangtag audit apply``: approved rules applied to a feed."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hangtag.cli.console import Json, Quiet, print_json, print_result, progress_bar, say
from hangtag.errors import OutputError
from hangtag.taxonomy import load_tree, shipped_tree

if TYPE_CHECKING:
    from hangtag.audit.apply import AppliedRules


def apply(
    rules: Annotated[
        Path, typer.Argument(metavar="RULES", help="rules.csv of an audit, with approved rules.")
    ],
    feed: Annotated[str, typer.Argument(metavar="FEED", help="The table to categorise.")],
    out: Annotated[Path, typer.Option(help="The .csv or .parquet file to write.")],
    audit: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The audit of this feed, for splits by image, corrections and label issues.",
        ),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Your own category tree, if the audit used one.",
            show_default=False,
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Applies approved rules to a feed.

    Adds the columns category, category_id, category_by and google_id, and keeps
    all columns of the feed. A rule is approved if its row says yes. Applying the
    rules again changes nothing.

    \b
    Examples:
      hangtag audit apply audit/rules.csv demo/feed.csv --audit audit --out categorised.csv
    """
    from hangtag.audit.apply import ITEMS, apply_rules
    from hangtag.audit.categories import accepted_names
    from hangtag.audit.feed import open_feed
    from hangtag.audit.rules import read_rules
    from hangtag.tables.writing import require_table

    require_table(out, option="--out")
    tree = shipped_tree() if taxonomy is None else load_tree(taxonomy)
    read, opened = read_rules(rules, accepted_names(tree)), open_feed(feed)
    if out.exists() and out.samefile(rules):
        raise OutputError(f"--out {out} is the rules file itself; write to another file")
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
        found["unused"] = len(applied.unused)
        print_json({**found, "out": str(out)})
    else:
        print_result(str(out))


def _list_notes(applied: "AppliedRules", rules: Path, *, with_audit: bool) -> Iterator[str]:
    """Says which rules and audit results were not used, a sentence each."""
    if applied.outdated:
        yield (
            f"{applied.outdated:,} items were audited with another meaning of their label, so the "
            f"audit's results for them are not used; audit again with --rules {rules}"
        )
    if applied.unused:
        first = applied.unused[0]
        yield (
            f"{len(applied.unused):,} approved rules match no label of the feed, the first for "
            f"'{first.label}' of {first.supplier or 'no supplier'}"
        )
    if not with_audit:
        yield (
            "without --audit every item follows the rule of its label; label issues, splits by "
            "image and corrections are not used"
        )
