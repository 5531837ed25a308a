"""The recipe with which a model learns on: its own, with settings that suit continuing.

What is changed, and why, is measured in docs/experiments.md, 2026-11-25.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from hangtag.models.folder import find_model_folder, read_card
from hangtag.training.recipes.loading import recipe_from_yaml
from hangtag.training.recipes.schema import Recipe

FROZEN_EPOCHS = 20
"""Epochs at first in which the last layer alone learns, on embeddings computed once: cheap."""

EPOCHS = 0.5
"""Epochs in which all learns, over those of the model's own recipe; at least three."""

FEWEST_EPOCHS = 3

RATE = 0.3
"""Highest learning rate over that of the model's own recipe."""

BACKBONE = 0.1
"""Learning rate of all before the last layer over that of the last."""

FROZEN_RATE = 3e-3
"""Highest learning rate while the last layer alone learns."""

SAMPLING = 1.0
"""How far the classes are drawn equally often: a new one may have few images."""


def continue_recipe(model: str, *, changes: Sequence[str] = ()) -> Recipe:
    """Returns the recipe with which `model` learns on.

    It is the model's own: twenty cheap epochs of the last layer alone, then half the epochs at a
    third of the learning rate, all classes drawn equally often; no images left out, no teacher, no
    early end. A recipe in which the last layer alone learns keeps to that. The recipe of a model
    that has learned on already is left as it is.

    Args:
        model: A shipped name, a model folder or a run folder.
        changes: Fields to change, as in `load_recipe`.

    Raises:
        ModelError: There is no such model, or it is damaged.
        RecipeError: A change is impossible, or the model is of another version.
    """
    own = dict(read_card(find_model_folder(model)).lineage.settings)
    if own.get("init_from") is None:
        own = _suit(recipe_from_yaml(yaml.safe_dump(own), where=f"the recipe of {model}"))
    fields = {**own, "init_from": model}
    return recipe_from_yaml(yaml.safe_dump(fields), where=f"the recipe of {model}", changes=changes)


def _suit(recipe: Recipe) -> dict[str, Any]:
    """Returns the fields of `recipe` with those that suit continuing."""
    before = 0 if recipe.linear_probing is None else recipe.linear_probing.epochs
    thawed = recipe.epochs - before
    more = max(FEWEST_EPOCHS, round(EPOCHS * thawed)) if thawed else 0
    fields: dict[str, Any] = recipe.model_dump(mode="json")
    fields["optimiser"]["learning_rate"] *= RATE
    fields["balance"]["sampling"] = SAMPLING
    return {
        **fields,
        "name": f"{recipe.name}-continued",
        "description": f"Continues a model of the recipe {recipe.name}.",
        "epochs": FROZEN_EPOCHS + more,
        "linear_probing": {
            "epochs": FROZEN_EPOCHS,
            "learning_rate": FROZEN_RATE,
            "views": 2,
            "backbone_factor": BACKBONE,
        },
        "patience": None,
        "data_pruning": None,
        "distillation": None,
    }
