"""From records to rows: the one loop behind the command line, Python, a server and a worker.

A predictor is built once and predicts any number of streams:

    with PredictorConfig(model="auto").build() as predictor:
        for row in predict_stream(open_source("photos/"), predictor):
            print(row.record.name, row.prediction)
"""

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from hangtag.decisions.risk_control import DEFAULT_TARGET_PRECISION
from hangtag.errors import ImageError
from hangtag.images.decoder_pool import DecoderPool
from hangtag.images.decoding import DecodedImage
from hangtag.models.predictions import Prediction
from hangtag.models.router import AUTO, Router, find_models
from hangtag.models.runtime import BATCH
from hangtag.pipeline.rows import PredictionRow
from hangtag.readers import Record, decode_records

ROWS_A_BATCH = 4 * BATCH
"""Images that go to the model at a time. An output is cut there, too, so that a resumed run forms
the batches that one run forms."""

OnNote = Callable[[str], None]
"""Called with what a reader of the predictions should know, one sentence."""


@dataclass(frozen=True, slots=True)
class PredictorConfig:
    """What a predictor is built from. It can be pickled, so that each process builds its own.

    Attributes:
        model: ``auto``, the name of a shipped model, a model folder or a run folder.
        workers: Processes that decode images; by default one for each core, at most 8; with 0
            images are decoded in the process that predicts.
    """

    model: str = AUTO
    workers: int | None = None

    def build(self, *, files: int | None = None) -> "Predictor":
        """Loads the models and starts the decoders.

        Args:
            files: About how many image files will be decoded, where that is known; the decoders
                then get ready while the models load.

        Raises:
            ModelError: There is no such model, or it is not what it was when it was written.
            OutputError: A decoder process cannot be started.
        """
        pool = DecoderPool(self.workers)
        try:
            if files:
                pool.start(files)
            router = Router(find_models(self.model))
            router.get_ready()
        except BaseException:
            pool.close()
            raise
        return Predictor(router, pool)


class Predictor:
    """Models and decoders that are built once and predict any number of streams.

    Leaving the block, or `close`, ends the decoders.

    Attributes:
        router: The models.
        pool: The decoders.
    """

    def __init__(self, router: Router, pool: DecoderPool) -> None:
        self.router = router
        self.pool = pool

    def __enter__(self) -> "Predictor":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Ends the decoders."""
        self.pool.close()


def predict_stream(
    records: Iterable[Record],
    predictor: Predictor,
    *,
    precision: float = DEFAULT_TARGET_PRECISION,
    on_note: OnNote = lambda note: None,
) -> Iterator[PredictionRow]:
    """Gives one row for each record, in order; only some batches are in memory.

    Args:
        records: The images.
        predictor: What predicts them.
        precision: Target precision of accepted predictions, in (0, 1).
        on_note: Called once with each thing that a reader of the predictions should know.

    Raises:
        DataError: A model has no thresholds for so high a precision.
    """
    predictor.router.require_precision(precision)
    return _predict(records, predictor, precision, on_note)


def _predict(
    records: Iterable[Record], predictor: Predictor, precision: float, on_note: OnNote
) -> Iterator[PredictionRow]:
    router = predictor.router
    notes = _Notes(router, precision, on_note)
    decoded = decode_records(records, predictor.pool, router.spec, grey_spec=router.grey_spec)
    while batch := list(itertools.islice(decoded, ROWS_A_BATCH)):
        images = [image for _, image in batch if isinstance(image, DecodedImage)]
        predictions = iter(_predict_images(images, router, precision))
        notes.look_at(images)
        for record, image in batch:
            if isinstance(image, ImageError):
                yield PredictionRow(record, None, error=image)
                continue
            prediction = next(predictions)
            notes.look_at_model(prediction.model)
            yield PredictionRow(
                record,
                prediction,
                pixels=image.pixels,
                resized=image.resized,
                damage=image.damage,
            )


def _predict_images(
    images: Sequence[DecodedImage], router: Router, precision: float
) -> list[Prediction]:
    """Predicts images of several shapes; returns the predictions in their order."""
    by_shape: dict[tuple[int, ...], list[int]] = {}
    for position, image in enumerate(images):
        by_shape.setdefault(image.pixels.shape, []).append(position)
    predictions: dict[int, Prediction] = {}
    for positions in by_shape.values():
        found = router.predict(
            np.stack([images[position].pixels for position in positions]),
            np.array([images[position].resized for position in positions]),
            precision=precision,
        )
        predictions.update(zip(positions, found, strict=True))
    return [predictions[position] for position in range(len(images))]


class _Notes:
    """Tells once what a reader of the predictions should know."""

    def __init__(self, router: Router, precision: float, on_note: OnNote) -> None:
        self._router, self._precision, self._on_note = router, precision, on_note
        self._seen: set[str] = set()
        self._resized = False

    def look_at(self, images: Iterable[DecodedImage]) -> None:
        if not self._resized and any(image.resized for image in images):
            self._resized = True
            self._tell(self._router.describe_resizing())

    def look_at_model(self, model: str) -> None:
        if model not in self._seen:
            self._seen.add(model)
            self._tell(self._router.describe_support(model, self._precision))

    def _tell(self, note: str) -> None:
        if note:
            self._on_note(note)
