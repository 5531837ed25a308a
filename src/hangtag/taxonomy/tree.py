"""Trees of categories: the one that ships with Hangtag, and those of users.

A tree file is a CSV with a header and a row a category: `id`, `name` and `parent` (or `parent_id`;
empty for a top). Other columns are ignored, but `google_id` is kept. The shipped file is the
vertical Apparel & Accessories of Shopify's Standard Product Taxonomy, release 2026-11
(github.com/Shopify/product-taxonomy, MIT licence, in the file beside it).
"""

import csv
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.resources import files
from pathlib import Path

from hangtag.errors import DataError
from hangtag.files.paths import list_some

RELEASE = "2026-11"
"""The release of Shopify's taxonomy that ships."""

_SEPARATORS = ",;\t"


@dataclass(frozen=True, slots=True)
class Category:
    """A canonical category.

    Attributes:
        id: Stable identifier, such as ``aa-1-13-8``.
        name: For people, such as ``T-Shirts``.
        parent: Id of the category above, None for a top.
        google_id: Id in Google's product taxonomy of 2021-09-21; None where the file tells none.
    """

    id: str
    name: str
    parent: str | None
    google_id: str | None = None


MAX_LEVELS = 100
"""Levels of a tree; those that people make have fewer than ten."""


class Tree:
    """Categories by id, each with one parent or none.

    Args:
        categories: In the order in which they are to be shown.
        source: Where they come from, for messages.

    Raises:
        DataError: An id comes twice, a parent is missing, a category is above itself, or there
            are more than `MAX_LEVELS` levels.
    """

    def __init__(self, categories: Iterable[Category], *, source: str) -> None:
        self.source = source
        self._by_id: dict[str, Category] = {}
        for category in categories:
            if category.id in self._by_id:
                raise DataError(f"{source}: the id {category.id} comes twice; keep one of the rows")
            self._by_id[category.id] = category
        if not self._by_id:
            raise DataError(f"{source}: there is no category in it; add a row for each")
        self._paths: dict[str, tuple[str, ...]] = {}
        for identifier in self._by_id:
            self._paths[identifier] = self._climb(identifier)

    def _climb(self, identifier: str) -> tuple[str, ...]:
        """Returns the ids from the top down to `identifier`."""
        path = [identifier]
        while (parent := self._by_id[path[-1]].parent) is not None:
            if parent not in self._by_id:
                raise DataError(
                    f"{self.source}: the parent {parent} of {path[-1]} is not in the file; "
                    "add a row for it or leave the parent empty"
                )
            if parent in path:
                raise DataError(
                    f"{self.source}: {parent} is above itself; leave the parent of a top empty"
                )
            path.append(parent)
            if len(path) > MAX_LEVELS:
                raise DataError(
                    f"{self.source}: {identifier} has more than {MAX_LEVELS} levels above it; is "
                    "the column of the parents right?"
                )
        return tuple(reversed(path))

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._by_id

    def __getitem__(self, identifier: str) -> Category:
        return self._by_id[identifier]

    def __iter__(self) -> Iterator[Category]:
        return iter(self._by_id.values())

    def __len__(self) -> int:
        return len(self._by_id)

    @cached_property
    def tops(self) -> tuple[str, ...]:
        """Ids of the categories without a parent."""
        return tuple(category.id for category in self if category.parent is None)

    @cached_property
    def _children(self) -> Mapping[str, tuple[str, ...]]:
        found: dict[str, list[str]] = {identifier: [] for identifier in self._by_id}
        for category in self:
            if category.parent is not None:
                found[category.parent].append(category.id)
        return {identifier: tuple(below) for identifier, below in found.items()}

    def children(self, identifier: str) -> tuple[str, ...]:
        """Returns the ids right below a category, in the order of the file."""
        return self._children[identifier]

    def descend(self, tops: Iterable[str], depth: int | None = None) -> Iterator[str]:
        """Yields the ids of categories and of what is below them, each before its children.

        Args:
            tops: Where to start.
            depth: Levels below `tops`; all by default.
        """
        for identifier in tops:
            yield identifier
            if depth is None or depth > 0:
                below = None if depth is None else depth - 1
                yield from self.descend(self.children(identifier), below)

    def path(self, identifier: str) -> tuple[str, ...]:
        """Returns the ids from the top down to a category, itself included."""
        return self._paths[identifier]

    def full_name(self, identifier: str) -> str:
        """Returns the names from the top down, such as ``Clothing > Dresses``."""
        return " > ".join(self._by_id[step].name for step in self.path(identifier))

    def distinct_name(self, identifier: str) -> str:
        """Returns the name of a category, and as many above it as tell it from others.

        Of *Shirts*, which are below *Maternity Tops* too, it is ``Clothing Tops > Shirts``.
        """
        return next(
            (name for name in self.names_of(identifier) if self._counts[name] == 1),
            self.full_name(identifier),
        )

    def names_of(self, identifier: str) -> list[str]:
        """Returns the name of a category alone, with the one above it, and so on to the top."""
        names = [self._by_id[step].name for step in self.path(identifier)]
        return [" > ".join(names[-count:]) for count in range(1, len(names) + 1)]

    @cached_property
    def _counts(self) -> Counter[str]:
        return Counter(name for category in self for name in self.names_of(category.id))

    @property
    def depth(self) -> int:
        """Levels from the tops down to the deepest category."""
        return max(map(len, self._paths.values()))

    @property
    def sha256(self) -> str:
        """Hash of the ids, names and parents, in their order."""
        rows = [(category.id, category.name, category.parent) for category in self]
        return hashlib.sha256(repr(rows).encode()).hexdigest()

    def is_within(self, identifier: str, branch: str) -> bool:
        """Returns whether a category is `branch` or lies below it."""
        return branch in self._paths[identifier]

    def common_ancestor(self, identifiers: Iterable[str]) -> str | None:
        """Returns the deepest category that is or contains all; None where there is none."""
        shared: str | None = None
        for level in zip(*(self._paths[identifier] for identifier in identifiers), strict=False):
            if len(set(level)) > 1:
                break
            shared = level[0]
        return shared


@cache
def shipped_tree() -> Tree:
    """Returns the tree that ships with Hangtag."""
    return load_tree(Path(str(files("hangtag.taxonomy") / "data" / "shopify_apparel.csv")))


def load_tree(path: Path) -> Tree:
    """Reads a tree file.

    Raises:
        DataError: The file cannot be read, lacks a column, or is no tree.
    """
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:
            first = stream.readline()
            stream.seek(0)
            separator = max(_SEPARATORS, key=first.count)
            rows = csv.DictReader(stream, delimiter=separator)
            return Tree(_read_rows(rows, path.name), source=path.name)
    except (OSError, UnicodeError, csv.Error) as error:
        reason = getattr(error, "strerror", None) or error
        raise DataError(f"{path} cannot be read as a CSV file in UTF-8: {reason}") from error


def _read_rows(rows: "csv.DictReader[str]", source: str) -> Iterator[Category]:
    columns = {name.strip().casefold(): name for name in rows.fieldnames or ()}
    parent = columns.get("parent", columns.get("parent_id"))
    if parent is None or not {"id", "name"} <= columns.keys():
        found = list_some(list(columns)) or "none"
        raise DataError(
            f"{source}: a tree needs the columns id, name and parent; found: {found}; rename them"
        )
    google = columns.get("google_id")
    for row in rows:
        identifier = (row[columns["id"]] or "").strip()
        name = (row[columns["name"]] or "").strip()
        if not identifier or not name:
            lacking = "name" if identifier else "id"
            raise DataError(f"{source}: line {rows.line_num} has no {lacking}; fill it in")
        above = (row[parent] or "").strip() or None
        number = (row[google] or "").strip() or None if google else None
        yield Category(identifier, name, above, number)
