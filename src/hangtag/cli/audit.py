"""``hangtag audit``: what the words of each brand mean, and which items are wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from hangtag.cli.console import Json, Quiet, print_json, print_table, progress_bar, say
from hangtag.errors import DataError, OutputError
from hangtag.progress import Tick
from hangtag.taxonomy import load_tree, shipped_tree

if TYPE_CHECKING:
    from hangtag.audit.feed import Feed
    from hangtag.audit.run import AuditOptions, AuditResult

_UNNAMED = "feed"
_SHOWN = 10


class _Group(TyperGroup):
    """A group with a command that needs no name: ``audit FEED`` beside ``audit apply``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Puts the name of the unnamed command before arguments that name none."""
        named = args and args[0] in self.commands and args[0] != _UNNAMED
        return super().parse_args(ctx, args if named else [_UNNAMED, *args])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Finds the command; the unnamed one stays so in its help."""
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == _UNNAMED else name, command, rest


class _Unnamed(TyperCommand):
    """The command that needs no name."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Writes the usage without a name."""
        formatter.write_usage(ctx.command_path.rstrip(), " ".join(self.collect_usage_pieces(ctx)))


app = typer.Typer(
    cls=_Group, help="Finds what brands mean by their words, and which items are wrong."
)


@app.command(_UNNAMED, cls=_Unnamed)
def audit(
    feed: Annotated[
        str,
        typer.Argument(
            metavar="FEED",
            help="A CSV or Parquet table: image, label, and optionally id and supplier.",
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the tables and audit.html.")],
    model: Annotated[
        str | None,
        typer.Option(
            help="A shipped model, a model or a run folder.  [default: clothing-photos; "
            "fashion-mnist where the images are 28x28]",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        float,
        typer.Option(
            min=0.5,
            max=0.9999,
            help="Share of right ones to promise among automatic corrections.",
        ),
    ] = 0.99,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Images with right labels that the model has not learned; automatic corrections "
            "are tested on them.  [default: the model's validation images, where at hand]",
        ),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="An earlier audit: report what has changed since, and follow its approved rules.",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Rules that were approved before: their words mean what they say. Those of "
            "rules.csv in --out and --before are followed too.",
        ),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="A tree of your own (columns id, name, parent) in which labels are read and "
            "categories named.",
            show_default=False,
        ),
    ] = None,
    cross_validate: Annotated[
        bool,
        typer.Option(
            "--cross-validate",
            help="Learn the labels of the feed itself, write issues only; needs the audit extra.",
            show_default=False,
        ),
    ] = False,
    workers: Annotated[
        int | None,
        typer.Option(min=0, help="Processes that decode images.  [default: one a core, at most 8]"),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Finds what brands mean by their words, and which items are wrong.

    For each word of each brand: the categories its images show, with intervals,
    and a rule to map, split, ask or file as no apparel. For each item: whether
    its image contradicts its label. For each brand: how often it is wrong. Exit
    code 1 when there is something to do.

    Approve rules in audit.html or in rules.csv, then apply them: hangtag audit
    apply -h. The next audit takes approved words for what their rules say.

    \b
    For example:
      hangtag data demo-feed demo
      hangtag audit demo/feed.csv --out audit
      hangtag audit april.parquet --out april --before march --model runs/mine
      hangtag audit demo --out again --rules approved.csv
    """
    from hangtag.audit.choosing import choose_model
    from hangtag.audit.feed import open_feed
    from hangtag.audit.run import AuditOptions

    opened = open_feed(feed)
    if out.exists() and not out.is_dir():
        raise OutputError(f"--out {out} is a file; give a folder")
    if model is None:
        model = choose_model(opened)
    options = AuditOptions(precision=precision, reference=reference, workers=workers)
    given = _Given(model, before, rules, taxonomy)
    judge = _cross_validate if cross_validate else _audit
    findings = judge(opened, out, options, given, as_json=as_json, quiet=quiet)
    if findings:
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Given:
    """What an audit goes by."""

    model: str
    before: Path | None
    rules: Path | None
    taxonomy: Path | None

    def list_rules(self, out: Path) -> list[Path]:
        """Returns the files of rules that are there, the one that counts most last."""
        from hangtag.audit.approvals import RULES

        kept = [folder / RULES for folder in (self.before, out) if folder is not None]
        named = [] if self.rules is None else [self.rules]
        return [*(path for path in kept if path.exists()), *named]


def _audit(
    feed: "Feed",
    out: Path,
    options: "AuditOptions",
    given: _Given,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judges a feed by a model, writes and prints; returns the number of findings."""
    from hangtag.audit.approvals import gather_approved
    from hangtag.audit.categories import place_classes
    from hangtag.audit.drift import read_earlier
    from hangtag.audit.page import write_page
    from hangtag.audit.run import audit_feed
    from hangtag.audit.scan import find_shape
    from hangtag.audit.writing import summarise, write_tables
    from hangtag.categoriser import Categoriser

    earlier = None if given.before is None else read_earlier(given.before)

    @contextmanager
    def show(step: str) -> Iterator[Tick]:
        with progress_bar(step, quiet=quiet or as_json, unit="images") as tick:
            yield tick

    categoriser = Categoriser.load(given.model)
    tree = None if given.taxonomy is None else load_tree(given.taxonomy)
    categories = place_classes(categoriser.card, tree)
    approved = gather_approved(given.list_rules(out), categories)
    result = audit_feed(
        feed,
        categoriser,
        out,
        options,
        categories=categories,
        approved=approved,
        earlier=earlier,
        progress=show,
    )
    write_tables(result, out)
    page = write_page(result, out, shape=find_shape(categoriser))
    if as_json:
        print_json({**summarise(result), "out": str(out), "page": str(page)})
    else:
        _print_findings(result, quiet=quiet)
        typer.echo(str(page))
    return result.findings


def _cross_validate(
    feed: "Feed",
    out: Path,
    options: "AuditOptions",
    given: _Given,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judges the labels of a feed by one another; returns the number of issues."""
    from hangtag.audit.cross_validation import COLUMNS, cross_validate
    from hangtag.audit.tables import write_table
    from hangtag.categoriser import Categoriser
    from hangtag.report.audit_page import PAGE

    unused = {
        "--before": given.before,
        "--reference": options.reference,
        "--rules": given.rules,
        "--taxonomy": given.taxonomy,
    }
    if named := [name for name, value in unused.items() if value is not None]:
        raise DataError(
            f"--cross-validate goes by the labels of the feed alone; leave {', '.join(named)} out"
        )
    if (out / PAGE).exists():
        raise OutputError(f"--out {out} holds an audit by a model; give another folder")
    with progress_bar("looking at the images", quiet=quiet or as_json, unit="images") as tick:
        found = cross_validate(
            feed,
            Categoriser.load(given.model),
            workers=options.workers,
            on_progress=tick,
        )
    for name in ("issues.csv", "issues.parquet"):
        write_table(out / name, COLUMNS, found.rows)
    counts = {"items": found.items, "labels": found.labels, "issues": len(found.rows)}
    counts |= {"errors": found.errors, "rare": found.rare}
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    how = (
        "suppliers kept apart"
        if found.apart
        else "few words are shared, so each item was judged among the words of its own supplier"
    )
    say(f"{parts}; {how}", quiet=quiet or as_json)
    say(
        "issues only: labels judged by one another tell no categories, so there are no rules and "
        "no page, and nothing is corrected automatically",
        quiet=quiet or as_json,
    )
    if as_json:
        print_json({**counts, "suppliers_apart": found.apart, "out": str(out)})
    else:
        typer.echo(str(out / "issues.csv"))
    return len(found.rows)


@app.command("apply")
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
    from hangtag.audit.tables import require_table

    require_table(out, option="--out")
    tree = shipped_tree() if taxonomy is None else load_tree(taxonomy)
    read, opened = read_rules(rules, accept_names(tree)), open_feed(feed)
    if out.exists() and out.samefile(rules):
        raise OutputError(f"--out {out} is the file of rules itself; write to another file")
    items = None if audit is None else audit / ITEMS
    with progress_bar("applying rules", quiet=quiet or as_json, unit="rows") as tick:
        applied = apply_rules(read, opened, out, tree=tree, items=items, on_progress=tick)
    counts, rows = applied.counts, sum(applied.counts.values())
    described = ", ".join(f"{count:,} {by}" for by, count in sorted(counts.items()))
    if opened.note:
        say(opened.note, quiet=quiet)
    if applied.outdated:
        say(
            f"{applied.outdated:,} items were judged by another meaning of their word than the "
            f"rule has now, so that what the audit found of them does not count; audit again "
            f"with --rules {rules}",
            quiet=quiet,
        )
    if applied.unmet:
        first = applied.unmet[0]
        say(
            f"{len(applied.unmet):,} approved rules are for words that the feed does not have, the "
            f"first for '{first.label}' of {first.supplier or 'no supplier'}",
            quiet=quiet,
        )
    if audit is None:
        say(
            "without --audit all items of a word go by its rule: what an audit found of single "
            "items (wrong labels, splits, corrections) does not count",
            quiet=quiet,
        )
    say(f"{rows:,} rows: {described}", quiet=quiet or as_json)
    if as_json:
        found = {"rows": rows, "category_by": counts, "outdated": applied.outdated}
        found["unmet"] = len(applied.unmet)
        print_json({**found, "out": str(out)})
    else:
        typer.echo(str(out))


def _print_findings(result: "AuditResult", *, quiet: bool) -> None:
    from hangtag.audit.drift import describe_drift
    from hangtag.audit.writing import summarise

    found = summarise(result)
    proposals = found["proposals"]
    say(
        f"{found['items']:,} items of {found['brands']:,} brands, judged by {found['model']}; "
        f"{found['words']:,} words: "
        + ", ".join(f"{count:,} {action}" for action, count in proposals.items()),
        quiet=quiet,
    )
    if found["errors"]:
        say(
            f"{found['errors']:,} images cannot be read; the first: {result.scan.first_error}",
            quiet=quiet,
        )
    for note in found["notes"]:
        say(note, quiet=quiet)
    say(found["corrections"], quiet=quiet)
    if result.drift is not None:
        say(describe_drift(result.drift), quiet=quiet)
    if not result.noise:
        say("no brand has words clear enough to say which of its labels are wrong", quiet=quiet)
    rows = [
        [
            brand.supplier,
            f"{brand.items:,}",
            f"{brand.error.share:.1%}",
            f"{brand.error.low:.1%} - {brand.error.high:.1%}",
            brand.verdict,
        ]
        for brand in result.noise[:_SHOWN]
    ]
    columns = ["brand", "items", "wrong labels", "95 % sure", "beside the others"]
    if rows:
        print_table("Brands with the most errors", columns, rows)
    typer.echo(
        f"{found['issues']:,} items contradict their label, {found['automatic']:,} of them may be "
        f"corrected automatically; {found['labels_at_odds']:,} share a picture with an item whose "
        f"label is at odds, {found['sold_twice']:,} are sold twice; {found['automated']:.1%} of "
        "the items need no person"
    )
