"""What a training was made from, so that it can be named, compared and resumed."""

from typing import Any

from hangtag.datasets.dataset import Dataset, hash_split
from hangtag.datasets.held_out import HELD_OUT, fingerprint_images, pack_fingerprints
from hangtag.datasets.overview import describe_suppliers
from hangtag.models.folder import find_model_folder, read_card
from hangtag.training.init_from import describe_beginning
from hangtag.training.recipes.schema import Recipe


def describe_data(dataset: Dataset, recipe: Recipe) -> dict[str, Any]:
    """Returns the name of a dataset, and by split its number of items and their hash.

    Also whether its images were resized to the model's size.

    With them, the fingerprints of the images that are held out. Where the items name suppliers,
    what splits share them is there too; where the recipe has a teacher, the hash of its card; where
    it begins from a model, which one that is; the tree of categories, where the user gave one.

    Raises:
        ModelError: There is no such teacher or model, or it is damaged.
    """
    facts: dict[str, Any] = {
        "name": dataset.name,
        "resized": dataset.resized,
        "splits": {
            name: {"n": len(split), "sha256": hash_split(split)}
            for name, split in dataset.splits.items()
        },
    }
    facts[HELD_OUT] = pack_fingerprints(fingerprint_images(dataset.splits["validation"].images))
    if suppliers := describe_suppliers(dataset):
        facts["suppliers"] = list(suppliers)
    if dataset.tree:
        facts["taxonomy"] = {"source": dataset.tree.source, "sha256": dataset.tree.sha256}
    if recipe.distillation:
        facts["teacher"] = read_card(find_model_folder(recipe.distillation.teacher)).sha256
    if recipe.init_from is not None:
        facts["began"] = describe_beginning(recipe.init_from, dataset)
    return facts
