"""``hangtag summary``: the layers of a recipe's network or of a model."""

from typing import Annotated

import typer

from hangtag.cli.console import Json, Quiet, print_json, print_result, print_table
from hangtag.environment import require_extra
from hangtag.errors import ModelError, RecipeError
from hangtag.models.card import NetworkSummary
from hangtag.models.folder import find_model_folder, read_card


def summary(
    source: Annotated[
        str, typer.Argument(metavar="RECIPE|MODEL", help="A recipe, a model or a run folder.")
    ],
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Shows the layers with their output shapes and parameters.

    The table of a model is in its card. The network of a recipe is built first,
    which needs the train extra.

    \b
    For example:
      hangtag summary seed
    """
    table = _summarise(source)
    if as_json:
        print_json(table.model_dump(mode="json"))
        return
    rows = [
        [
            layer.type,
            ", ".join(map(str, layer.output)),
            f"{layer.parameters:,}" if layer.parameters else "",
        ]
        for layer in table.layers
    ]
    print_table(source, ["layer", "output", "parameters"], rows)
    print_result(
        f"{table.total:,} parameters: {table.trainable:,} trainable, {table.non_trainable:,} not"
    )


def _summarise(source: str) -> NetworkSummary:
    try:
        return _summarise_recipe(source)
    except RecipeError as not_a_recipe:
        try:
            return read_card(find_model_folder(source)).summary
        except ModelError as not_a_model:
            raise ModelError(f"{not_a_recipe}; {not_a_model}") from None


def _summarise_recipe(source: str) -> NetworkSummary:
    from hangtag.training.recipes import load_recipe

    recipe = load_recipe(source)
    require_extra("train", "showing the layers of a recipe")
    from hangtag.training.summary import summarise_recipe

    return summarise_recipe(recipe)
