"""The recipe that fine-tunes a model: its own, with settings that suit fine-tuning.

What is changed, and why, is measured in docs/experiments.md, 2026-11-25.
"""

from typing import Any

from hangtag.training.recipes.schema import Recipe

PROBING_EPOCHS = 20
"""Epochs of linear probing at the start; cheap, as embeddings are computed once."""

PROBING_RATE = 3e-3
"""Highest learning rate of linear probing."""

EPOCHS_FACTOR = 0.5
"""Epochs that train the whole network, over those of the model's own recipe; at least three."""

MIN_EPOCHS = 3

RATE_FACTOR = 0.3
"""Highest learning rate over that of the model's own recipe."""

BACKBONE_FACTOR = 0.1
"""Learning rate of the backbone over that of the last layer."""

SAMPLING = 1.0
"""How far the classes are sampled equally often: a new one may have few images."""


def suit_fine_tuning(recipe: Recipe) -> dict[str, Any]:
    """Returns the fields of a model's own recipe with those that suit fine-tuning it.

    Twenty cheap epochs of linear probing, then half the epochs at a third of the learning rate, all
    classes sampled equally often; no data pruning, no teacher, no early stopping. A recipe of
    linear probing alone keeps to that. The recipe of a model that was fine-tuned already is left as
    it is.
    """
    fields: dict[str, Any] = recipe.model_dump(mode="json")
    if recipe.init_from is not None:
        return fields
    probed = 0 if recipe.linear_probing is None else recipe.linear_probing.epochs
    whole = recipe.epochs - probed
    more = max(MIN_EPOCHS, round(EPOCHS_FACTOR * whole)) if whole else 0
    fields["optimiser"]["learning_rate"] *= RATE_FACTOR
    fields["balance"]["sampling"] = SAMPLING
    return {
        **fields,
        "name": f"{recipe.name}-fine-tuned",
        "description": f"Fine-tunes a model of the recipe {recipe.name}.",
        "epochs": PROBING_EPOCHS + more,
        "linear_probing": {
            "epochs": PROBING_EPOCHS,
            "learning_rate": PROBING_RATE,
            "views": 2,
            "backbone_factor": BACKBONE_FACTOR,
        },
        "patience": None,
        "data_pruning": None,
        "distillation": None,
    }
