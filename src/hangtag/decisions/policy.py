"""From probabilities to decisions: accept the class, accept only a parent, review or unknown.

A level is a partition of the classes: the classes themselves, then the categories above them
(T-shirts, shirts, pullovers and coats are all upper-body garments). Where no threshold of the class
is reached but one of a parent is, the decision is `Decision.PARENT`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Annotated, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, model_validator

from hangtag.decisions.ood import choose_ood_threshold
from hangtag.decisions.risk_control import (
    ALPHA,
    TARGET_PRECISIONS,
    choose_thresholds,
    estimate_items_needed,
)
from hangtag.errors import DataError

CLASS_LEVEL = "class"

Probability = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]


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


class _PolicyPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class Level(_PolicyPart):
    """Categories of one height in the taxonomy."""

    name: str
    """``class``, or what the taxonomy calls this height, such as ``group``."""
    categories: tuple[str, ...]
    """Names of the categories, C of them."""
    members: tuple[int | None, ...]
    """By class index, the category it belongs to; null for a class that has none here."""

    def category_of(self, classes: NDArray[np.int64]) -> NDArray[np.int64]:
        """Returns the category of each of `classes` (N,), -1 where there is none, (N,)."""
        return np.array([-1 if member is None else member for member in self.members])[classes]


class DecisionPolicy(_PolicyPart):
    """What a model needs to decide, set on held-out items."""

    levels: tuple[Level, ...]
    """The classes, then the categories above them, nearest first."""
    thresholds: Mapping[str, tuple[tuple[Probability | None, ...], ...]]
    """Lowest accepted confidence by target precision ("0.98"), level and category; null where the
    held-out items support no threshold."""
    items_needed: Mapping[str, int | None]
    """By target precision for which no class has a threshold: how many held-out items would support
    one; null where a better model is needed instead."""
    ood_threshold: Annotated[float, Field(allow_inf_nan=False)]
    """An image with a higher OOD score is unknown."""

    @model_validator(mode="after")
    def _check_shapes(self) -> Self:
        """Refuses levels and thresholds that do not fit each other."""
        if not self.levels or self.levels[0].name != CLASS_LEVEL:
            raise ValueError("the first level of the policy must be the classes")
        for level in self.levels:
            members = [member for member in level.members if member is not None]
            fits = all(0 <= member < len(level.categories) for member in members)
            if len(level.members) != len(self.levels[0].categories) or not fits:
                raise ValueError(f"level {level.name} does not fit the classes")
        sizes = [len(level.categories) for level in self.levels]
        for precision, of_levels in self.thresholds.items():
            if not 0 < float(precision) < 1 or [len(part) for part in of_levels] != sizes:
                raise ValueError(f"the thresholds for {precision} do not fit the levels")
        return self


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
        with the same classes as a category below it is left out.
    """
    levels = [
        Level(name=CLASS_LEVEL, categories=tuple(classes), members=tuple(range(len(classes))))
    ]
    known = {frozenset([index]) for index in range(len(classes))}
    for height, name in enumerate(names):
        above = [chain[height] if height < len(chain) else None for chain in parents]
        groups = {
            category: frozenset(i for i, parent in enumerate(above) if parent == category)
            for category in dict.fromkeys(above)
            if category is not None
        }
        new = [category for category, group in groups.items() if group not in known]
        known |= set(groups.values())
        if new:
            members = tuple(new.index(parent) if parent in new else None for parent in above)
            levels.append(Level(name=name, categories=tuple(new), members=members))
    return tuple(levels)


def fit_policy(
    probabilities: NDArray[np.float64],
    ood_scores: NDArray[np.floating],
    labels: NDArray[np.int64],
    *,
    levels: tuple[Level, ...],
) -> DecisionPolicy:
    """Sets thresholds for every target precision on N held-out items.

    The thresholds of a level above the classes are set on the items that the levels below leave, so
    that the accepted items of each level keep the target precision. A category without held-out
    items has no threshold, because nothing shows how well it is recognised.

    Args:
        probabilities: Calibrated, (N, K).
        ood_scores: (N,).
        labels: True classes, (N,).
        levels: As `build_levels` returns them.
    """
    ood_threshold = choose_ood_threshold(ood_scores)
    known = ood_scores <= ood_threshold
    thresholds, items_needed = {}, {}
    for target_precision in TARGET_PRECISIONS:
        name = f"{target_precision:g}"
        thresholds[name] = _choose_by_level(
            probabilities, labels, levels, undecided=known, target_precision=target_precision
        )
        if all(threshold is None for threshold in thresholds[name][0]):
            _, confidence, correct = _judge(probabilities, labels, levels[0])
            enough = estimate_items_needed(
                confidence[known],
                correct[known],
                target_precision=target_precision,
                alpha=ALPHA / 2,  # With more items classes get thresholds of their own.
            )
            items_needed[name] = None if enough is None else int(np.ceil(enough / known.mean()))
    return DecisionPolicy(
        levels=levels,
        thresholds=thresholds,
        items_needed=items_needed,
        ood_threshold=ood_threshold,
    )


def _choose_by_level(
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    levels: tuple[Level, ...],
    *,
    undecided: NDArray[np.bool_],
    target_precision: float,
) -> tuple[tuple[float | None, ...], ...]:
    """Chooses thresholds by level and category on the `undecided` items (N,)."""
    by_level = []
    for level in levels:
        category, confidence, correct = _judge(probabilities, labels, level)
        held_out = np.isin(np.arange(len(level.categories)), level.category_of(labels))
        items = undecided & held_out[category]
        chosen = choose_thresholds(
            confidence[items],
            correct[items],
            category[items],
            classes=len(level.categories),
            target_precision=target_precision,
        )
        kept = tuple(
            threshold if has_items else None
            for threshold, has_items in zip(chosen, held_out, strict=True)
        )
        by_level.append(kept)
        undecided = undecided & ~reach_thresholds(category, confidence, kept)
    return tuple(by_level)


def decide(
    probabilities: NDArray[np.float64],
    ood_scores: NDArray[np.floating],
    policy: DecisionPolicy,
    *,
    target_precision: float,
    never_accept: NDArray[np.bool_] | None = None,
) -> Decisions:
    """Decides on N items.

    Args:
        probabilities: Calibrated, (N, K).
        ood_scores: (N,); above the threshold of the policy an item is unknown.
        policy: As `fit_policy` returns it.
        target_precision: In (0, 1); the lowest stored precision that is not below it counts.
        never_accept: Items (N,) that are not like the held-out ones, so that no threshold holds
            for them: they are for review at best. None where there are no such items.

    Raises:
        DataError: The policy has no thresholds for a precision as high.
    """
    thresholds = policy.thresholds[stored_precision(policy, target_precision)]
    unknown = is_ood(ood_scores, policy)
    undecided = ~unknown if never_accept is None else ~(unknown | never_accept)
    category, confidence = best_of(probabilities, policy.levels[0])
    decision = np.where(unknown, Decision.UNKNOWN, Decision.REVIEW)
    accepted = undecided & reach_thresholds(category, confidence, thresholds[0])
    decision[accepted] = Decision.ACCEPT
    level = np.zeros(len(probabilities), dtype=np.int64)
    parent = np.full(len(probabilities), -1, dtype=np.int64)
    parent_confidence = np.full(len(probabilities), np.nan)
    for height, above in enumerate(policy.levels[1:], start=1):
        undecided &= ~accepted
        best, probability = best_of(probabilities, above)
        accepted = undecided & reach_thresholds(best, probability, thresholds[height])
        decision[accepted], level[accepted] = Decision.PARENT, height
        parent[accepted], parent_confidence[accepted] = best[accepted], probability[accepted]
    return Decisions(decision, category, confidence, level, parent, parent_confidence)


def is_ood(ood_scores: NDArray[np.floating], policy: DecisionPolicy) -> NDArray[np.bool_]:
    """Returns which items with `ood_scores` (N,) are out of distribution, (N,)."""
    above: NDArray[np.bool_] = ood_scores > policy.ood_threshold
    return above


def describe_support(policy: DecisionPolicy, target_precision: float) -> str:
    """Says for people what a model lacks for `target_precision`; empty where nothing is lacking.

    Raises:
        DataError: The policy has no thresholds for a precision as high.
    """
    stored = stored_precision(policy, target_precision)
    percent = f"{100 * float(stored):g} %"
    supported = [
        level.name
        for level, thresholds in zip(policy.levels, policy.thresholds[stored], strict=True)
        if any(threshold is not None for threshold in thresholds)
    ]
    if CLASS_LEVEL in supported:
        if float(stored) == target_precision:
            return ""
        return f"uses its thresholds for {percent} precision, the next higher it has"
    needed = policy.items_needed.get(stored)
    rest = "only parent categories are accepted" if supported else "everything goes to review"
    if not needed:
        return (
            f"the model accepts no single class at {percent} precision (train a better one); {rest}"
        )
    return (
        f"too few validation images to accept single classes at {percent} precision "
        f"(about {needed:,} needed); {rest}"
    )


def stored_precision(policy: DecisionPolicy, target_precision: float) -> str:
    """Returns the lowest stored precision that is not below `target_precision`, as text.

    Raises:
        DataError: There is none, or it is no precision.
    """
    if not 0 < target_precision < 1:
        raise DataError(
            f"expected a precision above 0 and below 1, such as 0.95, received {target_precision:g}"
        )
    stored = sorted(policy.thresholds, key=float)
    for name in stored:
        if float(name) >= target_precision:
            return name
    raise DataError(
        f"the model has thresholds for precisions up to {stored[-1]}, received "
        f"{target_precision:g}; ask for less"
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
    """Returns which items reach the threshold of their category, (N,).

    Args:
        category: Index of the category of each item within its level, (N,).
        confidence: Its probability, (N,).
        thresholds: Lowest accepted confidence by category; None where nothing is accepted.
    """
    lowest = np.array([np.inf if value is None else value for value in thresholds])
    reached: NDArray[np.bool_] = confidence >= lowest[category]
    return reached


def _judge(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], level: Level
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.bool_]]:
    """Returns the best category, its probability and whether it is right, each (N,)."""
    category, confidence = best_of(probabilities, level)
    return category, confidence, level.category_of(labels) == category
