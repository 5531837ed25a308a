"""The whole audit: two passes over a feed, and what they found.

result = audit_feed(open_feed("feed.csv"), Classifier.load("fashion-mnist"), Path("audit"))
result.inspection.issues[0].id, result.entries[0].proposal.action
"""

import tempfile
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path

from hangtag.audit.approvals import follow_approved, is_contradicted
from hangtag.audit.categories import Categories, place_classes
from hangtag.audit.dictionary_entries import Entry, build_dictionary
from hangtag.audit.drift import Drift, Earlier, find_drift
from hangtag.audit.feed import Feed
from hangtag.audit.inspection import Inspection, Inspector
from hangtag.audit.item_table import COLUMNS
from hangtag.audit.noise import BrandNoise, measure_noise
from hangtag.audit.proposals import Action
from hangtag.audit.reference import load_reference
from hangtag.audit.repeated_ids import RepeatedIds, find_repeated_ids
from hangtag.audit.repeats import find_repeats
from hangtag.audit.rules import Rule
from hangtag.audit.savings import Savings, count_savings
from hangtag.audit.scan import Scan, find_shape, scan_feed
from hangtag.decisions.policy import stored_precision
from hangtag.errors import DataError
from hangtag.files.atomic import make_folder
from hangtag.models.classifier import Classifier
from hangtag.progress import OnProgress
from hangtag.readers import Decoders
from hangtag.tables.writing import open_table

ITEMS = "items.parquet"
PRECISION = 0.99
"""Promised share of right corrections among the automatic ones."""


@dataclass(frozen=True, slots=True)
class AuditOptions:
    """How a feed is audited.

    Attributes:
        precision: Promised share of right corrections among the automatic ones, 0-1.
        reference: Labelled data with right labels that the model has not learned; by default the
            validation split it was calibrated on, where that is at hand.
        workers: Processes that decode images; by default one a core.
    """

    precision: float = PRECISION
    reference: str | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class AuditResult:
    """What an audit found.

    Attributes:
        feed: The table that was audited.
        model: Name of the model.
        categories: What the classes of the model stand for.
        scan: The first pass; its temporary file is gone.
        entries: The dictionary, a word of a brand each.
        inspection: Issues and examples.
        noise: Of each brand, the most errors first, as its interval has it at least.
        savings: The ledger.
        drift: What changed since an earlier audit, None without one.
        reference: What the automatic corrections were tested on; empty where nothing was.
        precision: What was promised for them.
        approved: The rules that people approved before.
        repeated_ids: Items under an id that came before.
    """

    feed: Feed
    model: str
    categories: Categories
    scan: Scan
    entries: list[Entry]
    inspection: Inspection
    noise: list[BrandNoise]
    savings: Savings
    drift: Drift | None
    reference: str
    precision: float
    approved: Sequence[Rule]
    repeated_ids: RepeatedIds

    @property
    def findings(self) -> int:
        """How much there is to do: issues, repeats, words not simply mapped or approved as such."""
        open_words = sum(
            entry.proposal.action is not Action.MAP
            if entry.approved is None
            else is_contradicted(entry, self.categories)
            for entry in self.entries
        )
        return self.inspection.issue_count + len(self.inspection.repeats) + open_words


Progress = Callable[[str], AbstractContextManager[OnProgress | None]]
"""Opens a progress bar for a step; yields what is called as it gets on."""


def audit_feed(
    feed: Feed,
    classifier: Classifier,
    out: Path,
    options: AuditOptions | None = None,
    *,
    categories: Categories | None = None,
    approved: Sequence[Rule] = (),
    earlier: Earlier | None = None,
    progress: Progress | None = None,
) -> AuditResult:
    """Audits a feed; memory grows with the words of the brands and by 48 bytes an item.

    Args:
        feed: What the brands sent.
        classifier: The model.
        out: Folder for ``items.parquet`` and, while it works, a temporary file.
        options: How.
        categories: What the classes of the model stand for; in Shopify's tree by default.
        approved: DecisionPolicy that people approved before: their words mean what they say.
        earlier: An earlier audit of the same brands, to be compared with.
        progress: Shows how far each step is.

    Raises:
        DataError: No image can be read, no item has a label, or the model promises no such
            precision.
        OutputError: The folder cannot be written.
    """
    chosen, show = options or AuditOptions(), progress or (lambda _: nullcontext())
    categories = categories or place_classes(classifier.card)
    stored_precision(classifier.card.policy, chosen.precision)
    with show("testing the model on its reference") as on_progress:
        reference = load_reference(classifier, chosen.reference, on_progress=on_progress)
    make_folder(out)
    with (
        Decoders(chosen.workers) as decoders,
        tempfile.TemporaryDirectory(dir=out, prefix=".audit-") as folder,
    ):
        with show("looking at the images") as on_progress:
            path = Path(folder) / "scan.parquet"
            scan = scan_feed(feed, classifier, decoders, path, on_progress=on_progress)
        _require_evidence(feed, scan)
        entries = build_dictionary(scan.groups, scan.evidence, categories)
        entries = follow_approved(entries, approved, categories)
        inspector = Inspector(
            scan, entries, categories, classifier, reference, precision=chosen.precision
        )
        repeated_ids = find_repeated_ids(scan)
        repeats = find_repeats(scan, inspector.cover, decoders, shape=find_shape(classifier))
        with open_table(out / ITEMS, COLUMNS) as write:
            inspection = inspector.inspect(write, repeats)
    noise = measure_noise(entries, scan.evidence.by_group())
    return AuditResult(
        feed=feed,
        model=classifier.card.name,
        categories=categories,
        scan=scan,
        entries=entries,
        inspection=inspection,
        noise=noise,
        savings=_count_savings(scan, entries, inspection),
        drift=(
            None
            if earlier is None
            else find_drift(entries, noise, categories, earlier, model=classifier.card.name)
        ),
        reference="" if reference is None else reference.source,
        precision=chosen.precision,
        approved=approved,
        repeated_ids=repeated_ids,
    )


def _count_savings(scan: Scan, entries: Sequence[Entry], inspection: Inspection) -> Savings:
    to_approve = [
        one for one in entries if one.approved is None and one.proposal.action is not Action.ASK
    ]
    return count_savings(
        items=scan.items,
        automated=sum(inspection.settled.values()),
        expected_errors=inspection.expected_errors,
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
