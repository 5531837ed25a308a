"""The tables of an audit: issues, dictionary, shares, rules, brands, noise.

issues.csv, issues.parquet   items whose image contradicts their label, the worst first; then other
                             items whose picture comes again
dictionary.csv               a word of a brand a row: what it means and what to do
shares.csv                   the same, a category a row, with intervals
rules.csv                    to be approved; `hangtag audit apply` applies it
brands.csv, noise.csv        error rates and noise matrices
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

from hangtag.audit.approvals import RULES, explain_rule, rule_of
from hangtag.audit.dictionary_entries import Entry
from hangtag.audit.drift import BRANDS, SHARES
from hangtag.audit.proposals import Action
from hangtag.audit.repeats import Finding
from hangtag.audit.rules import BETWEEN, Rule, keep_approved, write_rules
from hangtag.audit.run import AuditResult
from hangtag.pipeline.rows import DIGITS
from hangtag.tables.columns import Cell, ColumnKind
from hangtag.tables.writing import write_table

LEAST_SHARE = 0.005
"""Shares below this are left out of dictionary.csv, and of the page where the word means others."""

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
