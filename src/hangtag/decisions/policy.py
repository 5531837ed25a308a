"""From probabilities to decisions: accept the class, accept only a parent, review or unknown.

A level is a partition of the classes: the classes themselves, then the categories above them
(T-shirts, shirts, pullovers and coats are all upper-body garments). Where no threshold of the class
is reached but one of a parent is, the decision is `Decision.PARENT`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from hangtag.decisions.ood import choose_limit
from hangtag.decisions.risk_control import ERROR, PRECISIONS, choose_thresholds, needed_items
from hangtag.errors import DataError

CLASS_LEVEL = "class"


class Decision(StrEnum):
    """What to do with an image."""

    ACCEPT = "accept"
    """The class keeps the target precision."""
    PARENT = "parent"
    """Only a parent of the class keeps it."""
    REVIEW = "review"
    """Neither keeps it: a person decides."""
    UNKNOWN = "unknown"
    """The image is unlike the training data."""
    ERROR = "error"
    """The image cannot be read."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class Level(_Part):
    """Categories of one height in the taxonomy."""

    name: str
    """``class``, or what the taxonomy calls this height, such as ``group``."""
    categories: tuple[str, ...]
    """Names of the categories, C of them."""
    members: tuple[int | None, ...]
    """By class index, the category it belongs to; null for a class that has none here."""

    def category_of(self, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the category of each of `classes` (N,), -1 where there is none, (N,)."""
        return np.array([-1 if one is None else one for one in self.members])[classes]


class Rules(_Part):
    """What a model needs to decide, set on held-out items."""

    levels: tuple[Level, ...]
    """The classes, then their parents, nearest first."""
    thresholds: Mapping[str, tuple[tuple[float | None, ...], ...]]
    """Lowest accepted confidence by promised precision ("0.98"), level and category; null where
    the held-out items cannot support the promise."""
    needed: Mapping[str, int | None]
    """Held-out items that would support a promise which these do not; null where a better model
    is needed instead."""
    limit: float
    """OodScore above which an input is unknown."""


@dataclass(frozen=True, slots=True)
class Decisions:
    """Decisions on N items.

    Attributes:
        decision: Values of `Decision`, (N,).
        category: Index of the most probable class, (N,).
        confidence: Its probability, (N,).
        level: Index of the level that is accepted, (N,); 0 where no parent is.
        parent: Index of the accepted parent within its level, (N,); -1 where none is.
        parent_confidence: Its probability, (N,); NaN where there is none.
    """

    decision: NDArray[np.str_]
    category: NDArray[np.int64]
    confidence: NDArray[np.float64]
    level: NDArray[np.int64]
    parent: NDArray[np.int64]
    parent_confidence: NDArray[np.float64]

    @property
    def answer(self) -> NDArray[np.int64]:
        """The parent where one is accepted, else the class, as an index within `level`, (N,)."""
        return np.where(self.level > 0, self.parent, self.category)


def build_levels(
    classes: Sequence[str], parents: Sequence[Sequence[str | None]], *, names: Sequence[str]
) -> tuple[Level, ...]:
    """Builds the levels of `classes`.

    Args:
        classes: Names, K of them.
        parents: By class, the names of its parents, nearest first; empty where it has none, None
            on a level where it has none.
        names: What the levels above the classes are called, nearest first.

    Returns:
        The class level and each level above it that groups classes as none below does. A parent
        that stands for the same classes as one below says nothing new and is left out.
    """
    levels = [
        Level(name=CLASS_LEVEL, categories=tuple(classes), members=tuple(range(len(classes))))
    ]
    known = {frozenset([index]) for index in range(len(classes))}
    for height, name in enumerate(names):
        above = [chain[height] if height < len(chain) else None for chain in parents]
        groups = {
            category: frozenset(i for i, one in enumerate(above) if one == category)
            for category in dict.fromkeys(above)
            if category is not None
        }
        new = [category for category, group in groups.items() if group not in known]
        known |= set(groups.values())
        if new:
            members = tuple(new.index(one) if one in new else None for one in above)
            levels.append(Level(name=name, categories=tuple(new), members=members))
    return tuple(levels)


def set_rules(
    probabilities: NDArray[np.float64],
    strange: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    levels: tuple[Level, ...],
) -> Rules:
    """Sets the rules on held-out items.

    Thresholds of a level above the classes are set on the items that the levels below leave, so
    that what is accepted there keeps the promise by itself. A category of which no item was held
    out has none: nothing tells how well it is recognised.

    Args:
        probabilities: Calibrated, (N, K).
        strange: OodScore, (N,).
        labels: True classes, (N,).
        levels: As `build_levels` gives them.
    """
    limit = choose_limit(strange)
    thresholds, needed = {}, {}
    for precision in PRECISIONS:
        left = strange <= limit
        of_levels = []
        for level in levels:
            category, confidence, right = _judge(probabilities, labels, level)
            judged = np.isin(np.arange(len(level.categories)), level.category_of(labels))
            items = left & judged[category]
            lowest = choose_thresholds(
                confidence[items],
                right[items],
                category[items],
                classes=len(level.categories),
                precision=precision,
            )
            found = tuple(one if known else None for one, known in zip(lowest, judged, strict=True))
            if level.name == CLASS_LEVEL and all(one is None for one in found):
                enough = needed_items(
                    confidence[left],
                    right[left],
                    precision=precision,
                    error=ERROR / 2,  # With more items classes get thresholds of their own.
                )
                share = left.mean()
                needed[f"{precision:g}"] = None if enough is None else int(np.ceil(enough / share))
            of_levels.append(found)
            left &= ~reach_thresholds(category, confidence, found)
        thresholds[f"{precision:g}"] = tuple(of_levels)
    return Rules(levels=levels, thresholds=thresholds, needed=needed, limit=limit)


def decide(
    probabilities: NDArray[np.float64],
    strange: NDArray[np.floating],
    rules: Rules,
    *,
    precision: float,
    never_accept: NDArray[np.bool_] | None = None,
) -> Decisions:
    """Decides on items with probabilities (N, K) and ood_score (N,).

    Args:
        probabilities: Calibrated.
        strange: Above the limit of the rules an item is ``unknown``.
        rules: As `set_rules` gives them.
        precision: The target, in (0, 1); the lowest stored precision that is not below it counts.
        never_accept: Items (N,) that are not like the held-out ones, so that no threshold holds
            for them: they are for review at best. None where there are no such items.

    Raises:
        DataError: The rules hold no precision as high.
    """
    thresholds = rules.thresholds[stored_precision(rules, precision)]
    unknown = strange > rules.limit
    undecided = ~unknown if never_accept is None else ~(unknown | never_accept)
    category, confidence = best_of(probabilities, rules.levels[0])
    decision = np.where(unknown, Decision.UNKNOWN, Decision.REVIEW)
    accepted = undecided & reach_thresholds(category, confidence, thresholds[0])
    decision[accepted] = Decision.ACCEPT
    level = np.zeros(len(probabilities), dtype=np.int64)
    parent = np.full(len(probabilities), -1, dtype=np.int64)
    parent_confidence = np.full(len(probabilities), np.nan)
    for height, above in enumerate(rules.levels[1:], start=1):
        undecided &= ~accepted
        best, probability = best_of(probabilities, above)
        accepted = undecided & reach_thresholds(best, probability, thresholds[height])
        decision[accepted], level[accepted] = Decision.PARENT, height
        parent[accepted], parent_confidence[accepted] = best[accepted], probability[accepted]
    return Decisions(decision, category, confidence, level, parent, parent_confidence)


def describe_support(rules: Rules, precision: float) -> str:
    """Says what a promise of `precision` lacks, for people; empty where it is kept as asked.

    Raises:
        DataError: The rules hold no precision as high.
    """
    stored = stored_precision(rules, precision)
    promised = f"{100 * float(stored):g} %"
    supported = [
        level.name
        for level, lowest in zip(rules.levels, rules.thresholds[stored], strict=True)
        if any(one is not None for one in lowest)
    ]
    if CLASS_LEVEL in supported:
        return "" if float(stored) == precision else f"{promised} is promised, the next stored"
    needed = rules.needed.get(stored)
    remedy = f"{needed:,} labelled held-out images would" if needed else "a better model is needed"
    left = f"only a {' or a '.join(supported)} is accepted" if supported else "all is for review"
    return f"the held-out images support no class at {promised} ({remedy}): {left}"


def stored_precision(rules: Rules, precision: float) -> str:
    """Returns the lowest stored precision that is not below `precision`, as text.

    Raises:
        DataError: There is none.
    """
    stored = sorted(rules.thresholds, key=float)
    for name in stored:
        if float(name) >= precision:
            return name
    raise DataError(
        f"the model holds thresholds for precisions up to {stored[-1]}, received {precision:g}; "
        "ask for less"
    )


def best_of(
    probabilities: NDArray[np.float64], level: Level
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Returns the most probable category of `level` and its probability for each row (N, K)."""
    sums = np.zeros((len(probabilities), len(level.categories)))
    for index, member in enumerate(level.members):
        if member is not None:
            sums[:, member] += probabilities[:, index]
    category = sums.argmax(axis=1)
    return category, np.minimum(sums[np.arange(len(sums)), category], 1.0)


def reach_thresholds(
    category: NDArray[np.int64],
    confidence: NDArray[np.float64],
    thresholds: Sequence[float | None],
) -> NDArray[np.bool_]:
    """Returns which items (N,) are promised their category: those that reach its threshold.

    Args:
        category: Index of the category of each item within its level, (N,).
        confidence: Its probability, (N,).
        thresholds: Lowest accepted confidence by category; None where nothing is promised.
    """
    lowest = np.array([np.inf if one is None else one for one in thresholds])
    reached: NDArray[np.bool_] = confidence >= lowest[category]
    return reached


def _judge(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], level: Level
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Returns the best category, its probability and whether it is right, each (N,)."""
    category, confidence = best_of(probabilities, level)
    return category, confidence, level.category_of(labels) == category
