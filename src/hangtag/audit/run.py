"""The whole audit of a feed, for the command line, Python, a server or a worker.

    result = run_audit("feed.csv", out=Path("audit"))
    result.issues.to_pandas()

The feed is scanned once; the dictionary is built from what the model said about all items of a
label; then every item is judged by the meaning of its label.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from hangtag.audit.apply import ITEM_COLUMNS, ITEMS
from hangtag.audit.categories import Categories, place_classes
from hangtag.audit.corrections import Reference, load_reference
from hangtag.audit.dictionary import DictionaryEntry, apply_approved, build_dictionary
from hangtag.audit.duplicates import find_duplicate_items
from hangtag.audit.feed import Feed, load_model, open_feed
from hangtag.audit.label_issues import LabelIssueFinder, LabelIssues
from hangtag.audit.noise import (
    BrandNoise,
    Drift,
    EarlierAudit,
    find_drift,
    measure_noise,
    read_earlier_audit,
)
from hangtag.audit.outputs import open_output_folder
from hangtag.audit.page import write_page
from hangtag.audit.result import AuditResult, FeedCounts
from hangtag.audit.rules import RULES, Action, Rule, read_approved_rules
from hangtag.audit.savings import Savings, count_savings
from hangtag.audit.scan import Scan, scan_feed
from hangtag.audit.tables import open_broken, write_tables
from hangtag.decisions.policy import stored_precision
from hangtag.errors import DataError, OutputError
from hangtag.images.decoder_pool import DecoderPool
from hangtag.models.classifier import Classifier
from hangtag.progress import ShowStep
from hangtag.tables.writing import WriteRow, open_table
from hangtag.taxonomy import load_tree

PRECISION = 0.99


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """Settings of an audit.

    Attributes:
        precision: Expected fraction of right automatic corrections, 0-1.
        reference: Images with right labels that the model was not trained on, to test automatic
            corrections; by default the model's validation images, where available offline.
        before: Folder of an earlier audit, to be compared with; its approved rules are kept.
        rules: A file of approved rules; it wins over those of `before` and of the output folder.
        taxonomy: A tree of the user's own, CSV with the columns id, name, parent; Shopify's tree by
            default.
        workers: Processes that decode images; by default one a core, at most 8.
    """

    precision: float = PRECISION
    reference: str | None = None
    before: Path | None = None
    rules: Path | None = None
    taxonomy: Path | None = None
    workers: int | None = None


def run_audit(
    feed: str | Path | Feed,
    *,
    model: str | Path | Classifier | None = None,
    out: Path | None = None,
    options: AuditOptions | None = None,
    progress: ShowStep | None = None,
) -> AuditResult:
    """Audits a feed.

    Memory grows with the number of labels, by 48 bytes an item, and by about 1 KB for each issue
    and duplicate that is kept, of which there are at most 100,000 each.

    Args:
        feed: A table of items, or its path; see `open_feed`.
        model: A classifier, a shipped model, or a model or run folder; by default the shipped model
            for the images of the feed.
        out: Folder for the tables and the page, none by default. Approved rules in its
            ``rules.csv`` are kept.
        options: Settings.
        progress: Opens a progress bar for each step.

    Raises:
        DataError: The feed, the reference, the earlier audit, the rules or the taxonomy cannot be
            read, no image can be read, no item has a label, or the model holds no such precision.
        ModelError: There is no such model.
        OutputError: The folder cannot be written.
    """
    options = options or AuditOptions()
    show = progress or (lambda step: nullcontext())
    feed = open_feed(str(feed)) if isinstance(feed, str | Path) else feed
    check_folder(out)
    earlier = None if options.before is None else read_earlier_audit(options.before)
    classifier = load_model(model, feed)
    stored_precision(classifier.card.policy, options.precision)
    tree = None if options.taxonomy is None else load_tree(options.taxonomy)
    categories = place_classes(classifier.card, tree)
    with _open_output(out) as folder:
        approved = read_approved_rules(_find_rule_files(options, out), categories)
        with show("testing corrections") as on_progress:
            reference = load_reference(classifier, options.reference, on_progress=on_progress)
        audit = _Audit(feed, classifier, categories, approved, options)
        result = audit.run(folder, reference, earlier, show)
        if folder is not None:
            write_tables(result, folder)
            write_page(result, folder)
    return result


def _open_output(out: Path | None) -> AbstractContextManager[Path | None]:
    """Opens the output folder, if there is to be one."""
    return nullcontext() if out is None else open_output_folder(out)


def check_folder(out: Path | None) -> None:
    """Raises OutputError where a file is in the place of the output folder."""
    if out is not None and out.exists() and not out.is_dir():
        raise OutputError(f"{out} is a file; pass a folder")


def _find_rule_files(options: AuditOptions, out: Path | None) -> list[Path]:
    """Returns the existing files of rules, the one that wins last."""
    kept = [folder / RULES for folder in (options.before, out) if folder is not None]
    named = [] if options.rules is None else [options.rules]
    return [*(path for path in kept if path.exists()), *named]


@dataclass(frozen=True, slots=True)
class _Audit:
    """An audit whose inputs are all read."""

    feed: Feed
    classifier: Classifier
    categories: Categories
    approved: Sequence[Rule]
    options: AuditOptions

    def run(
        self,
        out: Path | None,
        reference: Reference | None,
        earlier: EarlierAudit | None,
        show: ShowStep,
    ) -> AuditResult:
        """Scans the feed, builds the dictionary and judges the items."""
        with (
            DecoderPool(self.options.workers) as pool,
            tempfile.TemporaryDirectory(dir=out, prefix="scan-") as folder,
        ):
            with show("scanning images") as on_progress, open_broken(out) as write_broken:
                scan = scan_feed(
                    self.feed,
                    self.classifier,
                    pool,
                    Path(folder),
                    on_broken=write_broken,
                    on_progress=on_progress,
                )
            _require_evidence(self.feed, scan)
            entries = build_dictionary(scan.groups, scan.evidence, self.categories)
            entries = apply_approved(entries, self.approved, self.categories)
            issues = self._find_issues(scan, entries, reference, pool, out)
            counts = _count_items(scan)
        noise = measure_noise(entries, scan.evidence.by_group())
        return AuditResult(
            feed=self.feed.path,
            feed_note=self.feed.note,
            model=self.classifier.card.name,
            input_spec=self.classifier.card.input,
            categories=self.categories,
            counts=counts,
            entries=entries,
            label_issues=issues,
            noise=noise,
            savings=_count_savings(counts, entries, issues),
            drift=None if earlier is None else self._find_drift(entries, noise, earlier),
            reference="" if reference is None else reference.source,
            precision=self.options.precision,
            approved=self.approved,
        )

    def _find_issues(
        self,
        scan: Scan,
        entries: Sequence[DictionaryEntry],
        reference: Reference | None,
        pool: DecoderPool,
        out: Path | None,
    ) -> LabelIssues:
        finder = LabelIssueFinder(
            scan,
            entries,
            self.categories,
            self.classifier,
            reference,
            precision=self.options.precision,
        )
        spec = self.classifier.card.input
        duplicates = find_duplicate_items(scan, finder.included, pool, spec)
        with _open_items(out) as write:
            return finder.find(write, duplicates)

    def _find_drift(
        self,
        entries: Sequence[DictionaryEntry],
        noise: Sequence[BrandNoise],
        earlier: EarlierAudit,
    ) -> Drift:
        model = self.classifier.card.name
        return find_drift(entries, noise, self.categories, earlier, model=model)


@contextmanager
def _open_items(out: Path | None) -> Iterator[WriteRow]:
    """Opens ``items.parquet`` in a folder; without a folder the rows are dropped."""
    if out is None:
        yield lambda row: None
        return
    with open_table(out / ITEMS, ITEM_COLUMNS) as write:
        yield write


def _count_items(scan: Scan) -> FeedCounts:
    return FeedCounts(
        items=scan.items,
        errors=scan.errors,
        first_error=scan.first_error,
        unlabelled=scan.groups.unlabelled,
        suppliers=len(scan.groups.by_supplier()),
        duplicate_ids=scan.find_duplicate_ids(),
    )


def _count_savings(
    counts: FeedCounts, entries: Sequence[DictionaryEntry], issues: LabelIssues
) -> Savings:
    to_approve = [
        entry
        for entry in entries
        if entry.approved is None and entry.proposal.action is not Action.ASK
    ]
    return count_savings(
        items=counts.items,
        automated=sum(issues.automated.values()),
        expected_errors=issues.expected_errors,
        rules=len(to_approve),
    )


def _require_evidence(feed: Feed, scan: Scan) -> None:
    if scan.items == scan.errors:
        raise DataError(
            f"{feed.path}: none of the {scan.items:,} images can be read; the first: "
            f"{scan.first_error}"
        )
    if not scan.groups.all:
        raise DataError(f"{feed.path}: no item has a label; fill in the column 'label'")
