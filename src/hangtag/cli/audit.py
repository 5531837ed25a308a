"""``hangtag audit``: what the words of each brand mean, and which items are wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from hangtag.cli.console import Json, Quiet, print_json, print_table, progress_bar, say
from hangtag.errors import OutputError
from hangtag.progress import Tick

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
        str, typer.Option(help="A shipped model, a model or a run folder.")
    ] = "fashion-mnist",
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
        typer.Option(metavar="DIR", help="An earlier audit: report what has changed since."),
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
    apply -h.

    \b
    For example:
      hangtag data demo-feed demo
      hangtag audit demo/feed.csv --out audit
      hangtag audit april.parquet --out april --before march --model runs/mine
    """
    from hangtag.audit.feed import open_feed
    from hangtag.audit.run import AuditOptions

    opened = open_feed(feed)
    if out.exists() and not out.is_dir():
        raise OutputError(f"--out {out} is a file; give a folder")
    if cross_validate:
        findings = _cross_validate(
            opened, out, model=model, workers=workers, as_json=as_json, quiet=quiet
        )
    else:
        options = AuditOptions(precision=precision, reference=reference, workers=workers)
        findings = _audit(opened, out, options, model, before, as_json=as_json, quiet=quiet)
    if findings:
        raise typer.Exit(1)


def _audit(
    feed: "Feed",
    out: Path,
    options: "AuditOptions",
    model: str,
    before: Path | None,
    *,
    as_json: bool,
    quiet: bool,
) -> int:
    """Judges a feed by a model, writes and prints; returns the number of findings."""
    from hangtag.audit.drift import read_earlier
    from hangtag.audit.page import write_page
    from hangtag.audit.run import audit_feed
    from hangtag.audit.scan import find_shape
    from hangtag.audit.writing import summarise, write_tables
    from hangtag.categoriser import Categoriser

    earlier = None if before is None else read_earlier(before)

    @contextmanager
    def show(step: str) -> Iterator[Tick]:
        with progress_bar(step, quiet=quiet or as_json, unit="images") as tick:
            yield tick

    categoriser = Categoriser.load(model)
    result = audit_feed(feed, categoriser, out, options, earlier=earlier, progress=show)
    rules = write_tables(result, out)
    page = write_page(result, out, rules, shape=find_shape(categoriser))
    if as_json:
        print_json({**summarise(result), "out": str(out), "page": str(page)})
    else:
        _print_findings(result, quiet=quiet)
        typer.echo(str(page))
    return result.findings


def _cross_validate(
    feed: "Feed", out: Path, *, model: str, workers: int | None, as_json: bool, quiet: bool
) -> int:
    """Judges the labels of a feed by one another; returns the number of issues."""
    from hangtag.audit.cross_validation import COLUMNS, cross_validate
    from hangtag.audit.tables import write_table
    from hangtag.categoriser import Categoriser

    with progress_bar("looking at the images", quiet=quiet or as_json, unit="images") as tick:
        found = cross_validate(feed, Categoriser.load(model), workers=workers, on_progress=tick)
    for name in ("issues.csv", "issues.parquet"):
        write_table(out / name, COLUMNS, found.rows)
    counts = {"items": found.items, "labels": found.labels, "issues": len(found.rows)}
    counts |= {"errors": found.errors, "rare": found.rare}
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    how = "suppliers kept apart" if found.apart else "suppliers mixed: few labels are shared"
    say(f"{parts}; {how}", quiet=quiet or as_json)
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
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Applies the approved rules to a feed: adds category, category_id and category_by.

    A rule is approved where its row says yes. The output has all columns of the
    feed; applied to its own output the command changes nothing.

    \b
    For example:
      hangtag audit apply audit/rules.csv demo/feed.csv --audit audit --out categorised.csv
    """
    from hangtag.audit.applying import apply_rules
    from hangtag.audit.feed import open_feed
    from hangtag.audit.rules import read_rules
    from hangtag.audit.run import ITEMS
    from hangtag.audit.tables import require_table

    require_table(out, option="--out")
    read = read_rules(rules)
    items = None if audit is None else audit / ITEMS
    with progress_bar("applying rules", quiet=quiet or as_json, unit="rows") as tick:
        counts = apply_rules(read, open_feed(feed), out, items=items, on_progress=tick)
    described = ", ".join(f"{count:,} {by}" for by, count in sorted(counts.items()))
    say(f"{sum(counts.values()):,} rows: {described}", quiet=quiet or as_json)
    if as_json:
        print_json({"rows": sum(counts.values()), "category_by": counts, "out": str(out)})
    else:
        typer.echo(str(out))


def _print_findings(result: "AuditResult", *, quiet: bool) -> None:
    from hangtag.audit.writing import summarise

    found = summarise(result)
    proposals = found["proposals"]
    say(
        f"{found['items']:,} items of {found['brands']:,} brands; {found['words']:,} words: "
        + ", ".join(f"{count:,} {action}" for action, count in proposals.items()),
        quiet=quiet,
    )
    if found["errors"]:
        say(
            f"{found['errors']:,} images cannot be read; the first: {result.scan.first_error}",
            quiet=quiet,
        )
    say(found["corrections"], quiet=quiet)
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
    print_table("Brands with the most errors", columns, rows)
    typer.echo(
        f"{found['issues']:,} items contradict their label, {found['automatic']:,} of them may be "
        f"corrected automatically; {found['labels_at_odds']:,} share a picture with an item whose "
        f"label is at odds, {found['sold_twice']:,} are sold twice; {found['automated']:.1%} of "
        "the items need no person"
    )
