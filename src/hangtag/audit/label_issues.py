"""Label issues: compares every scanned item with the meaning of its label."""

import heapq
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.apply import ItemStatus
from hangtag.audit.categories import Categories
from hangtag.audit.corrections import (
    CorrectionTest,
    CorrectionThreshold,
    Reference,
    correction_confidence,
)
from hangtag.audit.dictionary import DictionaryEntry, rule_of
from hangtag.audit.duplicates import DuplicateItem, IssueKind
from hangtag.audit.label_quality import (
    PRIOR_ERROR_RATE,
    LabelQuality,
    build_label_priors,
    score_labels,
)
from hangtag.audit.rules import Action
from hangtag.audit.scan import Scan, ScannedItems
from hangtag.decisions.policy import reach_thresholds, stored_precision
from hangtag.models.classifier import Classifier
from hangtag.pipeline.rows import DIGITS
from hangtag.tables.writing import WriteRow

ISSUE_THRESHOLD = 0.02
"""Probability of a wrong label from which an item is a label issue."""

MAX_ISSUES = 100_000
"""Largest number of label issues that are kept, the worst ones."""

_EXAMPLES = 4
"""Images kept for each category of a label."""


@dataclass(frozen=True, slots=True, order=True)
class Issue:
    """An item whose image contradicts its label, or comes again.

    Attributes:
        p_wrong: Probability that the label is wrong, 0-1.
        position: Position among the items with a readable image; breaks ties.
        group: Number of its label group.
        id: Id within its supplier.
        image: Its image, as the feed names it.
        path: Path of the image file.
        suggested: Index of the most probable category that the label does not include.
        confidence: Its probability.
        automatic: Whether the label is corrected automatically.
        duplicate: What it means that its image comes again, None where it does not.
    """

    p_wrong: float
    position: int
    group: int = field(compare=False)
    id: str = field(compare=False)
    image: str = field(compare=False)
    path: str = field(compare=False)
    suggested: int = field(compare=False)
    confidence: float = field(compare=False)
    automatic: bool = field(compare=False)
    duplicate: DuplicateItem | None = field(compare=False)

    @property
    def kinds(self) -> list[IssueKind]:
        """What is wrong with it."""
        label = [IssueKind.LABEL] if self.p_wrong >= ISSUE_THRESHOLD else []
        return label + ([] if self.duplicate is None else [self.duplicate.kind])


@dataclass(slots=True)
class LabelIssues:
    """What judging the items found.

    Attributes:
        corrections: From which confidence labels are corrected, None without a reference.
        excluded: Indices of the categories that nothing is corrected to.
        duplicate_counts: Duplicates by kind.
        issues: Label issues, the worst first; at most `MAX_ISSUES`.
        issue_count: Number of label issues, kept or not.
        issues_by_group: Number of label issues by label group.
        duplicates: Duplicates without a label issue, the most probable errors first.
        examples: (label group, category) -> paths of images that show it.
        automated: Items that get a category without a person, by how: ``rule``, ``image`` or
            ``correction``.
        expected_errors: Expected number of wrong ones among those.
        judged: Items with a label and a readable image.
    """

    corrections: CorrectionThreshold | None
    excluded: tuple[int, ...]
    duplicate_counts: dict[IssueKind, int]
    issues: list[Issue] = field(default_factory=list)
    issue_count: int = 0
    issues_by_group: dict[int, int] = field(default_factory=dict)
    duplicates: list[Issue] = field(default_factory=list)
    examples: dict[tuple[int, int], list[str]] = field(default_factory=dict)
    automated: dict[str, int] = field(
        default_factory=lambda: dict.fromkeys(("rule", "image", "correction"), 0)
    )
    expected_errors: float = 0.0
    judged: int = 0


class LabelIssueFinder:
    """Judges the items of a scan by the dictionary.

    Args:
        scan: The scanned feed.
        entries: The dictionary, by label group.
        categories: Categories of the model.
        classifier: The model.
        reference: Held-out images with right labels, None where there are none.
        precision: Expected fraction of right automatic corrections, 0-1.
    """

    def __init__(
        self,
        scan: Scan,
        entries: Sequence[DictionaryEntry],
        categories: Categories,
        classifier: Classifier,
        reference: Reference | None,
        *,
        precision: float,
    ) -> None:
        policy = classifier.card.policy
        self._scan, self._entries = scan, entries
        self._categories, self._class_prior = categories, classifier.card.class_prior
        self._priors = build_label_priors(entries)
        self._thresholds = policy.thresholds[stored_precision(policy, precision)][0]
        self._has_rule = _mask(
            entry.meaning.action in (Action.MAP, Action.SPLIT) for entry in entries
        )
        self._is_whole = _mask(_is_whole(entry) for entry in entries)
        self._is_resolvable = _mask(_is_resolvable(entry, categories) for entry in entries)
        self._excluded = find_excluded(entries)
        self._meanings = [rule_of(entry, categories).meaning for entry in entries]
        self._corrections = (
            None if reference is None else self._find_threshold(reference, 1 - precision)
        )

    @property
    def included(self) -> NDArray[np.bool_]:
        """Whether a label includes a category, (G, K + 1)."""
        return self._priors.included

    def find(self, write: WriteRow, duplicates: Mapping[int, DuplicateItem]) -> LabelIssues:
        """Judges all items.

        Args:
            write: Called with a row of `hangtag.audit.apply.ITEM_COLUMNS` for each item.
            duplicates: Items whose image comes again, by position in the scan.
        """
        counts = Counter(duplicate.kind for duplicate in duplicates.values())
        found = LabelIssues(self._corrections, self._excluded, dict(counts))
        worst: list[Issue] = []
        for items, quality in self._score_items():
            automatic = self._find_automatic(items, quality)
            accepted = self._find_accepted(items, quality)
            self._count_automated(found, items, quality, automatic=automatic, accepted=accepted)
            self._write(write, items, quality, automatic=automatic, accepted=accepted)
            self._collect_examples(found, items, quality)
            for issue in _list_issues(items, quality, automatic, duplicates):
                if issue.p_wrong < ISSUE_THRESHOLD:
                    found.duplicates.append(issue)
                    continue
                found.issues_by_group[issue.group] = found.issues_by_group.get(issue.group, 0) + 1
                found.issue_count += 1
                push = heapq.heappush if len(worst) < MAX_ISSUES else heapq.heappushpop
                push(worst, issue)
            found.judged += len(items)
        self._count_unreadable(found)
        found.issues = _worst_first(worst)
        found.duplicates = _worst_first(found.duplicates)
        return found

    def _score_items(self) -> Iterator[tuple[ScannedItems, LabelQuality]]:
        for items in self._scan.read_labelled():
            yield (
                items,
                score_labels(
                    items.probabilities,
                    items.is_ood,
                    class_prior=self._class_prior,
                    included=self._priors.included[items.groups],
                    prior=self._priors.prior[items.groups],
                ),
            )

    def _find_threshold(self, reference: Reference, level: float) -> CorrectionThreshold:
        test = CorrectionTest(reference)
        for items, quality in self._score_items():
            confidence = correction_confidence(items.probabilities, items.is_ood)
            test.add(confidence, self._find_candidates(items, quality))
        return test.find(level)

    def _find_candidates(self, items: ScannedItems, quality: LabelQuality) -> NDArray[np.bool_]:
        """Returns which items (N,) might be corrected: their label has a rule, the model disagrees.

        A class that items without a class look like is no correction.
        """
        candidates: NDArray[np.bool_] = (
            (quality.p_wrong >= ISSUE_THRESHOLD)
            & (quality.suggested == items.probabilities.argmax(axis=1))
            & ~items.is_ood
            & self._has_rule[items.groups]
            & ~np.isin(quality.suggested, self._excluded)
        )
        return candidates

    def _find_automatic(self, items: ScannedItems, quality: LabelQuality) -> NDArray[np.bool_]:
        """Returns which labels are corrected automatically, (N,)."""
        if self._corrections is None or self._corrections.threshold is None:
            return np.zeros(len(items), dtype=np.bool_)
        confidence = correction_confidence(items.probabilities, items.is_ood)
        automatic: NDArray[np.bool_] = (
            confidence >= self._corrections.threshold
        ) & self._find_candidates(items, quality)
        return automatic

    def _find_accepted(self, items: ScannedItems, quality: LabelQuality) -> NDArray[np.bool_]:
        """Returns for which items (N,) the model accepts a class that tells their category."""
        best, confidence = items.probabilities.argmax(axis=1), items.probabilities.max(axis=1)
        accepted: NDArray[np.bool_] = (
            reach_thresholds(best, confidence, self._thresholds)
            & ~items.is_ood
            & (quality.given == best)
            & self._is_resolvable[items.groups]
        )
        return accepted

    def _count_automated(
        self,
        found: LabelIssues,
        items: ScannedItems,
        quality: LabelQuality,
        *,
        automatic: NDArray[np.bool_],
        accepted: NDArray[np.bool_],
    ) -> None:
        """Counts the items that need no person."""
        is_fine = quality.p_wrong < ISSUE_THRESHOLD
        by_rule = is_fine & self._is_whole[items.groups]
        by_image = is_fine & ~by_rule & self._has_rule[items.groups] & accepted
        for name, chosen in (("rule", by_rule), ("image", by_image), ("correction", automatic)):
            found.automated[name] += int(chosen.sum())
        p_error = 1 - np.where(automatic, quality.suggested_probability, quality.given_probability)
        found.expected_errors += float(p_error[by_rule | by_image | automatic].sum())

    def _count_unreadable(self, found: LabelIssues) -> None:
        """Counts the items without a readable image whose label alone gives the category."""
        unreadable = sum(
            entry.items - entry.posterior.n for entry in self._entries if _is_whole(entry)
        )
        found.automated["rule"] += unreadable
        found.expected_errors += PRIOR_ERROR_RATE * unreadable

    def _write(
        self,
        write: WriteRow,
        items: ScannedItems,
        quality: LabelQuality,
        *,
        automatic: NDArray[np.bool_],
        accepted: NDArray[np.bool_],
    ) -> None:
        statuses = np.select(
            [automatic, quality.p_wrong >= ISSUE_THRESHOLD, accepted],
            [ItemStatus.CORRECTION, ItemStatus.ISSUE, ItemStatus.ACCEPTED],
            ItemStatus.OK,
        )
        best = np.where(automatic, quality.suggested, quality.given)
        for row, group in enumerate(items.groups.tolist()):
            entry, index = self._entries[group], int(best[row])
            write(
                (
                    items.ids[row],
                    entry.supplier,
                    entry.label,
                    self._categories.names[index],
                    self._categories.ids[index],
                    round(float(quality.p_wrong[row]), DIGITS),
                    str(statuses[row]),
                    self._meanings[group],
                )
            )

    def _collect_examples(
        self, found: LabelIssues, items: ScannedItems, quality: LabelQuality
    ) -> None:
        for row in np.flatnonzero(quality.p_wrong < ISSUE_THRESHOLD).tolist():
            key = int(items.groups[row]), int(quality.given[row])
            paths = found.examples.setdefault(key, [])
            if len(paths) < _EXAMPLES:
                paths.append(items.paths[row])


def find_excluded(entries: Iterable[DictionaryEntry]) -> tuple[int, ...]:
    """Returns the indices of the classes that attract out-of-scope items, in rising order.

    Where a feed has labels for shorts and the model has no class for them, what it calls trousers
    may be shorts, however confident it is.
    """
    included = [entry.meaning.categories for entry in entries if entry.lacks_class]
    return tuple(sorted({index for indices in included for index in indices}))


def _mask(values: Iterable[bool]) -> NDArray[np.bool_]:
    return np.array(list(values), dtype=np.bool_)


def _is_whole(entry: DictionaryEntry) -> bool:
    """Returns whether one rule gives all items of a label their category, whatever they show."""
    return entry.meaning.action in (Action.MAP, Action.OUTSIDE)


def _is_resolvable(entry: DictionaryEntry, categories: Categories) -> bool:
    """Returns whether the class of an item tells which of the label's categories it is."""
    return not entry.lacks_class and {*rule_of(entry, categories).ids} <= {*categories.ids}


def _list_issues(
    items: ScannedItems,
    quality: LabelQuality,
    automatic: NDArray[np.bool_],
    duplicates: Mapping[int, DuplicateItem],
) -> Iterator[Issue]:
    is_duplicate = _mask(position in duplicates for position in items.positions.tolist())
    for row in np.flatnonzero((quality.p_wrong >= ISSUE_THRESHOLD) | is_duplicate).tolist():
        position = int(items.positions[row])
        yield Issue(
            p_wrong=float(quality.p_wrong[row]),
            position=position,
            group=int(items.groups[row]),
            id=items.ids[row],
            image=items.images[row],
            path=items.paths[row],
            suggested=int(quality.suggested[row]),
            confidence=float(quality.suggested_probability[row]),
            automatic=bool(automatic[row]),
            duplicate=duplicates.get(position),
        )


def _worst_first(issues: list[Issue]) -> list[Issue]:
    return sorted(issues, key=lambda issue: (-issue.p_wrong, issue.position))
