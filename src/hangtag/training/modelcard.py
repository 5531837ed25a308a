"""The README of a model folder: what the model is, for people."""

from hangtag.modelfolder import Card


def write_readme(card: Card) -> str:
    """Writes the model card as Markdown."""
    size = card.input
    data, splits = card.data["name"], card.data["splits"]
    counts = ", ".join(f"{name} {part['n']:,} items" for name, part in splits.items())
    lines = [
        f"# {card.name}",
        "",
        f"Puts one of {len(card.classes)} categories on images of {size.height}x{size.width} "
        f"pixels ({'grey' if size.channels == 1 else 'colour'}). Made by Hangtag from {data} with "
        f"the recipe `{card.recipe['name']}`, seed {card.seed}.",
        "",
        "## Figures",
        "| split | n | accuracy | loss | macro F1 | calibration error |",
        "|---|---|---|---|---|---|",
        *(
            f"| {name} | {m['n']:,} | {m['accuracy']:.4f} | {m['loss']:.4f} | {m['macro_f1']:.4f} "
            f"| {m['ece']:.4f} |"
            for name, m in card.metrics.items()
        ),
        "",
        f"Temperature and thresholds were fitted on the {splits['validation']['n']:,} items of the "
        "validation split, so its calibration error is a little flattering.",
        "",
        "## Thresholds",
        "| promised precision | lowest accepted confidence |",
        "|---|---|",
        *(
            f"| {float(name):.0%} | {'not supported by the data' if t is None else f'{t:.4f}'} |"
            for name, t in card.thresholds.items()
        ),
        "",
        "Each promise holds with 95 % confidence for items like those of the validation split.",
        "",
        "## Classes",
        *(
            f"{index}. {entry.name}" + (f" ({entry.category})" if entry.category else "")
            for index, entry in enumerate(card.classes)
        ),
        "",
        "## What it does not do",
        "It knows only these classes: shown anything else, it still names one of them.",
        "Images of another size or style than its training data are outside its figures.",
        "",
        "## How it was made",
        f"- network: {card.summary.total:,} parameters, {card.summary.trainable:,} of them trained",
        f"- data: {counts}",
        f"- made {card.created} with "
        + ", ".join(f"{name} {version}" for name, version in card.made_by.items()),
        "- every setting, the hashes of the data and golden examples: `card.json`",
        "",
    ]
    return "\n".join(lines)
