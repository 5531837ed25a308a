"""``hangtag audit``: what the labels of each brand mean, and which items have a wrong label."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
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
    print_result,
    print_table,
    progress_bar,
    say,
)
from hangtag.environment import require_extra
from hangtag.errors import DataError
from hangtag.progress import OnProgress, ShowStep

if TYPE_CHECKING:
    from hangtag.audit.cross_validation import CrossValidationResult
    from hangtag.audit.result import AuditResult

_UNNAMED = "feed"
_BRANDS_SHOWN = 10


class _AuditGroup(TyperGroup):
    """A group with an unnamed command: ``audit FEED`` beside ``audit apply``."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Inserts the name of the unnamed command before arguments that name no command."""
        named = args and args[0] in self.commands and args[0] != _UNNAMED
        return super().parse_args(ctx, args if named else [_UNNAMED, *args])

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        """Finds the command; the unnamed one has no name in its help."""
        name, command, rest = super().resolve_command(ctx, args)
        return "" if name == _UNNAMED else name, command, rest


class _Unnamed(TyperCommand):
    """The unnamed command."""

    def format_usage(self, ctx: Any, formatter: Any) -> None:
        """Writes the usage without the name."""
        formatter.write_usage(ctx.command_path.rstrip(), " ".join(self.collect_usage_pieces(ctx)))


app = typer.Typer(
    cls=_AuditGroup, help="Finds what brands mean by their labels, and which are wrong."
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
            help="A shipped model, or a model or run folder. (default: clothing-photos; "
            "fashion-mnist for 28x28 images)",
            show_default=False,
        ),
    ] = None,
    precision: Annotated[
        float,
        typer.Option(
            min=0.5,
            max=0.9999,
            help="Expected precision of automatic corrections.",
        ),
    ] = 0.99,
    reference: Annotated[
        str | None,
        typer.Option(
            metavar="DATA",
            help="Images with right labels that the model was not trained on, to test automatic "
            "corrections. (default: the model's validation images, if available)",
        ),
    ] = None,
    before: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="An earlier audit: report changes since then, and keep its approved rules.",
        ),
    ] = None,
    rules: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Rules approved before. Those in rules.csv of --out and --before are kept too.",
        ),
    ] = None,
    taxonomy: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE.csv",
            help="Your own category tree (columns id, name, parent), instead of Shopify's.",
            show_default=False,
        ),
    ] = None,
    cross_validate: Annotated[
        bool,
        typer.Option(
            "--cross-validate",
            help="Learn the labels from the feed itself; writes issues only. Needs the audit "
            "extra.",
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
    """Finds what brands mean by their labels, and which labels are wrong.

    For each label of each brand: the categories that its images show, and a rule
    to map it, split it, ask a person, or file it as no apparel. For each item:
    whether the image contradicts the label. For each brand: how many labels are
    wrong. Exit code 1 means that there are findings.

    Approve rules in audit.html or in rules.csv, then apply them with hangtag
    audit apply. The next audit keeps approved rules.

    \b
    Examples:
      hangtag data demo-feed demo
      hangtag audit demo/feed.csv --out audit
      hangtag audit april.parquet --out april --before march --model runs/mine
      hangtag audit demo --out again --rules approved.csv
    """
    require_extra("audit", "auditing a feed")
    from hangtag.audit.run import AuditOptions, run_audit

    silent = quiet or as_json
    if cross_validate:
        _refuse_unused(before=before, reference=reference, rules=rules, taxonomy=taxonomy)
        if _cross_validate(feed, model, out, workers, as_json=as_json, silent=silent):
            raise typer.Exit(1)
        return
    options = AuditOptions(
        precision=precision,
        reference=reference,
        before=before,
        rules=rules,
        taxonomy=taxonomy,
        workers=workers,
    )
    progress = _open_progress(silent=silent)
    result = run_audit(feed, model=model, out=out, options=options, progress=progress)
    _print_result(result, out, as_json=as_json, quiet=quiet)
    if result.findings:
        raise typer.Exit(1)


def _open_progress(*, silent: bool) -> ShowStep:
    @contextmanager
    def show(step: str) -> Iterator[OnProgress]:
        with progress_bar(step, quiet=silent, unit="images") as on_progress:
            yield on_progress

    return show


def _refuse_unused(**options: object) -> None:
    """Raises DataError when options are given that cross-validation does not use."""
    if named := [f"--{name}" for name, value in options.items() if value is not None]:
        raise DataError(f"--cross-validate uses only the feed; leave out {', '.join(named)}")


def _cross_validate(
    feed: str, model: str | None, out: Path, workers: int | None, *, as_json: bool, silent: bool
) -> int:
    """Cross-validates the labels of a feed and prints; returns the number of issues."""
    from hangtag.audit.cross_validation import cross_validate

    progress = _open_progress(silent=silent)
    result = cross_validate(feed, model=model, out=out, workers=workers, progress=progress)
    counts = {
        "items": result.items,
        "labels": result.labels,
        "issues": len(result.issues),
        "errors": result.errors,
        "rare": result.rare,
    }
    parts = ", ".join(f"{count:,} {name}" for name, count in counts.items())
    say(f"{parts}; {_describe_folds(result)}", quiet=silent)
    say(
        "issues only: without a model for the labels there are no rules, no page and no automatic "
        "corrections",
        quiet=silent,
    )
    if as_json:
        print_json({**counts, "suppliers_apart": result.suppliers_apart, "out": str(out)})
    else:
        print_result(str(out / "issues.csv"))
    return len(result.issues)


def _describe_folds(result: "CrossValidationResult") -> str:
    if result.suppliers_apart:
        return "suppliers kept apart"
    return "suppliers share few labels, so each item was compared with labels of its own supplier"


def _print_result(result: "AuditResult", out: Path, *, as_json: bool, quiet: bool) -> None:
    from hangtag.audit.summary import summarise
    from hangtag.reports.audit_page import PAGE

    if as_json:
        summary = asdict(summarise(result))
        print_json({**summary, "out": str(out), "page": str(out / PAGE)})
        return
    for sentence in _list_messages(result):
        say(sentence, quiet=quiet)
    _print_brands(result)
    found = summarise(result)
    print_result(
        f"{found.issues:,} label issues, {found.automatic:,} of them corrected automatically; "
        f"{found.conflicting_labels:,} items with conflicting labels, {found.duplicate_items:,} "
        f"duplicate items; {found.automated:.1%} of the items need no person"
    )
    print_result(str(out / PAGE))


def _list_messages(result: "AuditResult") -> Iterator[str]:
    from hangtag.audit.summary import describe_drift, summarise

    found = summarise(result)
    proposals = ", ".join(f"{count:,} {action}" for action, count in found.proposals.items())
    yield (
        f"{found.items:,} items of {found.brands:,} brands, model {found.model}; "
        f"{found.labels:,} labels: {proposals}"
    )
    if found.errors:
        first = result.counts.first_error
        yield f"{found.errors:,} images cannot be read, see broken.csv; the first: {first}"
    yield from found.notes
    yield found.corrections
    if result.drift is not None:
        yield from describe_drift(result.drift)
    if not result.noise:
        yield "no brand has labels clear enough to estimate how many are wrong"


def _print_brands(result: "AuditResult") -> None:
    rows = [
        [
            brand.supplier,
            f"{brand.items:,}",
            f"{brand.error_rate.fraction:.1%}",
            f"{brand.error_rate.low:.1%} - {brand.error_rate.high:.1%}",
            brand.comparison,
        ]
        for brand in result.noise[:_BRANDS_SHOWN]
    ]
    columns = ["brand", "items", "wrong labels", "95 % interval", "versus others"]
    if rows:
        print_table("Brands with most errors", columns, rows)
