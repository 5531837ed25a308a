"""Every input becomes a row, in order, with the columns of the contract."""

import itertools
from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from hangtag.models.classifier import Prediction
from hangtag.pipeline import Layout, Row, Summary, predict_rows
from hangtag.pipeline.rows import ROWS_A_BATCH
from tests.pipeline.doubles import make_failure, make_inputs, predict_brightness


def test_the_columns_are_those_of_the_contract() -> None:
    names = Layout({}).names
    assert names[:4] == ["input", "category", "confidence", "decision"]
    assert names[4:6] == ["parent", "parent_confidence"]
    assert names[6:] == ["runner_up", "runner_up_confidence", "ood_score", "error", "model"]
    assert set(names) == {"input", "error", *(field.name for field in fields(Prediction))}


def test_passed_through_columns_come_last_and_never_hide_a_fixed_one() -> None:
    layout = Layout({"sku": "text", "error": "text", "manifest_error": "integer"})
    extras = {"sku": "a", "error": "mine", "manifest_error": 3}
    (one,) = make_inputs(["a.png"], extras=extras)
    ((row,),) = predict_rows(predict_brightness, [one])
    cells = dict(zip(layout.names, layout.cells(row), strict=True))
    assert layout.names[-3:] == ["sku", "manifest_manifest_error", "manifest_error"]
    assert cells["error"] is None
    assert list(cells.values())[-3:] == ["a", "mine", 3]


def test_rows_keep_order_and_failures() -> None:
    inputs = make_inputs(f"{index}.png" for index in range(2 * ROWS_A_BATCH + 5))
    inputs[3] = make_failure("3.png", error_kind="empty")
    inputs[-1] = make_failure("last.png")
    batches = list(predict_rows(predict_brightness, inputs))
    rows = list(itertools.chain.from_iterable(batches))
    assert [len(batch) for batch in batches] == [ROWS_A_BATCH, ROWS_A_BATCH, 5]
    assert [row.input for row in rows] == inputs
    assert [row.prediction is None for row in rows] == [bool(one.error) for one in inputs]
    cells = dict(zip(Layout({}).names, Layout({}).cells(rows[3]), strict=True))
    assert cells["decision"] == "error"
    assert cells["error"] == "3.png: is broken"
    assert {name for name, cell in cells.items() if cell is None} == {
        field.name for field in fields(Prediction)
    } - {"decision"}


def test_a_batch_without_a_readable_image_never_reaches_the_model() -> None:
    def refuse(images: NDArray[np.uint8], resized: NDArray[np.bool_]) -> list[Prediction]:
        raise AssertionError(images.shape)

    ((row,),) = predict_rows(refuse, [make_failure("a")])
    assert row.prediction is None


def test_confidences_have_six_decimals() -> None:
    ((row,),) = predict_rows(predict_brightness, make_inputs(["a"]))
    cells = dict(zip(Layout({}).names, Layout({}).cells(row), strict=True))
    assert cells["confidence"] == 1
    assert cells["runner_up_confidence"] == 0


def test_the_tally_counts_kinds_most_frequent_first() -> None:
    summary = Summary()
    failures = [make_failure("a", error_kind="missing"), *(make_failure(n) for n in "bc")]
    summary.add([Row(one, None) for one in failures])
    summary.add(next(predict_rows(predict_brightness, make_inputs(["d"], resized=True))))
    assert summary.describe() == (
        "4 inputs: 1 (100.0%) accepted; "
        "3 not readable (2 damaged, 1 missing): see the column 'error'; "
        "1 were resized to the model's size"
    )
    again = Summary.from_json(summary.to_json())
    assert again.describe() == summary.describe()
    assert again.errors == 3
