"""Adds a trained model to the shipped models, under the name that `--model` takes.

    python -m scripts.ship_model runs/accurate fashion-mnist --source "Zalando SE, MIT licence"

Copies the graph and the weights byte for byte. Writes the card, with the name and the source of the
data, and the README anew.
"""

import argparse
from dataclasses import replace
from pathlib import Path

import hangtag
from hangtag.models.folder import (
    find_model_folder,
    read_card,
    read_model_files,
    write_model_folder,
)
from hangtag.training.readme import write_readme

SHIPPED = Path(hangtag.__file__).parent / "models" / "shipped"


def main() -> None:
    """Ships the model named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("model", help="a model, a model folder or a run folder")
    parser.add_argument("name", help="what it is called in Hangtag")
    parser.add_argument("--source", required=True, help="where the data is from, and its licence")
    options = parser.parse_args()
    folder = find_model_folder(options.model)
    card = read_card(folder)
    data = card.data.model_copy(update={"source": options.source})
    card = card.model_copy(update={"name": options.name, "data": data})
    files = replace(read_model_files(folder, card), readme=write_readme(card))
    write_model_folder(SHIPPED / options.name, card, files)
    print(SHIPPED / options.name)


if __name__ == "__main__":
    main()
