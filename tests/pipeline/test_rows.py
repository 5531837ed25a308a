"""The columns of a row: those of the contract, then those passed through."""

from dataclasses import fields

from hangtag.models.predictions import Prediction
from hangtag.pipeline import Layout
from tests.pipeline.doubles import make_failure, make_records, predict_brightness


def test_the_columns_are_those_of_the_contract() -> None:
    names = Layout().names
    assert names[:4] == ["input", "category", "confidence", "decision"]
    assert names[4:6] == ["parent", "parent_confidence"]
    assert names[6:] == ["runner_up", "runner_up_confidence", "ood_score", "error", "model"]
    assert set(names) == {"input", "error", *(field.name for field in fields(Prediction))}


def test_passed_through_columns_come_last_and_never_hide_a_fixed_one() -> None:
    layout = Layout({"sku": "text", "error": "text", "table_error": "integer"}, explained=True)
    extras = {"sku": "a", "error": "mine", "table_error": 3}
    (row,) = predict_brightness(make_records(["a.png"], extras=extras))
    cells = dict(zip(layout.names, layout.cells(row), strict=True))
    assert layout.names[-5:] == [
        "model",
        "saliency_map",
        "sku",
        "table_table_error",
        "table_error",
    ]
    assert cells["error"] is None
    assert cells["saliency_map"] is None
    assert list(cells.values())[-3:] == ["a", "mine", 3]


def test_a_failure_has_its_error_and_no_prediction() -> None:
    (row,) = predict_brightness([make_failure("3.png")])
    cells = dict(zip(Layout().names, Layout().cells(row), strict=True))
    assert cells["decision"] == "error"
    assert cells["error"] == "3.png: is broken"
    assert {name for name, cell in cells.items() if cell is None} == {
        field.name for field in fields(Prediction)
    } - {"decision", "input", "error"}


def test_confidences_have_six_decimals() -> None:
    (row,) = predict_brightness(make_records(["a"]))
    cells = dict(zip(Layout().names, Layout().cells(row), strict=True))
    assert cells["confidence"] == 1
    assert cells["runner_up_confidence"] == 0
