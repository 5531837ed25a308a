"""``hangtag recipes``: list the shipped recipes, or print one in full."""

from typing import Annotated

import typer

from hangtag.cli.console import Json, Quiet, print_json, print_result, print_table
from hangtag.training.recipes import list_recipes, load_recipe, to_yaml


def recipes(
    name: Annotated[
        str | None,
        typer.Argument(
            metavar="RECIPE", help="A shipped recipe or a .yaml file.", show_default=False
        ),
    ] = None,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Lists the recipes, or prints one as YAML with every field resolved.

    Save the YAML to a file, change it, and train with --recipe FILE.

    \b
    For example:
      hangtag recipes express > mine.yaml
    """
    if name is not None:
        recipe = load_recipe(name)
        if as_json:
            print_json(recipe.model_dump(mode="json"))
        else:
            print_result(to_yaml(recipe), end="")
        return
    found = list_recipes()
    if as_json:
        print_json({"recipes": [recipe.model_dump(mode="json") for recipe in found]})
        return
    rows = [
        [
            recipe.name,
            recipe.network.kind,
            str(recipe.epochs),
            str(recipe.batch_size),
            recipe.description,
        ]
        for recipe in found
    ]
    print_table("Recipes", ["name", "network", "epochs", "batch", "what for"], rows)
