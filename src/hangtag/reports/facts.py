"""How a model was made, as lines for a report."""

from hangtag.models.folder import Card


def describe_card(card: Card) -> dict[str, str]:
    """Returns what a reader needs to judge or repeat a model, by name, in the order to show."""
    recipe = card.recipe
    splits = card.data["splits"].items()
    return {
        "Model": card.name,
        "Recipe": f"{recipe['name']}: {recipe['description']}",
        "Seed": str(card.seed),
        "Data": f"{card.data['name']}: "
        + ", ".join(f"{name} {part['n']:,}" for name, part in splits),
        **({"Suppliers": " ".join(told)} if (told := card.data.get("suppliers")) else {}),
        **({"Began": " ".join(began["said"])} if (began := card.data.get("began")) else {}),
        "Parameters": f"{card.summary.total:,}, {card.summary.trainable:,} of them trained",
        "Temperature": f"{card.calibration.temperature:.3f}, resized on "
        f"{card.calibration.n:,} items",
        "Made": card.created,
        "Machine": card.made_by.get("processor", "unknown"),
        "Versions": ", ".join(
            f"{name} {version}" for name, version in card.made_by.items() if name != "processor"
        ),
    }
