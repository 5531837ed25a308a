"""Recipes: everything that decides a training, as validated values stored in YAML.

The recipes that ship with Hangtag are the ``.yaml`` files beside this module.

    hangtag recipes                 lists them
    hangtag recipes express         prints one, every field resolved
"""

from hangtag.training.recipes.continuing import continue_recipe
from hangtag.training.recipes.loading import list_recipes, load_recipe, recipe_from_yaml, to_yaml
from hangtag.training.recipes.schema import Recipe

__all__ = [
    "Recipe",
    "continue_recipe",
    "list_recipes",
    "load_recipe",
    "recipe_from_yaml",
    "to_yaml",
]
