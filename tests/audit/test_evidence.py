"""Evidence: all items count, in cells that do not grow with them."""

import numpy as np
import pytest

from hangtag.audit.evidence import EvidenceTable
from tests.audit.made_items import EQUAL, draw, gather, say


def test_every_item_counts_and_probabilities_are_kept_in_sum() -> None:
    probabilities = say(draw([0.4, 0.3, 0.2, 0.1], 500))
    found = gather(probabilities)
    assert found.n == 500
    assert found.counts @ found.probabilities == pytest.approx(probabilities.sum(axis=0))


def test_groups_and_strange_items_are_apart() -> None:
    table = EvidenceTable(EQUAL)
    probabilities = say(draw([0.25] * 4, 60))
    groups, strange = np.arange(60) % 3, np.arange(60) % 2 == 0
    for start in range(0, 60, 7):
        part = slice(start, start + 7)
        table.add(groups[part], probabilities[part], strange[part])
    found = table.by_group()
    assert {group: one.n for group, one in found.items()} == {0: 20, 1: 20, 2: 20}
    assert found[0].counts[found[0].strange].sum() == 10


def test_cells_do_not_grow_with_items() -> None:
    cells = [len(gather(say(draw([0.25] * 4, n))).counts) for n in (10_000, 100_000)]
    assert cells[1] <= 4 * 3 * 13 * 2
    assert cells[1] < 2 * cells[0]
