"""The loop from records to rows: every record becomes a row, in order, a batch at a time."""

import pickle
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.errors import DataError, ErrorKind
from hangtag.pipeline import PredictorConfig, predict_stream
from hangtag.pipeline.predictor import ROWS_A_BATCH
from hangtag.readers import AnyImage, Record, open_source, records_of
from tests.pipeline.doubles import (
    BrightnessRouter,
    make_failure,
    make_predictor,
    make_records,
    predict_brightness,
)


def test_rows_keep_order_and_failures() -> None:
    records = make_records(f"{index}.png" for index in range(2 * ROWS_A_BATCH + 5))
    records[3] = make_failure("3.png", error_kind=ErrorKind.EMPTY)
    records[-1] = make_failure("last.png")
    predictor = make_predictor()
    rows = list(predict_stream(records, predictor))
    assert isinstance(predictor.router, BrightnessRouter)
    assert predictor.router.batches == [ROWS_A_BATCH - 1, ROWS_A_BATCH, 4]
    assert [row.record for row in rows] == records
    assert [row.prediction is None for row in rows] == [bool(item.error) for item in records]
    assert [row.error for row in rows] == [record.error for record in records]


def test_a_batch_without_a_readable_image_never_reaches_the_model() -> None:
    predictor = make_predictor()
    (row,) = predict_stream([make_failure("a")], predictor)
    assert row.prediction is None
    assert isinstance(predictor.router, BrightnessRouter)
    assert predictor.router.batches == []


def test_records_are_read_only_some_batches_ahead() -> None:
    read = 0

    def give() -> Iterator[Record]:
        nonlocal read
        for record in [make_failure("broken")] * 20_000:
            read += 1
            yield record

    rows = predict_brightness(give())
    next(rows)
    assert read < 5 * ROWS_A_BATCH
    assert sum(1 for _ in rows) == 19_999


def test_notes_are_told_once() -> None:
    notes: list[str] = []
    records = make_records(map(str, range(600))) + make_records(["x", "y"], side=9)
    rows = list(predict_stream(records, make_predictor(), on_note=notes.append))
    assert [row.resized for row in rows] == [False] * 600 + [True] * 2
    assert notes == ["brightness is no model", "some were resized"]


def test_a_configuration_can_be_pickled_and_builds_a_predictor(trained: Path) -> None:
    config = PredictorConfig(model=str(trained), workers=0)
    assert pickle.loads(pickle.dumps(config)) == config
    with config.build() as predictor:
        images = np.zeros((3, 28, 28), np.uint8)
        for _ in range(2):
            rows = list(predict_stream(records_of(images), predictor, precision=0.9))
            assert [row.record.name for row in rows] == ["images[0]", "images[1]", "images[2]"]
            assert all(row.prediction for row in rows)
        with pytest.raises(DataError, match="ask for less"):
            predict_stream(records_of(images), predictor, precision=0.9999)


def test_paths_bytes_arrays_and_pillow_images_get_the_same_prediction(
    trained: Path, tmp_path: Path
) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (50, 40, 3), np.uint8))
    image.save(tmp_path / "a.png")
    np.save(tmp_path / "a.npy", np.asarray(image))
    given: list[AnyImage] = [
        str(tmp_path / "a.png"),
        tmp_path / "a.png",
        (tmp_path / "a.png").read_bytes(),
        np.asarray(image),
        image,
        image.convert("RGBA"),
        tmp_path / "a.npy",
    ]
    with PredictorConfig(model=str(trained), workers=0).build() as predictor:
        rows = list(predict_stream(records_of(given), predictor))
        (row,) = predict_stream(open_source(tmp_path / "a.npy"), predictor)
    assert len(rows) == len(given)
    assert len({row.prediction for row in [*rows, row]}) == 1
