"""The recipe with which a model learns on: its own, with settings that suit continuing.

What is changed, and why, is measured in docs/experiments.md, 2026-11-25.
"""

from collections.abc import Sequence
from typing import Any

import yaml

from hangtag.modelfolder import find_model_folder, read_card
from hangtag.training.recipes.loading import recipe_from_yaml
from hangtag.training.recipes.schema import Recipe

EPOCHS = 0.5
"""Epochs over those of the model's own recipe."""

FEWEST_EPOCHS = 6
"""Epochs at the least, half of them frozen."""

RATE = 0.3
"""Highest learning rate over that of the model's own recipe."""

BACKBONE = 0.1
"""Learning rate of all before the last layer over that of the last."""

FROZEN_RATE = 3e-3
"""Highest learning rate while the last layer alone learns."""

SAMPLING = 0.5
"""How far the classes are drawn equally often: a new one may have few images."""


def continue_recipe(model: str, *, changes: Sequence[str] = ()) -> Recipe:
    """Returns the recipe with which `model` learns on.

    It is the model's own: half the epochs at a third of the learning rate, at first in the last
    layer alone, small classes drawn more often, no images left out and no teacher. The recipe of a
    model that has learned on already is left as it is.

    Args:
        model: A shipped name, a model folder or a run folder.
        changes: Fields to change, as in `load_recipe`.

    Raises:
        ModelError: There is no such model, or it is damaged.
        RecipeError: A change is impossible, or the model is of another version.
    """
    own = dict(read_card(find_model_folder(model)).recipe)
    if own.get("begin_from") is None:
        own = _suit(recipe_from_yaml(yaml.safe_dump(own), where=f"the recipe of {model}"))
    fields = {**own, "begin_from": model}
    return recipe_from_yaml(yaml.safe_dump(fields), where=f"the recipe of {model}", changes=changes)


def _suit(recipe: Recipe) -> dict[str, Any]:
    """Returns the fields of `recipe` with those that suit continuing."""
    epochs = max(FEWEST_EPOCHS, round(EPOCHS * recipe.epochs))
    stays_frozen = recipe.transfer is not None and recipe.transfer.frozen_epochs == recipe.epochs
    fields: dict[str, Any] = recipe.model_dump(mode="json")
    fields["optimiser"]["learning_rate"] *= RATE
    fields["balance"]["sampling"] = SAMPLING
    return {
        **fields,
        "name": f"{recipe.name}-continued",
        "description": f"Continues a model of the recipe {recipe.name}.",
        "epochs": epochs,
        "transfer": {
            "frozen_epochs": epochs if stays_frozen else epochs // 2,
            "frozen_rate": FROZEN_RATE,
            "copies": 2,
            "backbone": BACKBONE,
        },
        "skip": None,
        "distillation": None,
    }
