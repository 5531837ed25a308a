"""The tables of an audit.

issues.csv, issues.parquet   label issues, the worst first, then other duplicates
dictionary.csv               one row a label of a supplier: what it means and what to do
distributions.csv            the same, one row a category, with intervals
rules.csv                    to be approved; `hangtag audit apply` applies it
brands.csv, noise.csv        error rates and noise matrices
broken.csv                   items whose image cannot be read, where there are any
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import astuple
from pathlib import Path

from hangtag.audit.feed import FeedItem
from hangtag.audit.noise import BRANDS, DISTRIBUTIONS
from hangtag.audit.result import AuditResult
from hangtag.audit.rules import RULES, SEPARATOR, write_rules
from hangtag.datasets import BROKEN
from hangtag.pipeline.rows import DIGITS
from hangtag.tables.columns import Cell, ColumnKind
from hangtag.tables.writing import WriteRow, open_table, write_table

ISSUES = ("issues.csv", "issues.parquet")
DICTIONARY, NOISE = "dictionary.csv", "noise.csv"

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
    "duplicate_of": "text",
    "duplicate": "text",
}
DICTIONARY_COLUMNS: dict[str, ColumnKind] = {
    "supplier": "text",
    "label": "text",
    "items": "integer",
    "proposal": "text",
    "categories": "text",
    "ids": "text",
    "fraction": "number",
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
DISTRIBUTION_COLUMNS: dict[str, ColumnKind] = {
    "supplier": "text",
    "label": "text",
    "category": "text",
    "id": "text",
    "fraction": "number",
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
    "fraction": "number",
    "low": "number",
    "high": "number",
    "items": "integer",
}

BROKEN_COLUMNS: dict[str, ColumnKind] = dict.fromkeys(
    ("id", "supplier", "label", "image", "reason"), "text"
)

Row = Sequence[Cell]


@contextmanager
def open_broken(folder: Path | None) -> Iterator[Callable[[FeedItem], None]]:
    """Opens ``broken.csv`` in a folder for items whose image cannot be read.

    The table appears where there are such items. Without a folder they are dropped.

    Raises:
        OutputError: It cannot be written.
    """
    if folder is None:
        yield lambda item: None
        return
    with ExitStack() as stack:
        write: WriteRow | None = None

        def write_item(item: FeedItem) -> None:
            nonlocal write
            if write is None:
                write = stack.enter_context(open_table(folder / BROKEN, BROKEN_COLUMNS))
            write((item.id, item.supplier, item.label, item.image, item.error))

        yield write_item


def write_tables(result: AuditResult, folder: Path) -> None:
    """Writes all tables of an audit into `folder`; approved rules stay as they are.

    Raises:
        OutputError: A table cannot be written.
    """
    issues = result.issues
    for name in ISSUES:
        write_table(folder / name, ISSUE_COLUMNS, map(astuple, issues))
    write_table(folder / DICTIONARY, DICTIONARY_COLUMNS, map(astuple, result.dictionary))
    write_table(folder / DISTRIBUTIONS, DISTRIBUTION_COLUMNS, _distribution_rows(result))
    write_table(folder / BRANDS, BRAND_COLUMNS, _brand_rows(result))
    write_table(folder / NOISE, NOISE_COLUMNS, _noise_rows(result))
    write_rules(folder / RULES, result.rules)


def _distribution_rows(result: AuditResult) -> Iterator[Row]:
    for entry in result.entries:
        for index, name in enumerate(result.categories.names):
            yield (
                entry.supplier,
                entry.label,
                name,
                result.categories.ids[index],
                round(float(entry.posterior.fractions[index]), DIGITS),
                round(float(entry.posterior.low[index]), DIGITS),
                round(float(entry.posterior.high[index]), DIGITS),
                entry.posterior.n,
            )


def _brand_rows(result: AuditResult) -> Iterator[Row]:
    for brand in result.noise:
        yield (
            brand.supplier,
            brand.items,
            round(brand.error_rate.fraction, DIGITS),
            round(brand.error_rate.low, DIGITS),
            round(brand.error_rate.high, DIGITS),
            brand.comparison,
            round(brand.p_value, DIGITS),
            result.model,
        )


def _noise_rows(result: AuditResult) -> Iterator[Row]:
    names = result.categories.names
    for brand in result.noise:
        for row in brand.rows:
            given = SEPARATOR.join(names[index] for index in row.categories)
            for index, name in enumerate(names):
                yield (
                    brand.supplier,
                    given,
                    name,
                    round(float(row.truth.fractions[index]), DIGITS),
                    round(float(row.truth.low[index]), DIGITS),
                    round(float(row.truth.high[index]), DIGITS),
                    row.items,
                )
