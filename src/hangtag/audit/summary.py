"""The summary of an audit: counts as a record, and sentences for the console and the page."""

from collections.abc import Sequence
from dataclasses import dataclass

from hangtag.audit.categories import OUTSIDE_NAME
from hangtag.audit.corrections import describe_threshold
from hangtag.audit.duplicates import IssueKind
from hangtag.audit.noise import Drift, FractionChange
from hangtag.audit.result import AuditResult
from hangtag.audit.rules import Action
from hangtag.pipeline.rows import DIGITS

MANY_LABELS, LABELS_AN_ITEM = 100, 0.5
"""From this many labels, and this many an item, labels are not categories but titles."""

MAX_NAMED = 10
"""Largest number of labels or brands that a sentence names."""


@dataclass(frozen=True, slots=True)
class ChangeSummary:
    """A changed fraction; the fields are those of `FractionChange`, `label` None for a brand."""

    supplier: str
    label: str | None
    category: str
    before: float
    now: float
    p_value: float


@dataclass(frozen=True, slots=True)
class DriftSummary:
    """What changed since an earlier audit; the fields are the keys of ``--json``.

    Attributes:
        before: Folder of the earlier audit.
        changes: Changed fractions, the largest change first.
        new_labels: Number of labels that were not there before.
        missing_labels: Number of labels that are no longer there.
        missing_brands: Brands that this feed does not have.
        other_model: Model of the earlier audit where it is another.
    """

    before: str
    changes: tuple[ChangeSummary, ...]
    new_labels: int
    missing_labels: int
    missing_brands: tuple[str, ...]
    other_model: str | None


@dataclass(frozen=True, slots=True)
class AuditSummary:
    """An audit in counts; the fields are the keys of ``--json``.

    Attributes:
        model: Name of the model.
        items: Number of items.
        errors: Items without a readable image.
        unlabelled: Items without a label.
        brands: Number of brands.
        labels: Number of labels of brands.
        proposals: Action -> number of labels.
        approved: Labels with an approved rule.
        issues: Label issues.
        automatic: Labels that are corrected automatically.
        precision: Expected fraction of right ones among those, 0-1.
        reference: What the automatic corrections were tested on; empty without a reference.
        corrections: What is corrected automatically or why nothing is, a sentence.
        notes: What a reader should know about the feed, a sentence each.
        conflicting_labels: Items whose image has another label that means something else.
        duplicate_items: Items whose image the same brand sent under another id.
        shared_images: Items whose image another brand sent too.
        automated: Fraction of the items that need no person, 0-1.
        queue: Items left for a person.
        minutes_saved: A person's time saved, minutes.
        findings: Number of things that a person should look at.
        drift: What changed since an earlier audit, None without one.
    """

    model: str
    items: int
    errors: int
    unlabelled: int
    brands: int
    labels: int
    proposals: dict[str, int]
    approved: int
    issues: int
    automatic: int
    precision: float
    reference: str
    corrections: str
    notes: list[str]
    conflicting_labels: int
    duplicate_items: int
    shared_images: int
    automated: float
    queue: int
    minutes_saved: float
    findings: int
    drift: DriftSummary | None


def summarise(result: AuditResult) -> AuditSummary:
    """Returns an audit in counts."""
    actions = [entry.meaning.action for entry in result.entries]
    issues, savings, counts = result.label_issues, result.savings, result.counts
    duplicates = issues.duplicate_counts
    return AuditSummary(
        model=result.model,
        items=counts.items,
        errors=counts.errors,
        unlabelled=counts.unlabelled,
        brands=counts.suppliers,
        labels=len(actions),
        proposals={str(action): actions.count(action) for action in Action},
        approved=sum(entry.approved is not None for entry in result.entries),
        issues=issues.issue_count,
        automatic=issues.automated["correction"],
        precision=result.precision,
        reference=result.reference,
        corrections=describe_corrections(result),
        notes=list_notes(result),
        conflicting_labels=duplicates.get(IssueKind.CONFLICT, 0),
        duplicate_items=duplicates.get(IssueKind.DUPLICATE, 0),
        shared_images=duplicates.get(IssueKind.SHARED, 0),
        automated=round(savings.automated, DIGITS),
        queue=savings.queue,
        minutes_saved=round(savings.minutes, 1),
        findings=result.findings,
        drift=None if result.drift is None else summarise_drift(result.drift),
    )


def summarise_drift(drift: Drift) -> DriftSummary:
    """Returns what changed since an earlier audit in counts."""
    return DriftSummary(
        before=drift.folder,
        changes=tuple(_round_change(change) for change in drift.changes),
        new_labels=len(drift.new),
        missing_labels=len(drift.missing),
        missing_brands=drift.missing_brands,
        other_model=drift.other_model or None,
    )


def _round_change(change: FractionChange) -> ChangeSummary:
    return ChangeSummary(
        supplier=change.supplier,
        label=change.label or None,
        category=change.category,
        before=round(change.before, DIGITS),
        now=round(change.now, DIGITS),
        p_value=round(change.p_value, DIGITS),
    )


def describe_drift(drift: Drift) -> list[str]:
    """Says what changed since an earlier audit, in sentences without a full stop."""
    of_labels = sum(bool(change.label) for change in drift.changes)
    of_brands = len(drift.changes) - of_labels
    sentences = [
        f"since {drift.folder}: {of_labels:,} category fractions of labels and {of_brands:,} error "
        "rates of brands changed significantly"
    ]
    if drift.other_model:
        sentences.append(
            f"that audit used the model {drift.other_model}, so the models may be what differs"
        )
    listed = {
        "new labels": [f"{supplier}: {label}" for supplier, label in drift.new],
        "labels no longer used": [f"{supplier}: {label}" for supplier, label in drift.missing],
        "brands without items": drift.missing_brands,
    }
    return sentences + [_list_some(name, items) for name, items in listed.items() if items]


def list_notes(result: AuditResult) -> list[str]:
    """Says what a reader should know about the feed, in sentences without a full stop."""
    repeated = result.counts.duplicate_ids
    notes = [result.feed_note] if result.feed_note else []
    if repeated.count:
        notes.append(
            f"{repeated.count:,} items have an id that their brand used before, such as "
            f"{repeated.first!r}: the tables cannot tell them apart"
        )
    labels, items = len(result.entries), result.counts.items
    if labels >= MANY_LABELS and labels > LABELS_AN_ITEM * items:
        notes.append(
            f"{items:,} items have {labels:,} different labels: these look like titles; put the "
            "brands' categories into the column 'label'"
        )
    return notes


def describe_corrections(result: AuditResult) -> str:
    """Says in a sentence what is corrected automatically, or why nothing is."""
    issues = result.label_issues
    sentence = describe_threshold(
        issues.corrections, source=result.reference, precision=result.precision
    )
    names = [result.categories.names[index] for index in issues.excluded]
    excluded = [name for name in names if name != OUTSIDE_NAME]
    if issues.corrections is None or not excluded:
        return sentence
    return (
        f"{sentence}; none to {', '.join(excluded)}: items that the model has no class for look "
        "like that"
    )


def _list_some(name: str, items: Sequence[str]) -> str:
    more = f" and {len(items) - MAX_NAMED:,} more" if len(items) > MAX_NAMED else ""
    return f"{name} ({len(items):,}): {', '.join(items[:MAX_NAMED])}{more}"
