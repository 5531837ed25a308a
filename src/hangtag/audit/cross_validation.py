"""Cross-validation: label issues of a feed without a model for its labels.

A logistic regression on a model's embeddings learns the labels as they are, in five folds; each
item gets probabilities from a fit that has not seen it. Where suppliers share their labels, that
fit has seen nothing of its supplier either. Where they do not, each item is compared only with the
labels of its own supplier, so that other labels for the same thing do not contradict it. Confident
learning then estimates how many labels are wrong (cleanlab; Northcutt, Jiang and Chuang 2021), and
those with the lowest probability are listed. Everything is in memory.

Letters: N items, K labels, D embedding.
"""

import itertools
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from dataclasses import astuple, dataclass, replace
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.feed import Feed, FeedItem, load_model, open_feed
from hangtag.audit.outputs import open_output_folder
from hangtag.audit.run import check_folder
from hangtag.audit.tables import ISSUE_COLUMNS, ISSUES, open_broken
from hangtag.environment import require_extra
from hangtag.errors import DataError, OutputError
from hangtag.images.decoder_pool import DecoderPool
from hangtag.models.classifier import Classifier
from hangtag.pipeline.rows import DIGITS
from hangtag.progress import OnProgress, ShowStep
from hangtag.reports.audit_page import PAGE
from hangtag.tables.records import Records
from hangtag.tables.writing import write_table
from hangtag.taxonomy.spelling import fold_label

FOLDS = 5
MAX_ITEMS = 200_000
"""More items would need more memory than a usual machine has."""

_BATCH = 256
_INVERSE_PENALTY = 0.01
"""Of the regression, on standardised embeddings; docs/audit-of-real-photos.md says how chosen."""

_SHARED_LABELS = 0.9
"""Fraction of the items with labels of at least five suppliers from which suppliers are kept apart
between folds."""


@dataclass(frozen=True, slots=True)
class CrossValidationIssue:
    """A row of issues.csv; the fields are those of `hangtag.audit.result.IssueRecord`.

    ``automatic`` is always no: corrections are tested on right labels, and there are none.
    """

    id: str
    supplier: str
    label: str
    suggested: str
    score: float
    confidence: float
    automatic: Literal["no"]
    image: str


@dataclass(frozen=True, slots=True)
class CrossValidationResult:
    """What cross-validation found.

    Attributes:
        issues: Label issues, the worst first.
        items: Items that were judged.
        labels: Number of distinct labels among them.
        errors: Items whose image cannot be read.
        rare: Items that were not judged: their label has fewer than five items, or, with suppliers
            apart, fewer than five suppliers.
        suppliers_apart: Whether each item was judged by the labels of other suppliers, else by
            those of its own.
    """

    issues: Records[CrossValidationIssue]
    items: int
    labels: int
    errors: int
    rare: int
    suppliers_apart: bool


def cross_validate(
    feed: str | Path | Feed,
    *,
    model: str | Path | Classifier | None = None,
    out: Path | None = None,
    workers: int | None = None,
    progress: ShowStep | None = None,
) -> CrossValidationResult:
    """Finds label issues of a feed by comparing its labels with one another.

    Args:
        feed: A table of items, or its path; labels that differ in case and spaces are the same.
        model: Computes the embeddings; its own classes do not matter. By default the shipped model
            for the images of the feed.
        out: Folder for ``issues.csv`` and ``issues.parquet``, none by default.
        workers: Processes that decode images; by default one a core, at most 8.
        progress: Opens a progress bar for each step.

    Raises:
        MissingExtraError: cleanlab is not installed.
        DataError: There are too many items, or fewer than two labels with five items.
        OutputError: The folder holds an audit by a model, or cannot be written.
    """
    require_extra("audit", "hangtag audit --cross-validate")
    check_folder(out)
    if out is not None and (out / PAGE).exists():
        raise OutputError(f"{out} holds an audit by a model; pass another folder")
    feed = open_feed(str(feed)) if isinstance(feed, str | Path) else feed
    show = progress or (lambda step: nullcontext())
    classifier = load_model(model, feed)
    with nullcontext() if out is None else open_output_folder(out) as folder:
        with show("embedding images") as on_progress, open_broken(folder) as on_broken:
            found = _embed_items(feed, classifier, workers, on_broken, on_progress)
        result = _judge_items(feed, *found)
        if folder is not None:
            columns = {name: ISSUE_COLUMNS[name] for name in result.issues.columns}
            for name in ISSUES:
                write_table(folder / name, columns, map(astuple, result.issues))
    return result


def _judge_items(
    feed: Feed, items: list[FeedItem], embeddings: NDArray[np.float32], errors: int
) -> CrossValidationResult:
    names, labels = np.unique([fold_label(item.label) for item in items], return_inverse=True)
    suppliers = np.unique([item.supplier for item in items], return_inverse=True)[1]
    apart = _share_labels(labels, suppliers)
    kept = np.flatnonzero(_count(labels, suppliers if apart else None)[labels] >= FOLDS)
    present, labels = np.unique(labels[kept], return_inverse=True)
    if len(present) < 2:
        raise DataError(
            f"{feed.path}: cross-validation needs at least two labels with {FOLDS} items or more, "
            f"found {len(present)}; audit without --cross-validate"
        )
    chosen = [items[index] for index in kept]
    spellings = {fold_label(item.label): item.label for item in reversed(chosen)}
    label_names = [spellings[str(names[index])] for index in present]
    suppliers = suppliers[kept]
    probabilities = _predict_labels(embeddings[kept], labels, suppliers if apart else None)
    if not apart:
        probabilities = _keep_own_labels(probabilities, labels, suppliers)
    return CrossValidationResult(
        issues=_find_issues(chosen, probabilities, labels, label_names),
        items=len(chosen),
        labels=len(present),
        errors=errors,
        rare=len(items) - len(chosen),
        suppliers_apart=apart,
    )


def _count(labels: NDArray[np.int64], suppliers: NDArray[np.int64] | None) -> NDArray[np.int64]:
    """Returns how many items, or how many suppliers, each label has."""
    if suppliers is None:
        return np.bincount(labels)
    pairs = np.unique(np.stack([labels, suppliers], axis=1), axis=0)
    return np.bincount(pairs[:, 0])


def _share_labels(labels: NDArray[np.int64], suppliers: NDArray[np.int64]) -> bool:
    """Returns whether nearly all items have labels that several suppliers use."""
    if not len(labels):
        return False
    is_shared = _count(labels, suppliers)[labels] >= FOLDS
    return bool(is_shared.mean() >= _SHARED_LABELS)


def _embed_items(
    feed: Feed,
    classifier: Classifier,
    workers: int | None,
    on_broken: Callable[[FeedItem], None],
    on_progress: OnProgress | None,
) -> tuple[list[FeedItem], NDArray[np.float32], int]:
    """Returns the labelled items, their embeddings (N, D), and how many cannot be read."""
    items: list[FeedItem] = []
    total, parts, errors = feed.total, [], 0
    with DecoderPool(workers) as pool:
        for batch in _batches(feed.read(pool, classifier.card.input)):
            readable = [item for item in batch if item.pixels is not None and item.label]
            for broken in (item for item in batch if item.pixels is None):
                on_broken(broken)
                errors += 1
            items += [replace(item, pixels=None) for item in readable]
            if len(items) > MAX_ITEMS:
                raise DataError(
                    f"{feed.path}: cross-validation takes at most {MAX_ITEMS:,} items; audit "
                    "without --cross-validate, or a part of the feed"
                )
            if readable:
                pixels = [item.pixels for item in readable if item.pixels is not None]
                parts.append(classifier.embed(np.stack(pixels)))
            if on_progress:
                on_progress(len(items) + errors, total)
    return items, np.concatenate(parts) if parts else np.zeros((0, 1), np.float32), errors


def _batches(items: Iterator[FeedItem]) -> Iterator[list[FeedItem]]:
    while batch := list(itertools.islice(items, _BATCH)):
        yield batch


def _predict_labels(
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
    for seen, held_out in folds.split(embeddings, labels, suppliers):
        fit.fit(embeddings[seen], labels[seen])
        predicted[np.ix_(held_out, fit.classes_)] = fit.predict_proba(embeddings[held_out])
        unknown = held_out[~np.isin(labels[held_out], fit.classes_)]
        predicted[unknown] = np.eye(predicted.shape[1])[labels[unknown]]
    return predicted


def _keep_own_labels(
    probabilities: NDArray[np.float64], labels: NDArray[np.int64], suppliers: NDArray[np.int64]
) -> NDArray[np.float64]:
    """Returns probabilities (N, K) among the labels that the supplier of each item uses."""
    used = np.zeros((suppliers.max() + 1, probabilities.shape[1]), bool)
    used[suppliers, labels] = True
    own: NDArray[np.float64] = probabilities * used[suppliers]
    own /= own.sum(axis=1, keepdims=True)
    return own


def _find_issues(
    items: list[FeedItem],
    probabilities: NDArray[np.float64],
    labels: NDArray[np.int64],
    names: list[str],
) -> Records[CrossValidationIssue]:
    from cleanlab.filter import find_label_issues

    worst = find_label_issues(
        labels,
        probabilities,
        filter_by="low_self_confidence",
        return_indices_ranked_by="self_confidence",
        n_jobs=1,
    )
    best = probabilities.argmax(axis=1)
    issues = [
        CrossValidationIssue(
            id=items[index].id,
            supplier=items[index].supplier,
            label=items[index].label,
            suggested=names[best[index]],
            score=round(float(1 - probabilities[index, labels[index]]), DIGITS),
            confidence=round(float(probabilities[index, best[index]]), DIGITS),
            automatic="no",
            image=items[index].image,
        )
        for index in worst.tolist()
    ]
    return Records(CrossValidationIssue, issues)
