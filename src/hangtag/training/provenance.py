"""What a training was made from, so that it can be named, compared and resumed."""

from typing import Any

from hangtag.catalogue.held_out import HELD_OUT, fingerprint_images, pack_fingerprints
from hangtag.catalogue.items import Catalogue, hash_split
from hangtag.catalogue.overview import describe_suppliers
from hangtag.modelfolder import find_model_folder, read_card
from hangtag.training.beginning import describe_beginning
from hangtag.training.recipes.schema import Recipe


def describe_data(catalogue: Catalogue, recipe: Recipe) -> dict[str, Any]:
    """Returns the name of a catalogue, and by split its number of items and their hash.

    Also whether its images were fitted to the model's size.

    With them, the fingerprints of the images that are held out. Where the items name suppliers,
    what splits share them is there too; where the recipe has a teacher, the hash of its card; where
    it begins from a model, which one that is; the tree of categories, where the user gave one.

    Raises:
        ModelError: There is no such teacher or model, or it is damaged.
    """
    facts: dict[str, Any] = {
        "name": catalogue.name,
        "fitted": catalogue.fitted,
        "splits": {
            name: {"n": len(split), "sha256": hash_split(split)}
            for name, split in catalogue.splits.items()
        },
    }
    facts[HELD_OUT] = pack_fingerprints(fingerprint_images(catalogue.splits["validation"].images))
    if suppliers := describe_suppliers(catalogue):
        facts["suppliers"] = list(suppliers)
    if catalogue.tree:
        facts["taxonomy"] = {"source": catalogue.tree.source, "sha256": catalogue.tree.sha256}
    if recipe.distillation:
        facts["teacher"] = read_card(find_model_folder(recipe.distillation.teacher)).sha256
    if recipe.begin_from is not None:
        facts["began"] = describe_beginning(recipe.begin_from, catalogue)
    return facts
