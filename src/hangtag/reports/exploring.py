"""Exploring a data set: its figures, the quality of its photos, its page and tables in a folder."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets import BROKEN, Dataset, load_dataset, write_broken
from hangtag.datasets.image_quality import (
    QUALITY,
    ImageQuality,
    find_quality_issues,
    write_quality_issues,
)
from hangtag.datasets.near_duplicates import (
    DUPLICATES,
    find_photo_duplicates,
    write_photo_duplicates,
)
from hangtag.datasets.photos import list_photos
from hangtag.environment import require_extra
from hangtag.errors import DataError
from hangtag.images.spec import PHOTO_SPEC
from hangtag.models.classifier import Classifier
from hangtag.models.router import PHOTO_MODEL
from hangtag.progress import ShowStep, show_nothing
from hangtag.reports.exploration import Exploration, measure_dataset
from hangtag.reports.exploration_page import write_exploration
from hangtag.reports.mosaics import AugmentedCopies

NO_MODEL = "none"
"""The model that compares hashes only."""


@dataclass(frozen=True, slots=True)
class ExploredDataset:
    """A data set that was explored.

    Attributes:
        dataset: The data set.
        exploration: Its figures.
        quality: Quality issues and duplicates; None for grey images.
        page: The page, ``explore.html``.
    """

    dataset: Dataset
    exploration: Exploration
    quality: ImageQuality | None
    page: Path

    def to_json(self) -> dict[str, Any]:
        """Returns the figures as plain JSON types."""
        content = self.exploration.to_json()
        if self.quality:
            broken = [asdict(image) for image in self.dataset.broken]
            content["image_quality"] = {**self.quality.to_json(), "broken": broken}
        return {**content, "report": str(self.page)}


def explore(
    data: str | Path,
    out: Path,
    *,
    model: str | None = None,
    augment: Callable[[Dataset], AugmentedCopies] | None = None,
    offline: bool = False,
    show_step: ShowStep = show_nothing,
) -> ExploredDataset:
    """Explores a data set and writes ``explore.html``, its figures and its tables.

    For photos the tables are ``quality.csv``, ``duplicates.csv`` and ``broken.csv``.

    Args:
        data: A name or a path, see `load_dataset`.
        out: Folder to write into; made where missing.
        model: A model of photos, whose embeddings find more near-duplicates; ``none`` compares
            hashes only. By default `PHOTO_MODEL` where there are photos.
        augment: Draws augmented copies of some images, to show on the page.
        offline: Never use the network.
        show_step: Shows the progress of each step.

    Raises:
        DataError: `data` cannot be read or is empty, or `model` does not fit it.
        FetchError: A data set that is known by name cannot be obtained.
        MissingExtraError: The extra report is not installed.
        ModelError: There is no such model.
        OutputError: A file cannot be written.
    """
    require_extra("report", "exploring a data set")
    classifier = None if model in (None, NO_MODEL) else _load_photo_model(model)
    with show_step("reading data") as on_progress:
        dataset = load_dataset(data, offline=offline, on_progress=on_progress)
    exploration = measure_dataset(dataset)
    quality = None
    if dataset.first.images.ndim == 4:
        embeddings = None
        if model != NO_MODEL:
            classifier = classifier or _load_photo_model(PHOTO_MODEL)
            embeddings = _embed(classifier, data, dataset, offline=offline, show_step=show_step)
        name = None if model == NO_MODEL else model or PHOTO_MODEL
        quality = _check_quality(dataset, embeddings, model=name, show_step=show_step)
        _write_tables(out, dataset, quality)
    elif model is not None:
        raise DataError(f"--model: {dataset.source} holds no photos; leave the option out")
    augmented = None if augment is None else augment(dataset)
    with show_step("drawing the figures"):
        page = write_exploration(out, dataset, exploration, augmented=augmented, quality=quality)
    return ExploredDataset(dataset, exploration, quality, page)


def _load_photo_model(name: str) -> Classifier:
    classifier = Classifier.load(name)
    spec = classifier.card.input
    if spec.channels != 3:
        raise DataError(
            f"--model {name}: expected a model of photos in colour, received one of grey images of "
            f"{spec.width}x{spec.height} pixels; train one with --recipe photo-fast"
        )
    return classifier


def _embed(
    classifier: Classifier,
    data: str | Path,
    dataset: Dataset,
    *,
    offline: bool,
    show_step: ShowStep,
) -> NDArray[np.float32]:
    """Returns the embeddings of all photos, (N, D); reads them again for another input size."""
    spec = classifier.card.input
    if spec != PHOTO_SPEC:
        with show_step("reading data") as on_progress:
            dataset = load_dataset(data, spec=spec, offline=offline, on_progress=on_progress)
    with show_step("computing embeddings") as on_progress:
        parts = [
            classifier.embed(split.images, on_progress=on_progress)
            for split in dataset.splits.values()
        ]
    return np.concatenate(parts)


def _check_quality(
    dataset: Dataset,
    embeddings: NDArray[np.float32] | None,
    *,
    model: str | None,
    show_step: ShowStep,
) -> ImageQuality:
    """Finds quality issues and duplicates among the photos of a dataset."""
    photos = list_photos(dataset)
    with show_step("measuring photos") as on_progress:
        issues = find_quality_issues(photos, on_progress=on_progress)
    with show_step("finding duplicates") as on_progress:
        duplicates = find_photo_duplicates(photos, embeddings, on_progress=on_progress)
    return ImageQuality(photos, issues, duplicates, model)


def _write_tables(out: Path, dataset: Dataset, quality: ImageQuality) -> None:
    write_quality_issues(out / QUALITY, quality.issues, quality.photos)
    write_photo_duplicates(out / DUPLICATES, quality.duplicates, quality.photos)
    write_broken(out / BROKEN, dataset.broken)
