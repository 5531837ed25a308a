"""A model in memory: tells bright images from dark ones."""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.policy import Decision
from hangtag.models.classifier import Prediction
from hangtag.readers import Input


def predict_brightness(
    images: NDArray[np.uint8], resized: NDArray[np.bool_]
) -> Sequence[Prediction]:
    """Says ``bright`` or ``dark``, as sure as the image is far from the middle."""
    assert resized.shape == images.shape[:1]
    return [_judge(float(image.mean()) / 255) for image in images]


def _judge(brightness: float) -> Prediction:
    bright = brightness >= 0.5
    confidence = brightness if bright else 1 - brightness
    return Prediction(
        category="bright" if bright else "dark",
        confidence=confidence,
        decision=Decision.ACCEPT if confidence > 0.9 else Decision.REVIEW,
        parent="",
        parent_confidence=None,
        runner_up="dark" if bright else "bright",
        runner_up_confidence=1 - confidence,
        ood_score=0.25,
        model="brightness",
    )


def make_inputs(names: Iterable[str], **fields: object) -> list[Input]:
    """Makes inputs of plain images that get brighter from one to the next."""
    return [
        Input(name, name, np.full((4, 4), index % 256, np.uint8), **fields)  # type: ignore[arg-type]
        for index, name in enumerate(names)
    ]


def make_failure(name: str, *, error_kind: str = "damaged") -> Input:
    """Makes an input that could not be read."""
    return Input(name, name, None, error=f"{name}: is broken", error_kind=error_kind)
