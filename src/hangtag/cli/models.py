"""``hangtag models``: shipped and local models with their figures."""

from pathlib import Path
from typing import Annotated, Any

import typer

from hangtag.cli.console import RUNS, Json, Quiet, print_json, print_table, say
from hangtag.errors import ModelError
from hangtag.models.card import Card
from hangtag.models.folder import CARD, read_card, shipped_models


def models(
    folder: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to look for run folders and model folders.")
    ] = RUNS,
    as_json: Json = False,
    quiet: Quiet = False,
) -> None:
    """Lists the shipped models and those below DIR, each verified; exits with 1 if one fails.

    \b
    For example:
      hangtag models runs
    """
    if folder != RUNS and not folder.is_dir():
        raise ModelError(f"there is no folder {folder}; check the path")
    cards: dict[str, Card] = {}
    broken: dict[str, str] = {}
    found = {**shipped_models(), **_local_models(folder)}
    for name, path in found.items():
        try:
            cards[name] = read_card(path)
        except ModelError as error:
            broken[name] = str(error)
    if as_json:
        entries = [
            {"model": name, "folder": str(found[name]), **_describe(card)}
            for name, card in cards.items()
        ]
        print_json({"models": entries, "broken": broken})
    else:
        columns = ["model", "recipe", "classes", "params", "judged by", "accuracy"]
        print_table("Models", columns, [_row(name, card) for name, card in cards.items()])
    for name, problem in broken.items():
        say(f"broken: {name}: {problem}")
    if broken:
        raise typer.Exit(1)


def _local_models(folder: Path) -> dict[str, Path]:
    cards = [*folder.glob(f"*/{CARD}"), *folder.glob(f"*/model/{CARD}")]
    parents = [card.parent for card in sorted(cards)]
    return {str(p.parent if p.name == "model" else p): p for p in parents}


def _describe(card: Card) -> dict[str, Any]:
    return {
        "recipe": card.lineage.recipe,
        "classes": list(card.class_names),
        "parameters": card.summary.total,
        "metrics": {name: metrics.model_dump() for name, metrics in card.metrics.items()},
    }


def _row(name: str, card: Card) -> list[str]:
    split = "test" if "test" in card.metrics else "validation"
    figures = card.metrics[split]
    return [
        name,
        card.lineage.recipe,
        str(len(card.classes)),
        f"{card.summary.total:,}",
        f"{figures.n:,} {split}",
        f"{figures.accuracy:.4f}",
    ]
