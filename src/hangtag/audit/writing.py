"""The tables of an audit: issues, dictionary, shares, rules, brands, noise, and a summary.

issues.csv, issues.parquet   items whose image contradicts their label, the worst first; then other
                             items whose picture comes again
dictionary.csv               a word of a brand a row: what it means and what to do
shares.csv                   the same, a category a row, with intervals
rules.csv                    to be approved; `hangtag audit apply` applies it
brands.csv, noise.csv        error rates and noise matrices
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from hangtag.audit.approvals import RULES, explain_rule, rule_of
from hangtag.audit.categories import OUTSIDE_NAME
from hangtag.audit.corrections import describe
from hangtag.audit.dictionary_entries import Entry
from hangtag.audit.drift import BRANDS, SHARES, Drift
from hangtag.audit.proposals import Action
from hangtag.audit.repeats import Finding
from hangtag.audit.rules import BETWEEN, Rule, keep_approved, write_rules
from hangtag.audit.run import AuditResult
from hangtag.inputs.items import Cell, ColumnKind
from hangtag.predictions.rows import DIGITS
from hangtag.tables import write_table

MANY_WORDS, WORDS_AN_ITEM = 100, 0.5
"""From so many labels in all, and so many an item, they are no categories but titles."""

LEAST_SHARE = 0.005
"""Shares below this are left out of dictionary.csv."""

Row = Sequence[Cell]

ISSUE_COLUMNS: dict[str, ColumnKind] = {
    "id": "text",
    "supplier": "text",
    "label": "text",
    "suggested": "text",
    "score": "number",
    "confidence": "number",
    "automatic": "text",
    "suggested_id": "text",
    "suggested_label": "text",
    "means": "text",
    "image": "text",
    "finding": "text",
    "same_as": "text",
    "pixels": "text",
}
DICTIONARY_COLUMNS: dict[str, ColumnKind] = {
    "supplier": "text",
    "label": "text",
    "items": "integer",
    "proposal": "text",
    "categories": "text",
    "ids": "text",
    "share": "number",
    "low": "number",
    "high": "number",
    "reason": "text",
    "distribution": "text",
    "text": "text",
    "text_score": "number",
    "issues": "integer",
    "google_ids": "text",
    "approved": "text",
}
SHARE_COLUMNS: dict[str, ColumnKind] = {
    "supplier": "text",
    "label": "text",
    "category": "text",
    "id": "text",
    "share": "number",
    "low": "number",
    "high": "number",
    "items": "integer",
}
BRAND_COLUMNS: dict[str, ColumnKind] = {
    "supplier": "text",
    "items": "integer",
    "error_rate": "number",
    "low": "number",
    "high": "number",
    "compared": "text",
    "p_value": "number",
    "model": "text",
}
NOISE_COLUMNS: dict[str, ColumnKind] = {
    "supplier": "text",
    "given": "text",
    "true": "text",
    "share": "number",
    "low": "number",
    "high": "number",
    "items": "integer",
}


def write_tables(result: AuditResult, folder: Path) -> list[Rule]:
    """Writes all tables of an audit into `folder`; returns the rules.

    What people approved before stays as it is.

    Raises:
        OutputError: A table cannot be written.
    """
    for name in ("issues.csv", "issues.parquet"):
        write_table(folder / name, ISSUE_COLUMNS, issue_rows(result))
    write_table(folder / "dictionary.csv", DICTIONARY_COLUMNS, _dictionary_rows(result))
    write_table(folder / SHARES, SHARE_COLUMNS, _share_rows(result))
    write_table(folder / BRANDS, BRAND_COLUMNS, _brand_rows(result))
    write_table(folder / "noise.csv", NOISE_COLUMNS, _noise_rows(result))
    rules = [rule_of(entry, result.categories) for entry in result.entries]
    kept = keep_approved(rules, result.approved)
    write_rules(folder / RULES, kept)
    return kept


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
    }


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


def issue_rows(result: AuditResult) -> Iterator[Row]:
    """Gives the issues, then the other repeats, as rows of `ISSUE_COLUMNS`, the worst first."""
    words = _find_words(result.entries)
    for issue in (*result.inspection.issues, *result.inspection.repeats):
        entry, repeat = result.entries[issue.group], issue.repeat
        wrong = Finding.LABEL in issue.findings
        yield (
            issue.id,
            entry.supplier,
            entry.label,
            result.categories.names[issue.suggested] if wrong else None,
            round(issue.score, DIGITS),
            round(issue.confidence, DIGITS),
            "yes" if issue.automatic else "no",
            result.categories.ids[issue.suggested] if wrong else None,
            words.get((entry.supplier, issue.suggested)) if wrong else None,
            name_cover(entry, result),
            issue.image,
            BETWEEN.join(issue.findings),
            None if repeat is None else repeat.same_as,
            None if repeat is None else "equal" if repeat.exact else "nearly equal",
        )


def name_cover(entry: Entry, result: AuditResult) -> str:
    """Returns the names of the categories that a word means."""
    return BETWEEN.join(rule_of(entry, result.categories).categories)


def _find_words(entries: Sequence[Entry]) -> dict[tuple[str, int], str]:
    """Returns (supplier, category) -> the brand's word for it, the one with most items of it."""
    best: dict[tuple[str, int], tuple[float, str]] = {}
    for entry in entries:
        if entry.meaning.action in (Action.MAP, Action.SPLIT):
            for index in entry.meaning.cover:
                items = entry.items * float(entry.posterior.share[index])
                key = entry.supplier, index
                best[key] = max(best.get(key, (0.0, "")), (items, entry.label))
    return {key: label for key, (_, label) in best.items()}


def _dictionary_rows(result: AuditResult) -> Iterator[Row]:
    for number, entry in enumerate(result.entries):
        rule, cover = rule_of(entry, result.categories), entry.meaning.cover
        google = [result.categories.google_id(one) or "" for one in rule.ids]
        best = cover[0] if cover else int(entry.posterior.share.argmax())
        yield (
            entry.supplier,
            entry.label,
            entry.items,
            str(rule.action),
            BETWEEN.join(rule.categories),
            BETWEEN.join(rule.ids),
            round(float(entry.posterior.share[best]), DIGITS),
            round(float(entry.posterior.low[best]), DIGITS),
            round(float(entry.posterior.high[best]), DIGITS),
            explain_rule(entry, result.categories),
            _describe_shares(entry, result),
            entry.text.best or None,
            round(entry.text.score, DIGITS) if entry.text.known else None,
            result.inspection.issues_by_group.get(number, 0),
            BETWEEN.join(google),
            "yes" if rule.approved else "",
        )


def _describe_shares(entry: Entry, result: AuditResult) -> str:
    order = (-entry.posterior.share).argsort(kind="stable").tolist()
    return BETWEEN.join(
        f"{result.categories.names[index]} {100 * entry.posterior.share[index]:.1f} %"
        for index in order
        if entry.posterior.share[index] >= LEAST_SHARE
    )


def _share_rows(result: AuditResult) -> Iterator[Row]:
    for entry in result.entries:
        for index, name in enumerate(result.categories.names):
            yield (
                entry.supplier,
                entry.label,
                name,
                result.categories.ids[index],
                round(float(entry.posterior.share[index]), DIGITS),
                round(float(entry.posterior.low[index]), DIGITS),
                round(float(entry.posterior.high[index]), DIGITS),
                entry.posterior.n,
            )


def _brand_rows(result: AuditResult) -> Iterator[Row]:
    for brand in result.noise:
        yield (
            brand.supplier,
            brand.items,
            round(brand.error.share, DIGITS),
            round(brand.error.low, DIGITS),
            round(brand.error.high, DIGITS),
            brand.verdict,
            round(brand.p_value, DIGITS),
            result.model,
        )


def _noise_rows(result: AuditResult) -> Iterator[Row]:
    names = result.categories.names
    for brand in result.noise:
        for row in brand.rows:
            given = BETWEEN.join(names[index] for index in row.cover)
            for index, name in enumerate(names):
                yield (
                    brand.supplier,
                    given,
                    name,
                    round(float(row.truth.share[index]), DIGITS),
                    round(float(row.truth.low[index]), DIGITS),
                    round(float(row.truth.high[index]), DIGITS),
                    row.items,
                )
