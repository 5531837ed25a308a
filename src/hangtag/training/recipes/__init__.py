"""Recipes: all settings of a training, validated and stored as YAML.

The recipes that ship with Hangtag are the ``.yaml`` files beside this module.

    hangtag recipes                 lists them
    hangtag recipes express         prints one, every field resolved
"""

from hangtag.training.recipes.fine_tuning import suit_fine_tuning
from hangtag.training.recipes.loading import (
    build_recipe,
    list_recipes,
    load_recipe,
    parse_settings,
    recipe_from_yaml,
    to_yaml,
)
from hangtag.training.recipes.schema import Recipe

__all__ = [
    "Recipe",
    "build_recipe",
    "list_recipes",
    "load_recipe",
    "parse_settings",
    "recipe_from_yaml",
    "suit_fine_tuning",
    "to_yaml",
]
