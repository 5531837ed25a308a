"""The brand dictionary: what each label of each supplier means, and what to do with it."""

from collections.abc import Iterable
from dataclasses import dataclass, replace

import numpy as np

from hangtag.audit.categories import (
    OUTSIDE_ID,
    OUTSIDE_NAME,
    Categories,
    LabelTextReader,
    TextMeaning,
)
from hangtag.audit.posterior import (
    Evidence,
    EvidenceTable,
    Posterior,
    compute_prior,
    estimate_posterior,
)
from hangtag.audit.rules import SEPARATOR, Action, Rule
from hangtag.audit.scan import LabelGroups

MIN_FRACTION, MIN_FRACTION_LOW = 0.10, 0.06
"""A label includes a category with at least this fraction, and this lower end of its interval: less
is an error of the supplier or of the model."""

EXPLAINED = 0.8
"""Fraction of the items that the included categories must reach together; below it a person decides
what the label means."""

MAP_LOW = 0.6
"""Smallest lower end of the interval of the one category that a label is mapped to."""

OUTSIDE_LOW = 0.5
"""Smallest lower end of the interval from which a label is no apparel."""

SPLIT_ITEMS = 10
"""Items from which a label is split: of fewer, two categories may be one that is hard to tell."""

TEXT_WITHOUT_CLASS = 0.3
"""Probability of a category without a class from which the reason of a rule mentions it."""

TEXT_CONFIDENT, TEXT_UNLIKELY = 0.6, 0.2
"""Probability from which the text of a label counts against the images, and the fraction of the
largest probability below which the text does not mean a category."""


@dataclass(frozen=True, slots=True)
class Proposal:
    """What to do with a label.

    Attributes:
        action: To be approved by a person.
        categories: Indices of the categories that the label includes, the largest first.
        reason: Why, for people.
    """

    action: Action
    categories: tuple[int, ...]
    reason: str


@dataclass(frozen=True, slots=True)
class DictionaryEntry:
    """What a label of a supplier means.

    Attributes:
        supplier: Who wrote the label.
        label: The label.
        items: Items with it.
        posterior: The mixture of their categories.
        text: What the text of the label says.
        proposal: What to do with it, by images and text.
        meaning: What its items are judged by: the approved rule, else the proposal.
        lacks_class: Whether it means a category that the model has no class for.
        finer_id: Id of a category below the class, where the text names one and the images agree;
            empty elsewhere.
        approved: The rule that a person approved, None without one.
    """

    supplier: str
    label: str
    items: int
    posterior: Posterior
    text: TextMeaning
    proposal: Proposal
    meaning: Proposal
    lacks_class: bool
    finer_id: str = ""
    approved: Rule | None = None


def build_dictionary(
    groups: LabelGroups, evidence: EvidenceTable, categories: Categories
) -> list[DictionaryEntry]:
    """Returns the meaning of each label, indexed by label group."""
    by_group, reader = evidence.by_group(), LabelTextReader(categories)
    entries: dict[int, DictionaryEntry] = {}
    for supplier, numbers in groups.by_supplier().items():
        labels = [groups.all[number].label for number in numbers]
        for number, text in zip(numbers, reader.read(labels, supplier=supplier), strict=True):
            seen = by_group.get(number) or _no_evidence(len(text.probabilities) - 1)
            posterior = estimate_posterior(seen, compute_prior(text.probabilities))
            proposal = _merge_split(propose(posterior, text), categories)
            finer_id = _find_finer(proposal, text, categories)
            if finer_id:
                shown = categories.names[proposal.categories[0]]
                proposal = replace(proposal, reason=f"the label says so; the images show {shown}")
            entries[number] = DictionaryEntry(
                supplier=supplier,
                label=groups.all[number].label,
                items=groups.all[number].items,
                posterior=posterior,
                text=text,
                proposal=proposal,
                meaning=proposal,
                lacks_class=text.without_class >= TEXT_CONFIDENT,
                finer_id=finer_id,
            )
    return [entries[number] for number in range(len(groups.all))]


def _no_evidence(classes: int) -> Evidence:
    prior = np.full(classes, 1 / classes)
    return Evidence(np.zeros(0), np.zeros(0, dtype=np.bool_), np.zeros((0, classes)), prior)


def _merge_split(proposal: Proposal, categories: Categories) -> Proposal:
    """Maps a label that is split among classes which are one category of the tree."""
    ids = {categories.ids[index] for index in proposal.categories}
    if proposal.action is not Action.SPLIT or len(ids) > 1:
        return proposal
    return Proposal(Action.MAP, proposal.categories, "images agree")


def _find_finer(proposal: Proposal, text: TextMeaning, categories: Categories) -> str:
    """Returns the category that the text names below that of the images: chinos, not pants."""
    if proposal.action is not Action.MAP or text.score < TEXT_CONFIDENT:
        return ""
    return text.category if categories.is_finer(text.category, proposal.categories[0]) else ""


def propose(posterior: Posterior, text: TextMeaning) -> Proposal:
    """Proposes what to do with a label, from its images and its text."""
    included = find_label_categories(posterior)
    outside = len(posterior.fractions) - 1
    if text.vague:
        return Proposal(Action.ASK, (), "the label names no goods")
    if text.without_class >= TEXT_CONFIDENT:
        return Proposal(Action.ASK, included, f"the model has no class for {text.best}")
    if not included or posterior.fractions[list(included)].sum() < EXPLAINED:
        return Proposal(Action.ASK, included, _explain_unclear(posterior))
    if included == (outside,):
        return _propose_outside(posterior, text, included)
    if outside in included:
        return Proposal(Action.ASK, included, "some of the items look like none of the classes")
    if _contradicts(text, included):
        return Proposal(Action.ASK, included, f"the label says {text.best}, the images do not")
    if len(included) > 1:
        return _propose_split(posterior, included)
    if posterior.low[included[0]] < MAP_LOW:
        return Proposal(Action.ASK, included, _explain_unclear(posterior))
    return Proposal(Action.MAP, included, _explain_map(text, included))


def find_label_categories(posterior: Posterior) -> tuple[int, ...]:
    """Returns the indices of the categories that a label includes, the largest first."""
    order = np.argsort(-posterior.fractions, kind="stable")
    enough = (posterior.fractions >= MIN_FRACTION) & (posterior.low >= MIN_FRACTION_LOW)
    return tuple(int(index) for index in order if enough[index])


def _contradicts(text: TextMeaning, included: tuple[int, ...]) -> bool:
    """Returns whether the text names other categories; a broader text does not contradict."""
    largest_included = text.probabilities[list(included)].max()
    is_unlikely = largest_included < TEXT_UNLIKELY * text.probabilities.max()
    return bool(text.probabilities.sum() >= TEXT_CONFIDENT and is_unlikely)


def _propose_split(posterior: Posterior, included: tuple[int, ...]) -> Proposal:
    if posterior.n < SPLIT_ITEMS:
        return Proposal(Action.ASK, included, "too few items")
    return Proposal(Action.SPLIT, included, "the label includes several categories")


def _propose_outside(
    posterior: Posterior, text: TextMeaning, included: tuple[int, ...]
) -> Proposal:
    outside = included[0]
    if posterior.low[outside] < OUTSIDE_LOW:
        return Proposal(Action.ASK, included, _explain_unclear(posterior))
    if text.probabilities[:outside].sum() >= TEXT_CONFIDENT:
        reason = f"the label says {text.best}, the images look like none of the classes"
        return Proposal(Action.ASK, included, reason)
    return Proposal(Action.OUTSIDE, included, "the items look like none of the classes")


def _explain_map(text: TextMeaning, included: tuple[int, ...]) -> str:
    if text.without_class >= TEXT_WITHOUT_CLASS:
        return f"the nearest class by the images; the model has no class for {text.best}"
    if not text.known:
        return "images agree"
    agrees = text.probabilities[list(included)].sum() >= TEXT_CONFIDENT
    return "images and text agree" if agrees else f"images agree; the label says {text.best}"


def _explain_unclear(posterior: Posterior) -> str:
    best = int(posterior.fractions.argmax())
    if posterior.high[best] >= MAP_LOW and posterior.n < 30:
        return "too few items"
    return "the images do not agree"


def apply_approved(
    entries: Iterable[DictionaryEntry], approved: Iterable[Rule], categories: Categories
) -> list[DictionaryEntry]:
    """Returns the dictionary with approved rules as the meaning of their labels."""
    rules = {rule.key: rule for rule in approved}
    return [
        _with_rule(entry, rule, categories)
        if (rule := rules.get(_proposed_rule(entry, categories).key))
        else entry
        for entry in entries
    ]


def rule_of(entry: DictionaryEntry, categories: Categories) -> Rule:
    """Returns the rule of a label: the approved one, else the proposed one."""
    return entry.approved or _proposed_rule(entry, categories)


def is_contradicted(entry: DictionaryEntry, categories: Categories) -> bool:
    """Returns whether images and text of a label now speak against its approved rule.

    Where they say nothing clear, the rule is contradicted once it surely explains too few items.
    """
    if entry.approved is None:
        return False
    if entry.proposal.action is Action.ASK:
        return bool(entry.posterior.high[list(entry.meaning.categories)].sum() < EXPLAINED)
    return entry.approved.meaning != _proposed_rule(entry, categories).meaning


def explain_rule(entry: DictionaryEntry, categories: Categories) -> str:
    """Says why a label has its rule, and what would be proposed now where that differs."""
    reason = entry.proposal.reason
    if entry.approved is None:
        return reason
    proposed = _proposed_rule(entry, categories)
    if entry.approved.meaning == proposed.meaning:
        return f"approved before: {reason}"
    now = " ".join([str(proposed.action), SEPARATOR.join(proposed.categories)]).strip()
    return f"approved before; now proposed: {now}: {reason}"


def _proposed_rule(entry: DictionaryEntry, categories: Categories) -> Rule:
    indices = entry.proposal.categories
    ids = (
        (entry.finer_id,)
        if entry.finer_id
        else tuple(dict.fromkeys(categories.ids[index] for index in indices))
    )
    names = [
        OUTSIDE_NAME if identifier == OUTSIDE_ID else categories.name(identifier)
        for identifier in ids
    ]
    return Rule(entry.supplier, entry.label, entry.proposal.action, tuple(names), ids)


def _with_rule(entry: DictionaryEntry, rule: Rule, categories: Categories) -> DictionaryEntry:
    """Returns an entry that means what its approved rule says.

    Where the model has no class for that, its items are judged by what most of them look like.
    """
    found = [categories.find_classes(identifier) for identifier in rule.ids]
    lacks_class = any(fraction < 1 for _, fraction in found)
    included = {index for classes, fraction in found if fraction == 1 for index in classes}
    order = sorted(included, key=lambda index: -entry.posterior.fractions[index])
    meaning = Proposal(rule.action, tuple(order) or entry.proposal.categories, "approved before")
    return replace(entry, meaning=meaning, lacks_class=lacks_class, approved=rule)
