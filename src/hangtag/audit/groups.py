"""The words of the brands, numbered as they are met."""

from dataclasses import dataclass

from hangtag.audit.feed import fold_label

NO_GROUP = -1
"""The number of an item without a label."""


@dataclass(slots=True)
class Group:
    """A word of a brand.

    Attributes:
        supplier: The brand.
        label: The word, as it was met first.
        items: How many items are under it, those without a readable image too.
    """

    supplier: str
    label: str
    items: int = 0


class Groups:
    """All words of all brands; memory grows with their number, not with that of the items.

    Attributes:
        all: By number.
        unlabelled: Items without a label.
    """

    def __init__(self) -> None:
        self.all: list[Group] = []
        self.unlabelled = 0
        self._numbers: dict[tuple[str, str], int] = {}

    def count(self, supplier: str, label: str) -> int:
        """Counts an item; returns the number of its group, `NO_GROUP` without a label."""
        if not label:
            self.unlabelled += 1
            return NO_GROUP
        number = self._numbers.setdefault((supplier, fold_label(label)), len(self.all))
        if number == len(self.all):
            self.all.append(Group(supplier, label))
        self.all[number].items += 1
        return number

    def by_supplier(self) -> dict[str, list[int]]:
        """Returns the numbers of each brand's groups."""
        found: dict[str, list[int]] = {}
        for number, group in enumerate(self.all):
            found.setdefault(group.supplier, []).append(number)
        return found
