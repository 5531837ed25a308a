"""The second pass: every item against what its word means.

Needs the dictionary, so it comes after the first pass; reads what that left on disk.
"""

import heapq
import itertools
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.approvals import rule_of
from hangtag.audit.categories import Categories
from hangtag.audit.corrections import Correctable, SureScores, find_sureness
from hangtag.audit.dictionary_entries import Entry
from hangtag.audit.groups import NO_GROUP
from hangtag.audit.item_table import State
from hangtag.audit.judging import (
    ERROR_RATE,
    Verdicts,
    describe_words,
    judge_items,
)
from hangtag.audit.proposals import Action
from hangtag.audit.reference import Reference
from hangtag.audit.repeats import Finding, Repeat
from hangtag.audit.scan import Scan, ScannedItems, read_scan
from hangtag.decisions.policy import reach_thresholds, stored_precision
from hangtag.models.classifier import Classifier
from hangtag.pipeline.rows import DIGITS
from hangtag.tables.writing import WriteRow

ISSUE_SCORE = 0.02
"""Probability of a wrong label from which an item is an issue."""

MOST_ISSUES = 100_000
"""At most so many issues are kept, the worst."""

_EXAMPLES = 4
"""Pictures kept for each category of a word."""


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """An item whose image contradicts its label, or comes again.

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
        repeat: Whether its picture comes again, None where it does not.
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
    repeat: Repeat | None = field(compare=False)

    @property
    def findings(self) -> list[Finding]:
        """What is wrong with it."""
        label = [Finding.LABEL] if self.score >= ISSUE_SCORE else []
        return label + ([] if self.repeat is None else [self.repeat.finding])


@dataclass(slots=True)
class Inspection:
    """What the second pass finds.

    Attributes:
        correctable: What may be corrected without a person, None without a reference.
        closed: Indices of the categories that nothing is corrected to.
        repeat_counts: Items whose picture comes again, by what that means.
        issues: Items whose image contradicts their label, the worst first.
        issue_count: How many there are, kept or not.
        issues_by_group: How many there are of each group.
        repeats: Other items whose picture comes again, the highest score first.
        examples: (group, category) -> paths of images that show it.
        settled: Items that get a category without a person, by how: ``rule``, ``image`` or
            ``correction``.
        expected_errors: How many of those are wrong, as the scores have it.
        judged: Items with a label and a readable image.
    """

    correctable: Correctable | None
    closed: tuple[int, ...]
    repeat_counts: dict[Finding, int]
    issues: list[Issue] = field(default_factory=list)
    issue_count: int = 0
    issues_by_group: dict[int, int] = field(default_factory=dict)
    repeats: list[Issue] = field(default_factory=list)
    examples: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    settled: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("rule", "image", "correction"), 0)
    )
    expected_errors: float = 0.0
    judged: int = 0


class Inspector:
    """Judges the items of a feed by its dictionary.

    Args:
        scan: What the first pass left.
        entries: The dictionary, by group.
        categories: Of the model.
        classifier: The model.
        reference: Held-out images with right labels, None where there are none.
        precision: Promised share of right corrections among the automatic ones, 0-1.
    """

    def __init__(
        self,
        scan: Scan,
        entries: Sequence[Entry],
        categories: Categories,
        classifier: Classifier,
        reference: Reference | None,
        *,
        precision: float,
    ) -> None:
        rules = classifier.card.policy
        self._scan, self._entries = scan, entries
        self._categories, self._taken = categories, classifier.card.class_prior
        self._words = describe_words(entries)
        self._thresholds = rules.thresholds[stored_precision(rules, precision)][0]
        self._ruled = np.array(
            [one.meaning.action in (Action.MAP, Action.SPLIT) for one in entries], dtype=np.bool_
        )
        self._whole = np.array([_is_whole(one) for one in entries], dtype=np.bool_)
        self._told = np.array([_is_told(one, categories) for one in entries], dtype=np.bool_)
        self._closed = find_closed(entries)
        self._meanings = [rule_of(one, categories).meaning for one in entries]
        self._correctable = (
            None if reference is None else self._find_correctable(reference, 1 - precision)
        )

    @property
    def cover(self) -> NDArray[np.bool_]:
        """Whether a word covers a category, (G, K + 1)."""
        return self._words.cover

    def inspect(self, write: WriteRow, repeats: Mapping[int, Repeat]) -> Inspection:
        """Judges all items.

        Args:
            write: Takes a row of `hangtag.audit.item_table` for each.
            repeats: Items whose picture comes again, by position in the scan.
        """
        counts = Counter(one.finding for one in repeats.values())
        found = Inspection(self._correctable, self._closed, dict(counts))
        worst: list[Issue] = []
        for items, verdicts in self._read():
            automatic = self._find_automatic(items, verdicts)
            sure = (
                self._find_promised(items)
                & (verdicts.within == items.probabilities.argmax(axis=1))
                & self._told[items.groups]
            )
            self._settle(found, items, verdicts, automatic=automatic, sure=sure)
            self._write(write, items, verdicts, automatic=automatic, sure=sure)
            self._collect_examples(found, items, verdicts)
            for issue in _make_issues(items, verdicts, automatic, repeats):
                if issue.score < ISSUE_SCORE:
                    found.repeats.append(issue)
                    continue
                found.issues_by_group[issue.group] = found.issues_by_group.get(issue.group, 0) + 1
                found.issue_count += 1
                push = heapq.heappush if len(worst) < MOST_ISSUES else heapq.heappushpop
                push(worst, issue)
            found.judged += len(items)
        self._settle_unseen(found)
        found.issues = _sort(worst)
        found.repeats = _sort(found.repeats)
        return found

    def _read(self) -> Iterator[tuple[ScannedItems, Verdicts]]:
        for items in read_scan(self._scan):
            labelled = _keep(items, items.groups != NO_GROUP)
            if len(labelled):
                yield labelled, self._judge(labelled)

    def _judge(self, items: ScannedItems) -> Verdicts:
        return judge_items(
            items.probabilities,
            items.strange,
            taken=self._taken,
            cover=self._words.cover[items.groups],
            shares=self._words.shares[items.groups],
        )

    def _find_correctable(self, reference: Reference, level: float) -> Correctable:
        scores = SureScores(reference)
        for items, verdicts in self._read():
            sureness = find_sureness(items.probabilities, items.strange)
            scores.add(sureness, self._find_candidates(items, verdicts))
        return scores.find(level)

    def _find_candidates(self, items: ScannedItems, verdicts: Verdicts) -> NDArray[np.bool_]:
        """Returns which items the model answers otherwise than their word, which has a rule.

        An answer does not count where things look like it that the model has no class for.
        """
        candidates: NDArray[np.bool_] = (
            (verdicts.score >= ISSUE_SCORE)
            & (verdicts.suggested == items.probabilities.argmax(axis=1))
            & ~items.strange
            & self._ruled[items.groups]
            & ~np.isin(verdicts.suggested, self._closed)
        )
        return candidates

    def _find_automatic(self, items: ScannedItems, verdicts: Verdicts) -> NDArray[np.bool_]:
        """Returns which labels may be corrected without a person, (N,)."""
        if self._correctable is None or self._correctable.threshold is None:
            return np.zeros(len(items), dtype=np.bool_)
        sure = find_sureness(items.probabilities, items.strange) >= self._correctable.threshold
        automatic: NDArray[np.bool_] = sure & self._find_candidates(items, verdicts)
        return automatic

    def _find_promised(self, items: ScannedItems) -> NDArray[np.bool_]:
        """Returns for which items the model promises its class, (N,)."""
        best, confidence = items.probabilities.argmax(axis=1), items.probabilities.max(axis=1)
        return reach_thresholds(best, confidence, self._thresholds) & ~items.strange

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
        by_rule = fine & self._whole[items.groups]
        by_image = fine & ~by_rule & self._ruled[items.groups] & sure
        for name, those in (("rule", by_rule), ("image", by_image), ("correction", automatic)):
            found.settled[name] += int(those.sum())
        wrong = 1 - np.where(automatic, verdicts.confidence, verdicts.certainty)
        found.expected_errors += float(wrong[by_rule | by_image | automatic].sum())

    def _settle_unseen(self, found: Inspection) -> None:
        """Counts the items without a readable image that a rule settles by their label alone."""
        unseen = sum(one.items - one.posterior.n for one in self._entries if _is_whole(one))
        found.settled["rule"] += unseen
        found.expected_errors += ERROR_RATE * unseen

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
                    self._categories.names[index],
                    self._categories.ids[index],
                    round(float(verdicts.score[row]), DIGITS),
                    str(states[row]),
                    self._meanings[group],
                )
            )

    def _collect_examples(self, found: Inspection, items: ScannedItems, verdicts: Verdicts) -> None:
        fine = np.flatnonzero(verdicts.score < ISSUE_SCORE)
        for row in fine.tolist():
            key = int(items.groups[row]), int(verdicts.within[row])
            paths = found.examples.setdefault(key, [])
            if len(paths) < _EXAMPLES:
                paths.append(items.paths[row])


def find_closed(entries: Iterable[Entry]) -> tuple[int, ...]:
    """Returns the indices of the classes that things without a class look like, in rising order.

    Where a feed has words for shorts and the model has no class for them, what it calls trousers
    may be shorts, however sure it is.
    """
    covers = [one.meaning.cover for one in entries if one.lacking]
    return tuple(sorted({index for cover in covers for index in cover}))


def _is_whole(entry: Entry) -> bool:
    """Returns whether a rule settles all items of a word at once, whatever their images show."""
    return entry.meaning.action in (Action.MAP, Action.OUTSIDE)


def _is_told(entry: Entry, categories: Categories) -> bool:
    """Returns whether a class tells which of its categories an item of a word is."""
    return not entry.lacking and {*rule_of(entry, categories).ids} <= {*categories.ids}


def _make_issues(
    items: ScannedItems,
    verdicts: Verdicts,
    automatic: NDArray[np.bool_],
    repeats: Mapping[int, Repeat],
) -> Iterator[Issue]:
    again = np.array([one in repeats for one in items.positions.tolist()], dtype=np.bool_)
    for row in np.flatnonzero((verdicts.score >= ISSUE_SCORE) | again).tolist():
        position = int(items.positions[row])
        yield Issue(
            score=float(verdicts.score[row]),
            position=position,
            group=int(items.groups[row]),
            id=items.ids[row],
            image=items.images[row],
            path=items.paths[row],
            suggested=int(verdicts.suggested[row]),
            confidence=float(verdicts.confidence[row]),
            automatic=bool(automatic[row]),
            repeat=repeats.get(position),
        )


def _sort(issues: list[Issue]) -> list[Issue]:
    return sorted(issues, key=lambda one: (-one.score, one.position))


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
        positions=items.positions[chosen],
    )
