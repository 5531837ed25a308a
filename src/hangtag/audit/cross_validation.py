"""Issues of a dataset without a model of its own: each part judged by labels of the rest.

A logistic regression on a model's embeddings learns the labels as they are, in five folds; each
item gets probabilities from a fit that has not seen it. Where suppliers share their labels, that
fit has seen nothing of its supplier either; where they do not, each item is judged among the words
of its own supplier, so that other words for the same thing do not contradict it. Confident learning
then says how many labels are wrong (cleanlab; Northcutt, Jiang and Chuang 2021), and those with the
least probability are listed. Everything is in memory.
"""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.feed import Feed, FeedItem, fold_label
from hangtag.audit.scan import find_shape
from hangtag.environment import require_extra
from hangtag.errors import DataError
from hangtag.models.classifier import Classifier
from hangtag.pipeline.rows import DIGITS
from hangtag.progress import OnProgress
from hangtag.readers import Decoders
from hangtag.tables.columns import Cell, ColumnKind

FOLDS = 5
MOST_ITEMS = 200_000
"""More items would need more memory than a usual machine has."""

COLUMNS: dict[str, ColumnKind] = {
    "id": "text",
    "supplier": "text",
    "label": "text",
    "suggested": "text",
    "score": "number",
    "confidence": "number",
    "automatic": "text",
    "image": "text",
}
"""The first ones of an audit by a model. ``automatic`` is always no: a correction keeps a promise
that is tested on right labels, and there are none."""

_BATCH = 256
_INVERSE_PENALTY = 0.01
"""Of the regression, on standardised embeddings; docs/audit-of-real-photos.md says how chosen."""

_SHARED = 0.9
"""Share of the items whose labels come from five suppliers or more, from which suppliers are kept
apart."""


@dataclass(frozen=True, slots=True)
class CrossValidated:
    """What cross-validation found.

    Attributes:
        rows: Issues as rows of `COLUMNS`, the worst first.
        items: Items that were judged.
        labels: Distinct labels among them.
        errors: Items whose image cannot be read.
        rare: Items whose label has fewer than five items, or, with suppliers apart, comes from
            fewer than five suppliers; they are not judged.
        apart: Whether each item was judged by what other suppliers call theirs; else it was
            judged among the words of its own.
    """

    rows: list[tuple[Cell, ...]]
    items: int
    labels: int
    errors: int
    rare: int
    apart: bool


def cross_validate(
    feed: Feed,
    classifier: Classifier,
    *,
    workers: int | None = None,
    on_progress: OnProgress | None = None,
) -> CrossValidated:
    """Finds the items of a feed whose image contradicts the label, among those of all suppliers.

    Args:
        feed: Its labels are taken as they are, case and spaces apart.
        classifier: Gives embeddings; what it calls the images does not matter.
        workers: Processes that decode images.
        on_progress: Called as images are read.

    Raises:
        MissingExtraError: cleanlab is not installed.
        DataError: There are too many items, or fewer than two labels with five items.
    """
    require_extra("audit", "hangtag audit --cross-validate")
    items, embeddings, errors = _embed(feed, classifier, workers, on_progress)
    names, labels = np.unique([fold_label(one.label) for one in items], return_inverse=True)
    suppliers = np.unique([one.supplier for one in items], return_inverse=True)[1]
    apart = _shares_labels(labels, suppliers)
    kept = np.flatnonzero(_count(labels, suppliers if apart else None)[labels] >= FOLDS)
    present, labels = np.unique(labels[kept], return_inverse=True)
    if len(present) < 2:
        raise DataError(
            f"{feed.path}: cross-validation needs at least two labels with {FOLDS} items or more, "
            f"found {len(present)}; audit it without --cross-validate"
        )
    chosen = [items[index] for index in kept]
    spelled = {fold_label(one.label): one.label for one in reversed(chosen)}
    written = [spelled[str(names[index])] for index in present]
    suppliers = suppliers[kept]
    predicted = _predict(embeddings[kept], labels, suppliers if apart else None)
    if not apart:
        predicted = _keep_own_words(predicted, labels, suppliers)
    rows = _find_issues(chosen, predicted, labels, written)
    rare = len(items) - len(chosen)
    return CrossValidated(rows, len(chosen), len(present), errors, rare, apart)


def _count(labels: NDArray[np.int64], suppliers: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Returns how many items, or how many suppliers, each label has."""
    if suppliers is None:
        return np.bincount(labels)
    pairs = np.unique(np.stack([labels, suppliers], axis=1), axis=0)
    return np.bincount(pairs[:, 0])


def _shares_labels(labels: NDArray[np.int64], suppliers: NDArray[np.int64]) -> bool:
    """Returns whether nearly all items have labels that several suppliers use."""
    if not len(labels):
        return False
    shared = _count(labels, suppliers)[labels] >= FOLDS
    return bool(shared.mean() >= _SHARED)


def _embed(
    feed: Feed, classifier: Classifier, workers: int | None, on_progress: OnProgress | None
) -> tuple[list[FeedItem], NDArray[np.float32], int]:
    """Returns the labelled items, their embeddings (N, D), and how many cannot be read."""
    total, items, parts, errors = feed.count(), [], [], 0
    with Decoders(workers) as decoders:
        for batch in _batches(feed.read(decoders, shape=find_shape(classifier))):
            readable = [one for one in batch if one.pixels is not None and one.label]
            errors += sum(one.pixels is None for one in batch)
            items += [_forget_pixels(one) for one in readable]
            if len(items) > MOST_ITEMS:
                raise DataError(
                    f"{feed.path}: cross-validation takes at most {MOST_ITEMS:,} items; audit it "
                    "without --cross-validate, or a part of it"
                )
            if readable:
                pixels = [one.pixels for one in readable if one.pixels is not None]
                parts.append(classifier.embed(np.stack(pixels)))
            if on_progress:
                on_progress(len(items) + errors, total)
    return items, np.concatenate(parts) if parts else np.zeros((0, 1), np.float32), errors


def _batches(items: Iterator[FeedItem]) -> Iterator[list[FeedItem]]:
    while batch := list(itertools.islice(items, _BATCH)):
        yield batch


def _forget_pixels(one: FeedItem) -> FeedItem:
    return FeedItem(one.id, one.supplier, one.label, one.image, one.path, None, one.error)


def _predict(
    embeddings: NDArray[np.float32],
    labels: NDArray[np.int64],
    suppliers: NDArray[np.int64] | None,
) -> NDArray[np.float64]:
    """Returns probabilities (N, K) from fits that have not seen the item, nor its supplier.

    An item whose label no fit has seen keeps it: its probability is one.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedGroupKFold, StratifiedKFold
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    fit = make_pipeline(StandardScaler(), LogisticRegression(C=_INVERSE_PENALTY, max_iter=1000))
    kind = StratifiedKFold if suppliers is None else StratifiedGroupKFold
    folds = kind(FOLDS, shuffle=True, random_state=0)
    predicted = np.zeros((len(labels), int(labels.max()) + 1))
    for seen, held in folds.split(embeddings, labels, suppliers):
        fit.fit(embeddings[seen], labels[seen])
        predicted[np.ix_(held, fit.classes_)] = fit.predict_proba(embeddings[held])
        unknown = held[~np.isin(labels[held], fit.classes_)]
        predicted[unknown] = np.eye(predicted.shape[1])[labels[unknown]]
    return predicted


def _keep_own_words(
    predicted: NDArray[np.float64], labels: NDArray[np.int64], suppliers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Returns probabilities (N, K) among the words that the supplier of each item uses."""
    used = np.zeros((suppliers.max() + 1, predicted.shape[1]), bool)
    used[suppliers, labels] = True
    own: NDArray[np.float64] = predicted * used[suppliers]
    own /= own.sum(axis=1, keepdims=True)
    return own


def _find_issues(
    items: list[FeedItem],
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    names: list[str],
) -> list[tuple[Cell, ...]]:
    from cleanlab.filter import find_label_issues

    worst = find_label_issues(
        labels,
        probabilities,
        filter_by="low_self_confidence",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    best = probabilities.argmax(axis=1)
    return [
        (
            items[index].id,
            items[index].supplier,
            items[index].label,
            names[best[index]],
            round(float(1 - probabilities[index, labels[index]]), DIGITS),
            round(float(probabilities[index, best[index]]), DIGITS),
            "no",
            items[index].image,
        )
        for index in worst.tolist()
    ]
