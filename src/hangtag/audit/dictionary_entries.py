"""The brand dictionary: for each word of each brand what it means and what to do with it."""

from dataclasses import dataclass, replace

import numpy as np

from hangtag.audit.categories import Categories
from hangtag.audit.dictionary import Posterior, find_posterior, find_prior
from hangtag.audit.evidence import Evidence, EvidenceTable
from hangtag.audit.groups import Groups
from hangtag.audit.proposals import TEXT_SURE, Action, Proposal, propose
from hangtag.audit.rules import Rule
from hangtag.audit.text_reading import TaxonomyReader, TextView


@dataclass(frozen=True, slots=True)
class Entry:
    """What a word of a brand means.

    Attributes:
        supplier: The brand.
        label: The word.
        items: Items under it.
        posterior: What they are.
        text: What the word itself says.
        proposal: What to do with it, as images and text have it.
        meaning: What its items are judged by: what a person approved, else the proposal.
        lacking: Whether it names a category that the model has no class for.
        finer: Id of the category below that of the class, where the text names one and the images
            agree with it; empty elsewhere.
        approved: The rule that a person approved before, None where there is none.
    """

    supplier: str
    label: str
    items: int
    posterior: Posterior
    text: TextView
    proposal: Proposal
    meaning: Proposal
    lacking: bool
    finer: str = ""
    approved: Rule | None = None


def build_dictionary(
    groups: Groups, evidence: EvidenceTable, categories: Categories
) -> list[Entry]:
    """Finds what each word means and what to do with it, by the number of its group."""
    seen, reader = evidence.by_group(), TaxonomyReader(categories)
    entries: list[Entry | None] = [None] * len(groups.all)
    for supplier, numbers in groups.by_supplier().items():
        labels = [groups.all[number].label for number in numbers]
        views = reader.read(labels, supplier=supplier)
        for number, view in zip(numbers, views, strict=True):
            group = groups.all[number]
            found = seen.get(number) or _see_nothing(len(view.vector) - 1)
            posterior = find_posterior(found, find_prior(view.vector))
            proposal = _unite(propose(posterior, view), categories)
            finer = _find_finer(proposal, view, categories)
            if finer:
                reason = f"the word says so; the images show {categories.names[proposal.cover[0]]}"
                proposal = replace(proposal, reason=reason)
            entries[number] = Entry(
                supplier=group.supplier,
                label=group.label,
                items=group.items,
                posterior=posterior,
                text=view,
                proposal=proposal,
                meaning=proposal,
                lacking=view.foreign >= TEXT_SURE,
                finer=finer,
            )
    return [entry for entry in entries if entry is not None]


def _unite(proposal: Proposal, categories: Categories) -> Proposal:
    """Maps a word that is split among classes which a tree has one category for."""
    ids = {categories.ids[index] for index in proposal.cover}
    if proposal.action is not Action.SPLIT or len(ids) > 1:
        return proposal
    return Proposal(Action.MAP, proposal.cover, "images agree")


def _find_finer(proposal: Proposal, text: TextView, categories: Categories) -> str:
    """Returns the category that the text names below that of the images: chinos, not pants."""
    if proposal.action is not Action.MAP or text.score < TEXT_SURE:
        return ""
    return text.category if categories.is_finer(text.category, proposal.cover[0]) else ""


def _see_nothing(classes: int) -> Evidence:
    taken = np.full(classes, 1 / classes)
    return Evidence(np.zeros(0), np.zeros(0, dtype=np.bool_), np.zeros((0, classes)), taken)
