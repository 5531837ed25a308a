"""What an audit found in short: counts as plain values, and sentences for console and page."""

from collections.abc import Sequence
from typing import Any

from hangtag.audit.categories import OUTSIDE_NAME
from hangtag.audit.corrections import describe
from hangtag.audit.drift import Drift
from hangtag.audit.proposals import Action
from hangtag.audit.repeats import Finding
from hangtag.audit.run import AuditResult
from hangtag.pipeline.rows import DIGITS

MANY_WORDS, WORDS_AN_ITEM = 100, 0.5
"""From so many labels in all, and so many an item, they are no categories but titles."""

LISTED = 10
"""At most so many words or brands are named in a sentence."""


def summarise(result: AuditResult) -> dict[str, Any]:
    """Returns the counts of an audit as plain values."""
    actions = [str(entry.meaning.action) for entry in result.entries]
    inspection, savings = result.inspection, result.savings
    repeats = inspection.repeat_counts
    return {
        "model": result.model,
        "items": result.scan.items,
        "errors": result.scan.errors,
        "unlabelled": result.scan.groups.unlabelled,
        "brands": len(result.scan.groups.by_supplier()),
        "words": len(actions),
        "proposals": {str(action): actions.count(str(action)) for action in Action},
        "approved": sum(entry.approved is not None for entry in result.entries),
        "issues": inspection.issue_count,
        "automatic": inspection.settled["correction"],
        "precision": result.precision,
        "reference": result.reference,
        "corrections": describe_corrections(result),
        "notes": list_notes(result),
        "labels_at_odds": repeats.get(Finding.AT_ODDS, 0),
        "sold_twice": repeats.get(Finding.TWICE, 0),
        "shared_pictures": repeats.get(Finding.SHARED, 0),
        "automated": round(savings.automated, DIGITS),
        "queue": savings.queue,
        "minutes_saved": round(savings.minutes, 1),
        "findings": result.findings,
        "drift": None if result.drift is None else summarise_drift(result.drift),
    }


def summarise_drift(drift: Drift) -> dict[str, Any]:
    """Returns what changed since an earlier audit as plain values."""
    return {
        "before": drift.folder,
        "changes": [
            {
                "supplier": one.supplier,
                "label": one.label or None,
                "category": one.category,
                "before": round(one.before, DIGITS),
                "now": round(one.now, DIGITS),
                "p_value": round(one.p_value, DIGITS),
            }
            for one in drift.changes
        ],
        "new_words": len(drift.new),
        "gone_words": len(drift.gone),
        "absent_brands": list(drift.absent),
        "other_model": drift.other_model or None,
    }


def describe_drift(drift: Drift) -> list[str]:
    """Says what changed since an earlier audit, a sentence each, without its full stop."""
    words = sum(bool(one.label) for one in drift.changes)
    brands = len(drift.changes) - words
    said = [
        f"since {drift.folder}: {words:,} shares of words and {brands:,} error rates of brands "
        "changed by more than chance"
    ]
    if drift.other_model:
        said.append(f"that audit was by {drift.other_model}, so it may be the models that differ")
    listed = {
        "new words": [f"{supplier}: {label}" for supplier, label in drift.new],
        "words that are gone": [f"{supplier}: {label}" for supplier, label in drift.gone],
        "brands that sent nothing": drift.absent,
    }
    return said + [_list_some(name, those) for name, those in listed.items() if those]


def list_notes(result: AuditResult) -> list[str]:
    """Says what a reader must know of the feed, a sentence each."""
    repeated = result.repeated_ids
    notes = [result.feed.note] if result.feed.note else []
    if repeated.count:
        notes.append(
            f"{repeated.count:,} items have an id that came before from their brand, such as "
            f"{repeated.first!r}: the tables cannot tell them apart"
        )
    words, items = len(result.entries), result.scan.items
    if words >= MANY_WORDS and words > WORDS_AN_ITEM * items:
        notes.append(
            f"{items:,} items have {words:,} labels: these look like titles; audit a column that "
            "holds the brands' categories, under the name 'label'"
        )
    return notes


def describe_corrections(result: AuditResult) -> str:
    """Says what is corrected without a person, or why nothing is, a sentence."""
    inspection = result.inspection
    said = describe(inspection.correctable, source=result.reference, precision=result.precision)
    names = [
        name
        for index in inspection.closed
        if (name := result.categories.names[index]) != OUTSIDE_NAME
    ]
    if inspection.correctable is None or not names:
        return said
    closed = ", ".join(names)
    return f"{said}; none to {closed}: things that the model has no class for look like that"


def _list_some(name: str, those: Sequence[str]) -> str:
    more = f" and {len(those) - LISTED:,} more" if len(those) > LISTED else ""
    return f"{name} ({len(those):,}): {', '.join(those[:LISTED])}{more}"
