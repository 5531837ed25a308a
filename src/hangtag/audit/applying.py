"""Applies approved rules to a feed: every row gets a category, or the word that a person must look.

Adds the columns ``category``, ``category_id``, ``category_by`` and ``google_id``. Applied
again to its own output it changes nothing.
"""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hangtag.audit.feed import Feed, fold_label
from hangtag.audit.item_table import State, StoredItem, read_item_table
from hangtag.audit.proposals import Action
from hangtag.audit.rules import Rule
from hangtag.errors import DataError, OutputError
from hangtag.progress import OnProgress
from hangtag.tables.columns import ColumnKind
from hangtag.tables.writing import open_table
from hangtag.taxonomy import Tree, shipped_tree

ADDED: dict[str, ColumnKind] = {
    "category": "text",
    "category_id": "text",
    "category_by": "text",
    "google_id": "text",
}
"""The columns that are added."""

_TICK_ROWS = 1000


@dataclass(frozen=True, slots=True)
class Applied:
    """What applying rules did.

    Attributes:
        counts: How many rows got their category by what.
        outdated: How many items the audit judged by another meaning than their rule has.
        unmet: Approved rules for words that the feed does not have.
    """

    counts: Mapping[str, int]
    outdated: int
    unmet: Sequence[Rule]


@dataclass(frozen=True, slots=True)
class _Answer:
    """The cells that are added to a row."""

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
) -> Applied:
    """Writes the rows of a feed with the categories that approved rules give them.

    ``category_by`` is ``rule`` (a map or outside), ``image`` (a split, the category by the image),
    ``correction`` (the label is wrong, corrected without a person), ``review`` (a person must look)
    or ``no rule``.

    Args:
        rules: Those that are not approved do not count.
        feed: The rows.
        out: The table to write, CSV or Parquet by its suffix.
        tree: Where the categories are from; Shopify's by default.
        items: What an audit of this feed found of its items, which must all be there, in the order
            of that time; without it words that are split go to review, and issues are not known.
            What was judged by another meaning than the rule has counts for nothing.
        on_progress: Called as rows are done.

    Raises:
        DataError: No rule is approved or for a word of the feed, a row cannot be read, an item
            that was audited is gone, or the feed has columns of its own with the names of `ADDED`.
        OutputError: The table cannot be written, or is the feed itself.
    """
    approved = {rule.key: rule for rule in rules if rule.approved}
    if not approved:
        raise DataError(
            f"none of the {len(rules)} rules is approved; write yes into the column 'approved' of "
            "those that are right"
        )
    _require_room(feed, out)
    columns = {name: kind for name, kind in feed.columns.items() if name not in ADDED}
    counts: Counter[str] = Counter()
    unmet, outdated = dict(approved), 0
    stored = _Follower(iter(()) if items is None else read_item_table(items))
    google = {one.id: one.google_id for one in tree or shipped_tree()}
    with open_table(out, {**columns, **ADDED}) as write:
        for done, row in enumerate(feed.read_rows(), 1):
            key = row.supplier, fold_label(row.label)
            rule = approved.get(key)
            unmet.pop(key, None)
            item = stored.find(row.id, row.supplier)
            if rule is not None and item is not None and item.judged_as != rule.meaning:
                item, outdated = None, outdated + 1
            answer = _answer(rule, item)
            counts[answer.by] += 1
            added = answer.category, answer.id, answer.by, google.get(answer.id or "")
            write([*(row.cells[name] for name in columns), *added])
            if on_progress and done % _TICK_ROWS == 0:
                on_progress(done, None)
        stored.require_end()
        if len(unmet) == len(approved):
            raise DataError(_explain_strangers(approved.values(), feed))
    return Applied(dict(counts), outdated, list(unmet.values()))


def _require_room(feed: Feed, out: Path) -> None:
    """Refuses to replace the feed, or a column of its own; one of an earlier output may be."""
    if out.exists() and out.samefile(feed.path):
        raise OutputError(f"{out} is the feed itself; write to another file")
    if "category_by" in feed.columns:
        return
    taken = [name for name in feed.columns if name.casefold() in ADDED]
    if taken:
        raise DataError(
            f"{feed.path} has a column '{taken[0]}' of its own, the name of one that is added; "
            "give it another name"
        )


def _explain_strangers(rules: Collection[Rule], feed: Feed) -> str:
    first = next(iter(rules))
    return (
        f"none of the {len(rules):,} approved rules is for a word of {feed.path}; the first is for "
        f"'{first.label}' of {first.supplier}: give the rules of an audit of this feed"
    )


def _answer(rule: Rule | None, item: StoredItem | None) -> _Answer:
    if rule is None or rule.action is Action.ASK:
        return _Answer()
    if item is not None and item.state is State.ISSUE:
        return _Answer(by="review")
    if item is not None and item.state is State.CORRECTION:
        return _Answer(item.category, item.category_id, "correction")
    if rule.action is Action.OUTSIDE:
        return _Answer(None, None, "rule: no apparel")
    if rule.action is Action.MAP:
        return _Answer(rule.categories[0], rule.ids[0], "rule")
    if item is None or item.state is not State.SURE or item.category_id not in rule.ids:
        return _Answer(by="review")
    return _Answer(item.category, item.category_id, "image")


class _Follower:
    """Finds stored items in the order of the feed, one step ahead at most."""

    def __init__(self, items: Iterator[StoredItem]) -> None:
        self._items = items
        self._next = next(items, None)

    def find(self, identifier: str, supplier: str) -> StoredItem | None:
        """Returns the item, None where the audit has none of that name here."""
        found = self._next
        if found is None or (found.id, found.supplier) != (identifier, supplier):
            return None
        self._next = next(self._items, None)
        return found

    def require_end(self) -> None:
        """Raises DataError when an item was not found: what was known of the rest would be lost."""
        if self._next is not None:
            raise DataError(
                f"the audit saw an item {self._next.id!r} of {self._next.supplier!r} that the feed "
                "has no more, or has in another place; audit this feed first, or leave out --audit"
            )
