"""Applying rules: every row of a feed gets its category, or is left for a person.

Adds the columns ``category``, ``category_id``, ``category_by`` and ``google_id``. Applied to its
own output it changes nothing. What an audit found about single items comes from its
``items.parquet``, in the order of the feed.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from hangtag.audit.feed import Feed
from hangtag.audit.rules import Action, Rule
from hangtag.errors import DataError, OutputError
from hangtag.progress import OnProgress
from hangtag.tables.columns import ColumnKind
from hangtag.tables.writing import open_table
from hangtag.taxonomy import Tree, shipped_tree
from hangtag.taxonomy.spelling import fold_label

ITEMS = "items.parquet"
ITEM_COLUMNS: dict[str, ColumnKind] = {
    "id": "text",
    "supplier": "text",
    "label": "text",
    "category": "text",
    "category_id": "text",
    "score": "number",
    "status": "text",
    "meaning": "text",
}
"""Columns of ``items.parquet``, one row an item with a label and a readable image: its most
probable category given the label, the probability that the label is wrong, its status, and the ids
of the categories that the label meant in the audit."""

ADDED_COLUMNS: dict[str, ColumnKind] = dict.fromkeys(
    ("category", "category_id", "category_by", "google_id"), "text"
)

_PROGRESS_ROWS = 1000


class ItemStatus(StrEnum):
    """What the audit says about an item."""

    OK = "ok"
    """The image does not contradict the label."""
    ACCEPTED = "accepted"
    """Nor is there doubt which of the label's categories it is: the model's precision holds."""
    ISSUE = "issue"
    """The image contradicts the label."""
    CORRECTION = "correction"
    """It does so with enough confidence to correct the label automatically."""


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A row of ``items.parquet``; the fields are its columns of the same names."""

    id: str
    supplier: str
    category: str
    category_id: str
    status: ItemStatus
    meaning: str


def read_items(path: Path) -> Iterator[ItemRow]:
    """Yields the rows of ``items.parquet`` in order.

    Raises:
        DataError: The file is missing, or is not such a table.
    """
    import pyarrow as pa
    from pyarrow import parquet

    if not path.is_file():
        raise DataError(
            f"{path.parent} holds no audit: {path.name} is missing; pass the --out folder of "
            "hangtag audit"
        )
    try:
        with parquet.ParquetFile(path) as file:
            for batch in file.iter_batches(columns=list(ITEM_COLUMNS), use_threads=False):
                for row in batch.to_pylist():
                    yield ItemRow(
                        row["id"],
                        row["supplier"],
                        row["category"],
                        row["category_id"],
                        ItemStatus(row["status"]),
                        row["meaning"],
                    )
    except (OSError, ValueError, KeyError, pa.ArrowException) as error:
        reason = " ".join(str(error).split())
        raise DataError(
            f"{path} is not what hangtag audit writes: {reason[:120]}; audit the feed again"
        ) from error


@dataclass(frozen=True, slots=True)
class AppliedRules:
    """What applying rules did.

    Attributes:
        counts: ``category_by`` -> number of rows.
        outdated: Items whose label had another meaning in the audit than its rule has now.
        unused: Approved rules for labels that the feed does not have.
    """

    counts: Mapping[str, int]
    outdated: int
    unused: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class _Assignment:
    """The category of a row, and what assigned it."""

    category: str | None = None
    id: str | None = None
    by: str = "no rule"


def apply_rules(
    rules: Sequence[Rule],
    feed: Feed,
    out: Path,
    *,
    tree: Tree | None = None,
    items: Path | None = None,
    on_progress: OnProgress | None = None,
) -> AppliedRules:
    """Writes the rows of a feed with the categories that approved rules give them.

    ``category_by`` is ``rule`` (map), ``rule: no apparel`` (outside), ``image`` (a split, by the
    image), ``correction`` (the label was wrong and is corrected automatically), ``review`` (a
    person must look) or ``no rule``.

    Args:
        rules: Only approved ones count.
        feed: The rows.
        out: The table to write, CSV or Parquet by its suffix.
        tree: Where the categories are from; Shopify's by default.
        items: ``items.parquet`` of an audit of this feed, whose items must all be there in the same
            order. Without it, split labels go to review and label issues are unknown. An item
            whose label had another meaning in the audit than its rule has now does not count.
        on_progress: Called with the rows done.

    Raises:
        DataError: No rule is approved or matches a label of the feed, a row cannot be read, an
            audited item is gone, or the feed has a column named as one of `ADDED_COLUMNS`.
        OutputError: The table cannot be written, or is the feed itself.
    """
    approved = {rule.key: rule for rule in rules if rule.approved}
    if not approved:
        raise DataError(
            f"none of the {len(rules)} rules is approved; write yes into the column 'approved' of "
            "those that are right"
        )
    _check_output(feed, out)
    columns = {name: kind for name, kind in feed.columns.items() if name not in ADDED_COLUMNS}
    counts: Counter[str] = Counter()
    unused, outdated = dict(approved), 0
    audited = _AuditedItems(iter(()) if items is None else read_items(items))
    google_ids = {category.id: category.google_id for category in tree or shipped_tree()}
    with open_table(out, {**columns, **ADDED_COLUMNS}) as write:
        for done, row in enumerate(feed.read_rows(), 1):
            key = row.supplier, fold_label(row.label)
            rule = approved.get(key)
            unused.pop(key, None)
            item = audited.find(row.id, row.supplier)
            if rule is not None and item is not None and item.meaning != rule.meaning:
                item, outdated = None, outdated + 1
            assigned = _assign(rule, item)
            counts[assigned.by] += 1
            google_id = google_ids.get(assigned.id or "")
            added = assigned.category, assigned.id, assigned.by, google_id
            write([*(row.cells[name] for name in columns), *added])
            if on_progress and done % _PROGRESS_ROWS == 0:
                on_progress(done, None)
        audited.require_end()
        if len(unused) == len(approved):
            raise DataError(_explain_unused(approved.values(), feed))
    return AppliedRules(dict(counts), outdated, list(unused.values()))


def _check_output(feed: Feed, out: Path) -> None:
    """Refuses to overwrite the feed or its own columns; columns of an earlier output are fine."""
    if out.exists() and out.samefile(feed.path):
        raise OutputError(f"{out} is the feed itself; write to another file")
    if "category_by" in feed.columns:
        return
    clashing = [name for name in feed.columns if name.casefold() in ADDED_COLUMNS]
    if clashing:
        raise DataError(
            f"{feed.path} already has a column '{clashing[0]}', which would be added; rename it"
        )


def _explain_unused(rules: Collection[Rule], feed: Feed) -> str:
    first = next(iter(rules))
    return (
        f"none of the {len(rules):,} approved rules matches a label of {feed.path}; the first is "
        f"for '{first.label}' of {first.supplier}: pass the rules of an audit of this feed"
    )


def _assign(rule: Rule | None, item: ItemRow | None) -> _Assignment:
    if rule is None or rule.action is Action.ASK:
        return _Assignment()
    if item is not None and item.status is ItemStatus.ISSUE:
        return _Assignment(by="review")
    if item is not None and item.status is ItemStatus.CORRECTION:
        return _Assignment(item.category, item.category_id, "correction")
    if rule.action is Action.OUTSIDE:
        return _Assignment(by="rule: no apparel")
    if rule.action is Action.MAP:
        return _Assignment(rule.categories[0], rule.ids[0], "rule")
    is_accepted = item is not None and item.status is ItemStatus.ACCEPTED
    if item is None or not is_accepted or item.category_id not in rule.ids:
        return _Assignment(by="review")
    return _Assignment(item.category, item.category_id, "image")


class _AuditedItems:
    """Finds audited items in the order of the feed, reading one ahead."""

    def __init__(self, items: Iterator[ItemRow]) -> None:
        self._items = items
        self._next = next(items, None)

    def find(self, identifier: str, supplier: str) -> ItemRow | None:
        """Returns the item, None where it is not the next one of the audit."""
        item = self._next
        if item is None or (item.id, item.supplier) != (identifier, supplier):
            return None
        self._next = next(self._items, None)
        return item

    def require_end(self) -> None:
        """Raises DataError where an audited item was not found: the rest would be ignored."""
        if self._next is not None:
            raise DataError(
                f"the audit has an item {self._next.id!r} of {self._next.supplier!r} that the feed "
                "lacks or has in another place; audit this feed first, or leave out --audit"
            )
