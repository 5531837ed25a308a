"""A model in memory that tells bright images from dark ones, and records for it."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.policy import Decision
from hangtag.errors import ErrorKind, ImageError
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.spec import ImageSpec
from hangtag.models.predictions import Prediction
from hangtag.models.router import Router
from hangtag.pipeline import PredictionRow, Predictor, predict_stream
from hangtag.readers import Record


class BrightnessRouter(Router):
    """Says ``bright`` or ``dark``, as sure as the image is far from the middle."""

    def __init__(self) -> None:
        self.cards = ()
        self.batches: list[int] = []

    @property
    def spec(self) -> ImageSpec:
        """Images of 4x4."""
        return ImageSpec(4, 4)

    @property
    def grey_spec(self) -> ImageSpec | None:
        """None."""
        return None

    def predict(
        self, images: NDArray[np.uint8], resized: NDArray[np.bool_], *, precision: float
    ) -> list[Prediction]:
        """Predicts by the mean brightness."""
        assert resized.shape == images.shape[:1]
        self.batches.append(len(images))
        return [_judge(float(image.mean()) / 255) for image in images]

    def describe_support(self, model: str, precision: float) -> str:
        """Warns of this model."""
        return f"{model} is no model"

    def describe_resizing(self) -> str:
        """Warns of resized images."""
        return "some were resized"


def make_predictor() -> Predictor:
    """Makes a predictor of brightness that decodes in this process."""
    return Predictor(BrightnessRouter(), DecoderPool(0))


def predict_brightness(records: Iterable[Record]) -> Iterator[PredictionRow]:
    """Predicts the brightness of records."""
    return predict_stream(records, make_predictor())


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


def make_records(names: Iterable[str], *, side: int = 4, **fields: object) -> list[Record]:
    """Makes records of plain images that get brighter from one to the next."""
    return [
        Record(
            name=name,
            id=name,
            image=np.full((side, side), index % 256, np.uint8),
            source=name,
            **fields,  # type: ignore[arg-type]
        )
        for index, name in enumerate(names)
    ]


def make_failure(name: str, *, error_kind: ErrorKind = ErrorKind.DAMAGED) -> Record:
    """Makes a record whose image could not be read."""
    error = ImageError(f"{name}: is broken", error_kind=error_kind)
    return Record(name=name, id=name, image=None, source=name, error=error)


def pixels_of(records: Sequence[Record]) -> NDArray[np.uint8]:
    """Returns the pixels of those that have some, (N, H, W)."""
    return np.stack([record.image for record in records if isinstance(record.image, np.ndarray)])
