"""Held-out images with right labels, on which automatic corrections are tested."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.catalogue import ImageFormat, Reading, Split, open_catalogue, split_catalogue
from hangtag.catalogue.held_out import HELD_OUT, restore_validation, unpack_fingerprints
from hangtag.catalogue.items import hash_split
from hangtag.catalogue.opening import DATA_NAMES
from hangtag.catalogue.reading import MOST_BROKEN
from hangtag.categoriser import Categoriser
from hangtag.errors import DataError, FetchError
from hangtag.evaluation import align_split
from hangtag.progress import Tick


@dataclass(frozen=True, slots=True)
class Reference:
    """Held-out images with right labels, as the model sees them.

    Attributes:
        probabilities: Calibrated, (M, K).
        strange: Whether they are strange, (M,).
        labels: Their classes, (M,).
        source: What they are, for people.
    """

    probabilities: NDArray[np.float64]
    strange: NDArray[np.bool_]
    labels: NDArray[np.int64]
    source: str


def load_reference(
    categoriser: Categoriser, data: str | None, *, on_progress: Tick | None = None
) -> Reference | None:
    """Loads the reference and runs the model on it.

    Args:
        categoriser: The model.
        data: Labelled data that the model has not learned; its validation split counts, or the
            images in it that the model was judged by, else its test split, else the only one. By
            default the validation split that the model was calibrated on, where that can be had
            without the network.
        on_progress: Called as images are done.

    Returns:
        The reference, None where there is none by default.

    Raises:
        DataError: `data` cannot be read or has labels that the model does not know.
    """
    found = _find_own(categoriser) if data is None else _open(categoriser, data)
    if found is None:
        return None
    split, source = found
    probabilities, strange = categoriser.judge(split.images, on_progress=on_progress)
    return Reference(probabilities, strange, split.labels, source)


def _find_own(categoriser: Categoriser) -> tuple[Split, str] | None:
    """Returns the validation split a model was calibrated on, where it is at hand."""
    card = categoriser.card
    wanted = card.data.get("splits", {}).get("validation", {}).get("sha256")
    share = card.recipe.get("validation_share")
    if card.data.get("name") not in DATA_NAMES or share is None:
        return None
    try:
        catalogue = open_catalogue(card.data["name"], offline=True)
        split = split_catalogue(catalogue, share=share, seed=card.seed).splits["validation"]
    except (FetchError, DataError):
        return None
    name = f"the {len(split):,} validation images of {card.data['name']}"
    return (split, name) if hash_split(split) == wanted else None


def _open(categoriser: Categoriser, data: str) -> tuple[Split, str]:
    card = categoriser.card
    format = ImageFormat(card.input.height, card.input.width, card.input.channels)
    catalogue = open_catalogue(data, reading=Reading(format, most_broken=MOST_BROKEN))
    held_out = unpack_fingerprints(card.data.get(HELD_OUT, ""))
    catalogue = restore_validation(catalogue, held_out)
    names = [name for name in ("validation", "test") if name in catalogue.splits]
    name = (names or list(catalogue.splits))[0]
    split = align_split(
        catalogue.splits[name], classes=catalogue.classes, model_classes=categoriser.classes
    )
    return split, f"{len(split):,} images of {data} ({name})"
