"""The brand dictionary: for each word of each brand what it means and what to do with it."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from hangtag.audit.dictionary import Posterior, find_posterior, find_prior
from hangtag.audit.evidence import Evidence, EvidenceTable
from hangtag.audit.groups import Groups
from hangtag.audit.proposals import Proposal, propose
from hangtag.audit.text import TextReader, TextView
from hangtag.modelfolder import ModelClass
from hangtag.taxonomy import category_of

OUTSIDE_NAME, OUTSIDE_ID = "no apparel", "outside"


@dataclass(frozen=True, slots=True)
class CategoryNames:
    """Names and ids of the categories: the classes of a model and, last, what is none of them.

    Attributes:
        names: What people read, K + 1.
        ids: Ids of the taxonomy, the class's name where it has none, K + 1.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Entry:
    """What a word of a brand means.

    Attributes:
        supplier: The brand.
        label: The word.
        items: Items under it.
        posterior: What they are.
        text: What the word itself says.
        proposal: What to do with it.
    """

    supplier: str
    label: str
    items: int
    posterior: Posterior
    text: TextView
    proposal: Proposal


def name_categories(classes: Sequence[ModelClass]) -> CategoryNames:
    """Returns the names and ids of the categories of a model."""
    ids = []
    for one in classes:
        known = category_of(one.name)
        ids.append(one.category or (known.id if known else one.name))
    return CategoryNames(
        names=(*(one.name for one in classes), OUTSIDE_NAME), ids=(*ids, OUTSIDE_ID)
    )


def build_dictionary(groups: Groups, evidence: EvidenceTable, reader: TextReader) -> list[Entry]:
    """Finds what each word means and what to do with it, by the number of its group."""
    seen = evidence.by_group()
    entries: list[Entry | None] = [None] * len(groups.all)
    for numbers in groups.by_supplier().values():
        views = reader.read([groups.all[number].label for number in numbers])
        for number, view in zip(numbers, views, strict=True):
            group = groups.all[number]
            found = seen.get(number) or _see_nothing(len(view.vector) - 1)
            posterior = find_posterior(found, find_prior(view.vector))
            proposal = propose(posterior, view)
            entries[number] = Entry(
                group.supplier, group.label, group.items, posterior, view, proposal
            )
    return [entry for entry in entries if entry is not None]


def _see_nothing(classes: int) -> Evidence:
    return Evidence(np.zeros(0), np.zeros(0, dtype=np.bool_), np.zeros((0, classes)))
