"""What a training is made from, so that it can be named, compared and resumed."""

import numpy as np

from hangtag.datasets.dataset import Dataset, hash_split
from hangtag.datasets.held_out import fingerprint_images, pack_fingerprints
from hangtag.datasets.overview import describe_suppliers
from hangtag.models.card import Lineage, SplitFacts, TaxonomySource, TrainingData
from hangtag.models.folder import find_model_folder, read_card
from hangtag.training.balance import find_class_prior
from hangtag.training.init_from import describe_initial_model
from hangtag.training.recipes.schema import Recipe

_PRIOR_DIGITS = 6


def describe_data(dataset: Dataset, recipe: Recipe) -> TrainingData:
    """Returns the facts of a split dataset for the model card."""
    return TrainingData(
        name=dataset.name,
        resized=dataset.resized,
        splits={
            name: SplitFacts(n=len(split), sha256=hash_split(split))
            for name, split in dataset.splits.items()
        },
        validation_fraction=recipe.validation_fraction,
        held_out=pack_fingerprints(fingerprint_images(dataset.splits["validation"].images)),
        class_prior=_find_class_prior(dataset, recipe),
        supplier_notes=describe_suppliers(dataset),
        taxonomy=TaxonomySource(source=dataset.tree.source, sha256=dataset.tree.sha256)
        if dataset.tree
        else None,
    )


def describe_lineage(dataset: Dataset, recipe: Recipe, *, seed: int) -> Lineage:
    """Returns how a model is made, for its card.

    Raises:
        ModelError: There is no such teacher or initial model, or it is damaged.
    """
    teacher = None
    if recipe.distillation:
        teacher = read_card(find_model_folder(recipe.distillation.teacher)).sha256
    initial = None
    if recipe.init_from is not None:
        initial = describe_initial_model(recipe.init_from, dataset)
    return Lineage(
        recipe=recipe.name,
        description=recipe.description,
        settings=recipe.model_dump(mode="json"),
        seed=seed,
        init_from=initial,
        teacher=teacher,
    )


def _find_class_prior(dataset: Dataset, recipe: Recipe) -> tuple[float, ...]:
    labels = dataset.splits["train"].labels
    counts = np.bincount(labels, minlength=len(dataset.classes)).tolist()
    prior = find_class_prior(recipe.balance, counts)
    return tuple(round(frequency, _PRIOR_DIGITS) for frequency in prior)
