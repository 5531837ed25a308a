"""The second pass: every item against what its word means.

Needs the dictionary, so it comes after the first pass; reads what that left on disk.
"""

import heapq
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.dictionary_entries import Entry, name_categories
from hangtag.audit.groups import NO_GROUP
from hangtag.audit.item_table import State
from hangtag.audit.judging import (
    Verdicts,
    describe_words,
    find_confusions,
    judge_items,
    mix_doubt,
)
from hangtag.audit.proposals import Action
from hangtag.audit.reference import Reference, SureJudge, SureScores
from hangtag.audit.scan import Scan, ScannedItems, read_scan
from hangtag.audit.tables import WriteRow
from hangtag.categoriser import Categoriser
from hangtag.decisions.rules import Rules, stored_precision
from hangtag.predictions.rows import DIGITS

ISSUE_SCORE = 0.05
"""Probability of a wrong label from which an item is an issue."""

MOST_ISSUES = 100_000
"""At most so many issues are kept, the worst."""

_EXAMPLES = 4
"""Pictures kept for each category of a word."""


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """An item whose image contradicts its label.

    Attributes:
        score: Probability that the label is wrong, 0-1.
        position: Position of the item among those with a readable image; ties go by it.
        group: Number of its word.
        id: What the supplier calls it.
        image: Its image, as the feed names it.
        path: Where that lies.
        suggested: Index of the likeliest other category.
        confidence: Its probability.
        automatic: Whether it may be corrected without a person.
    """

    score: float
    position: int
    group: int = field(compare=False)
    id: str = field(compare=False)
    image: str = field(compare=False)
    path: str = field(compare=False)
    suggested: int = field(compare=False)
    confidence: float = field(compare=False)
    automatic: bool = field(compare=False)


@dataclass(slots=True)
class Inspection:
    """What the second pass finds.

    Attributes:
        issues: The worst first.
        issue_count: How many there are, kept or not.
        issues_by_group: How many there are of each group.
        examples: (group, category) -> paths of images that show it.
        settled: Items that get a category without a person, by how: ``rule``, ``image`` or
            ``correction``.
        expected_errors: How many of those are wrong, as the scores have it.
        threshold: Score from which a correction is automatic, None where none is.
        judged: Items with a label and a readable image.
    """

    issues: list[Issue]
    issue_count: int
    issues_by_group: dict[int, int]
    examples: dict[tuple[int, int], list[str]]
    settled: dict[str, int]
    expected_errors: float
    threshold: float | None
    judged: int


class Inspector:
    """Judges the items of a feed by its dictionary.

    Args:
        scan: What the first pass left.
        entries: The dictionary, by group.
        categoriser: The model.
        reference: Held-out images with right labels, None where there are none.
        precision: Promised share of right corrections among the automatic ones, 0-1.
    """

    def __init__(
        self,
        scan: Scan,
        entries: Sequence[Entry],
        categoriser: Categoriser,
        reference: Reference | None,
        *,
        precision: float,
    ) -> None:
        rules = categoriser.card.rules
        self._scan, self._entries = scan, entries
        self._names = name_categories(categoriser.card.classes)
        self._words = describe_words(
            [one.posterior for one in entries], [one.proposal for one in entries]
        )
        self._confusions = find_confusions(scan.evidence.confusions())
        self._lowest = _find_lowest(rules, precision)
        # Half of what may go wrong is for the label being right, half for the suggestion.
        self._surest = _find_lowest(rules, round(1 - (1 - precision) / 2, DIGITS))
        self._ruled = np.array(
            [one.proposal.action in (Action.MAP, Action.SPLIT) for one in entries], dtype=np.bool_
        )
        self._mapped = np.array([one.proposal.action is Action.MAP for one in entries])
        self._sure = None if reference is None else SureJudge(reference)
        self._threshold = self._find_threshold((1 - precision) / 2)

    def inspect(self, write: WriteRow) -> Inspection:
        """Judges all items; gives `write` a row of `hangtag.audit.item_table` for each."""
        settled = dict.fromkeys(("rule", "image", "correction"), 0)
        found = Inspection([], 0, {}, {}, settled, 0.0, self._threshold, 0)
        worst: list[Issue] = []
        position = 0
        for items, verdicts in self._read():
            automatic = self._find_automatic(items, verdicts)
            sure = _reaches(items, self._lowest) & (
                verdicts.within == items.probabilities.argmax(axis=1)
            )
            self._settle(found, items, verdicts, automatic=automatic, sure=sure)
            self._write(write, items, verdicts, automatic=automatic, sure=sure)
            self._collect_examples(found, items, verdicts)
            for row in np.flatnonzero(verdicts.score >= ISSUE_SCORE).tolist():
                issue = _make_issue(items, verdicts, row, position + row, bool(automatic[row]))
                found.issues_by_group[issue.group] = found.issues_by_group.get(issue.group, 0) + 1
                found.issue_count += 1
                push = heapq.heappush if len(worst) < MOST_ISSUES else heapq.heappushpop
                push(worst, issue)
            position += len(items)
            found.judged += len(items)
        found.issues = sorted(worst, key=lambda one: (-one.score, one.position))
        return found

    def _read(self) -> Iterator[tuple[ScannedItems, Verdicts]]:
        for items in read_scan(self._scan):
            labelled = _keep(items, items.groups != NO_GROUP)
            if len(labelled):
                yield labelled, self._judge(labelled)

    def _judge(self, items: ScannedItems) -> Verdicts:
        return judge_items(
            mix_doubt(items.probabilities, self._confusions),
            items.strange,
            cover=self._words.cover[items.groups],
            shares=self._words.shares[items.groups],
        )

    def _score_surely(self, sure: SureJudge, items: ScannedItems) -> NDArray[np.float64]:
        return sure.score(
            items.probabilities,
            items.strange,
            cover=self._words.cover[items.groups],
            shares=self._words.shares[items.groups],
        )

    def _find_threshold(self, level: float) -> float | None:
        if self._sure is None:
            return None
        scores = SureScores(self._sure.scores)
        for items, _ in self._read():
            scores.add(self._score_surely(self._sure, items))
        return scores.find_threshold(level)

    def _find_automatic(self, items: ScannedItems, verdicts: Verdicts) -> NDArray[np.bool_]:
        """Returns which labels may be corrected without a person, (N,).

        The label must be wrong for sure, and the suggestion one that the model promises.
        """
        if self._sure is None or self._threshold is None:
            return np.zeros(len(items), dtype=np.bool_)
        automatic: NDArray[np.bool_] = (
            (self._score_surely(self._sure, items) >= self._threshold)
            & (verdicts.score >= ISSUE_SCORE)
            & (verdicts.suggested == items.probabilities.argmax(axis=1))
            & _reaches(items, self._surest)
            & self._ruled[items.groups]
        )
        return automatic

    def _settle(
        self,
        found: Inspection,
        items: ScannedItems,
        verdicts: Verdicts,
        *,
        automatic: NDArray[np.bool_],
        sure: NDArray[np.bool_],
    ) -> None:
        """Counts the items that need no person."""
        fine = verdicts.score < ISSUE_SCORE
        by_rule = fine & self._mapped[items.groups]
        by_image = fine & ~by_rule & self._ruled[items.groups] & sure
        for name, those in (("rule", by_rule), ("image", by_image), ("correction", automatic)):
            found.settled[name] += int(those.sum())
        wrong = np.where(automatic, 1 - verdicts.score, verdicts.score)
        found.expected_errors += float(wrong[by_rule | by_image | automatic].sum())

    def _write(
        self,
        write: WriteRow,
        items: ScannedItems,
        verdicts: Verdicts,
        *,
        automatic: NDArray[np.bool_],
        sure: NDArray[np.bool_],
    ) -> None:
        states = np.select(
            [automatic, verdicts.score >= ISSUE_SCORE, sure],
            [State.CORRECTION, State.ISSUE, State.SURE],
            State.FINE,
        )
        best = np.where(automatic, verdicts.suggested, verdicts.within)
        for row, group in enumerate(items.groups.tolist()):
            entry, index = self._entries[group], int(best[row])
            write(
                (
                    items.ids[row],
                    entry.supplier,
                    entry.label,
                    self._names.names[index],
                    self._names.ids[index],
                    round(float(verdicts.score[row]), DIGITS),
                    str(states[row]),
                )
            )

    def _collect_examples(self, found: Inspection, items: ScannedItems, verdicts: Verdicts) -> None:
        fine = np.flatnonzero(verdicts.score < ISSUE_SCORE)
        for row in fine.tolist():
            key = int(items.groups[row]), int(verdicts.within[row])
            paths = found.examples.setdefault(key, [])
            if len(paths) < _EXAMPLES:
                paths.append(items.paths[row])


def _find_lowest(rules: Rules, precision: float) -> NDArray[np.float64]:
    """Returns the confidence from which a model promises each class, infinite where it does not."""
    lowest = rules.thresholds[stored_precision(rules, precision)][0]
    return np.array([np.inf if one is None else one for one in lowest])


def _reaches(items: ScannedItems, lowest: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Returns for which items the model promises its class, (N,)."""
    best = items.probabilities.argmax(axis=1)
    reached = items.probabilities[np.arange(len(best)), best] >= lowest[best]
    accepted: NDArray[np.bool_] = reached & ~items.strange
    return accepted


def _make_issue(
    items: ScannedItems, verdicts: Verdicts, row: int, position: int, automatic: bool
) -> Issue:
    return Issue(
        score=float(verdicts.score[row]),
        position=position,
        group=int(items.groups[row]),
        id=items.ids[row],
        image=items.images[row],
        path=items.paths[row],
        suggested=int(verdicts.suggested[row]),
        confidence=float(verdicts.confidence[row]),
        automatic=automatic,
    )


def _keep(items: ScannedItems, chosen: NDArray[np.bool_]) -> ScannedItems:
    if chosen.all():
        return items
    return ScannedItems(
        ids=list(itertools.compress(items.ids, chosen)),
        images=list(itertools.compress(items.images, chosen)),
        paths=list(itertools.compress(items.paths, chosen)),
        groups=items.groups[chosen],
        probabilities=items.probabilities[chosen],
        strange=items.strange[chosen],
    )
