"""``hangtag audit``: what the words of each brand mean, and which items are wrong."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

from hangtag.cli.audit_apply import apply
from hangtag.cli.console import (
    Json,
    Quiet,
    folder_option,
    print_json,
    print_table,
    progress_bar,
    say,
)
from hangtag.environment import require_extra
from hangtag.errors import DataError, OutputError
from hangtag.progress import OnProgress
from hangtag.taxonomy import load_tree

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
app.command("apply")(apply)


@app.command(_UNNAMED, cls=_Unnamed)
def audit(
    feed: Annotated[
        str,
        typer.Argument(
            metavar="FEED",
            help="A CSV or Parquet table: image, label, and optionally id and supplier.",
        ),
    ],
    out: Annotated[
        Path,
        folder_option(help="Folder for the tables and audit.html."),
    ],
    model: Annotated[
        str | None,
        typer.Option(
            help="A shipped model, a model or a run folder. (default: clothing-photos; "
            "fashion-mnist where the images are 28x28)",
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
            "are tested on them. (default: the model's validation images, where at hand)",
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
        typer.Option(min=0, help="Processes that decode images. (default: one a core, at most 8)"),
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

    require_extra("audit", "auditing a feed")
    opened = open_feed(feed)
    if out.exists() and not out.is_dir():
        raise OutputError(f"--out {out} is a file; give a folder")
    if model is None:
        model = choose_model(opened)
    options = AuditOptions(precision=precision, reference=reference, workers=workers)
    task = _Task(out, options, model, before, rules, taxonomy, as_json, quiet)
    if (_cross_validate if cross_validate else _audit)(opened, task):
        raise typer.Exit(1)


@dataclass(frozen=True, slots=True)
class _Task:
    """What an audit goes by, and where what it finds goes."""

    out: Path
    options: "AuditOptions"
    model: str
    before: Path | None
    rules: Path | None
    taxonomy: Path | None
    as_json: bool
    quiet: bool

    @property
    def silent(self) -> bool:
        """Whether only the outcome is printed."""
        return self.quiet or self.as_json

    def list_rules(self) -> list[Path]:
        """Returns the files of rules that are there, the one that counts most last."""
        from hangtag.audit.approvals import RULES

        kept = [folder / RULES for folder in (self.before, self.out) if folder is not None]
        named = [] if self.rules is None else [self.rules]
        return [*(path for path in kept if path.exists()), *named]


def _audit(feed: "Feed", task: _Task) -> int:
    """Judges a feed by a model, writes and prints; returns the number of findings."""
    from hangtag.audit.approvals import gather_approved
    from hangtag.audit.categories import place_classes
    from hangtag.audit.drift import read_earlier
    from hangtag.audit.page import write_page
    from hangtag.audit.run import audit_feed
    from hangtag.audit.scan import find_shape
    from hangtag.audit.summary import summarise
    from hangtag.audit.writing import write_tables
    from hangtag.models.classifier import Classifier

    earlier = None if task.before is None else read_earlier(task.before)

    @contextmanager
    def show(step: str) -> Iterator[OnProgress]:
        with progress_bar(step, quiet=task.silent, unit="images") as on_progress:
            yield on_progress

    classifier = Classifier.load(task.model)
    tree = None if task.taxonomy is None else load_tree(task.taxonomy)
    categories = place_classes(classifier.card, tree)
    approved = gather_approved(task.list_rules(), categories)
    result = audit_feed(
        feed,
        classifier,
        task.out,
        task.options,
        categories=categories,
        approved=approved,
        earlier=earlier,
        progress=show,
    )
    write_tables(result, task.out)
    page = write_page(result, task.out, shape=find_shape(classifier))
    if task.as_json:
        print_json({**summarise(result), "out": str(task.out), "page": str(page)})
    else:
        _print_findings(result, quiet=task.quiet)
        typer.echo(str(page))
    return result.findings


def _cross_validate(feed: "Feed", task: _Task) -> int:
    """Judges the labels of a feed by one another; returns the number of issues."""
    from hangtag.audit.cross_validation import COLUMNS, cross_validate
    from hangtag.models.classifier import Classifier
    from hangtag.reports.audit_page import PAGE
    from hangtag.tables.writing import write_table

    unused = {
        "--before": task.before,
        "--reference": task.options.reference,
        "--rules": task.rules,
        "--taxonomy": task.taxonomy,
    }
    if named := [name for name, value in unused.items() if value is not None]:
        raise DataError(
            f"--cross-validate goes by the labels of the feed alone; leave {', '.join(named)} out"
        )
    if (task.out / PAGE).exists():
        raise OutputError(f"--out {task.out} holds an audit by a model; give another folder")
    with progress_bar("looking at the images", quiet=task.silent, unit="images") as on_progress:
        found = cross_validate(
            feed,
            Classifier.load(task.model),
            workers=task.options.workers,
            on_progress=on_progress,
        )
    for name in ("issues.csv", "issues.parquet"):
        write_table(task.out / name, COLUMNS, found.rows)
    counts = {"items": found.items, "labels": found.labels, "issues": len(found.rows)}
    counts |= {"errors": found.errors, "rare": found.rare}
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    how = (
        "suppliers kept apart"
        if found.apart
        else "few words are shared, so each item was judged among the words of its own supplier"
    )
    say(f"{parts}; {how}", quiet=task.silent)
    say(
        "issues only: labels judged by one another tell no categories, so there are no rules and "
        "no page, and nothing is corrected automatically",
        quiet=task.silent,
    )
    if task.as_json:
        print_json({**counts, "suppliers_apart": found.apart, "out": str(task.out)})
    else:
        typer.echo(str(task.out / "issues.csv"))
    return len(found.rows)


def _print_findings(result: "AuditResult", *, quiet: bool) -> None:
    from hangtag.audit.summary import describe_drift, summarise

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
    for sentence in [] if result.drift is None else describe_drift(result.drift):
        say(sentence, quiet=quiet)
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
