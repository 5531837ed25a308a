"""What people approved before, in the next audit: a word means what its rule says."""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from hangtag.audit.categories import OUTSIDE_ID, OUTSIDE_NAME, Categories
from hangtag.audit.dictionary_entries import Entry
from hangtag.audit.proposals import EXPLAINED, Action, Proposal
from hangtag.audit.rules import BETWEEN, Rule, keep_approved, read_rules

RULES = "rules.csv"


def gather_approved(files: Iterable[Path], categories: Categories) -> list[Rule]:
    """Returns the approved rules of some files; of several for a word that of the last file.

    Raises:
        DataError: A file is damaged, or names a category that there is not.
    """
    found: list[Rule] = []
    for path in files:
        found = keep_approved([], [*found, *read_rules(path, categories.accepted_names())])
    return found


def follow_approved(
    entries: Iterable[Entry], approved: Iterable[Rule], categories: Categories
) -> list[Entry]:
    """Returns the dictionary with what people approved as the meaning of its words."""
    rules = {rule.key: rule for rule in approved}
    return [
        _follow(entry, rule, categories)
        if (rule := rules.get(_propose(entry, categories).key))
        else entry
        for entry in entries
    ]


def rule_of(entry: Entry, categories: Categories) -> Rule:
    """Returns the rule of a word: what a person approved, else what is proposed."""
    return entry.approved or _propose(entry, categories)


def is_contradicted(entry: Entry, categories: Categories) -> bool:
    """Whether a word was approved as something else than its images and its text say now.

    Where they say nothing clear, it is contradicted once what was approved surely explains too few
    of the items.
    """
    if entry.approved is None:
        return False
    if entry.proposal.action is Action.ASK:
        return bool(entry.posterior.high[list(entry.meaning.cover)].sum() < EXPLAINED)
    return entry.approved.meaning != _propose(entry, categories).meaning


def explain_rule(entry: Entry, categories: Categories) -> str:
    """Says why a word has its rule, and what the audit would propose now where that differs."""
    reason = entry.proposal.reason
    if entry.approved is None:
        return reason
    proposed = _propose(entry, categories)
    if entry.approved.meaning == proposed.meaning:
        return f"approved before: {reason}"
    now = " ".join([str(proposed.action), BETWEEN.join(proposed.categories)]).strip()
    return f"approved before; now proposed: {now}: {reason}"


def _propose(entry: Entry, categories: Categories) -> Rule:
    cover = [categories.ids[index] for index in entry.proposal.cover]
    ids = (entry.finer,) if entry.finer else tuple(dict.fromkeys(cover))
    return Rule(
        supplier=entry.supplier,
        label=entry.label,
        action=entry.proposal.action,
        categories=tuple(
            OUTSIDE_NAME if one == OUTSIDE_ID else categories.name(one) for one in ids
        ),
        ids=ids,
    )


def _follow(entry: Entry, rule: Rule, categories: Categories) -> Entry:
    """Returns a word with what was approved for it.

    Where the model has no class for that, its items are judged by what most of them look like.
    """
    found = [categories.find_classes(one) for one in rule.ids]
    lacking = any(share < 1 for _, share in found)
    cover = {index for classes, share in found if share == 1 for index in classes}
    order = sorted(cover, key=lambda index: -entry.posterior.share[index])
    meaning = Proposal(rule.action, tuple(order) or entry.proposal.cover, "approved before")
    return replace(entry, meaning=meaning, lacking=lacking, approved=rule)
