"""What became of the inputs, counted."""

from dataclasses import replace
from functools import reduce

from hangtag.decisions.policy import Decision
from hangtag.errors import ErrorKind
from hangtag.models.predictions import Prediction
from hangtag.pipeline import PredictionRow, Summary
from tests.pipeline.doubles import make_failure, make_records


def make_row(decision: Decision) -> PredictionRow:
    parent, sure = ("Upper body", 0.99) if decision == Decision.PARENT else ("", None)
    prediction = Prediction(
        category="Coat",
        confidence=0.9,
        decision=decision,
        parent=parent,
        parent_confidence=sure,
        runner_up="Shirt",
        runner_up_confidence=0.05,
        ood_score=0.2,
        model="mine",
    )
    return PredictionRow(make_records(["a.png"])[0], prediction)


def make_failed_row(kind: ErrorKind) -> PredictionRow:
    record = make_failure("b.png", error_kind=kind)
    return PredictionRow(record, None, error=record.error)


def test_decisions_and_faults_are_counted_and_told() -> None:
    summary = Summary()
    summary.add([make_row(Decision.ACCEPT)] * 6 + [make_row(Decision.PARENT)])
    summary.add([make_row(Decision.UNKNOWN)] + [make_row(Decision.REVIEW)] * 2)
    summary.add([make_failed_row(ErrorKind.DAMAGED)])

    assert summary.describe() == (
        "11 inputs: 6 (60.0%) accepted, 1 (10.0%) accepted as a parent only, "
        "2 (20.0%) for review, 1 (10.0%) unknown; "
        "1 not readable (1 damaged): see the column 'error'"
    )
    assert Summary.from_json(summary.to_json()).describe() == summary.describe()


def test_nothing_to_count() -> None:
    assert Summary().describe() == "0 inputs"


def test_kinds_of_errors_are_told_most_frequent_first() -> None:
    summary = Summary()
    kinds = [ErrorKind.MISSING, ErrorKind.DAMAGED, ErrorKind.DAMAGED]
    summary.add(map(make_failed_row, kinds))
    summary.add([replace(make_row(Decision.ACCEPT), resized=True)])
    assert summary.describe() == (
        "4 inputs: 1 (100.0%) accepted; "
        "3 not readable (2 damaged, 1 missing): see the column 'error'; "
        "1 were resized to the model's size"
    )


def test_counts_of_shards_add_up() -> None:
    rows = [
        make_row(Decision.ACCEPT),
        make_failed_row(ErrorKind.DAMAGED),
        make_row(Decision.PARENT),
    ]
    whole, parts = Summary(), [Summary() for _ in rows]
    whole.add(rows * 2)
    for part, row in zip(parts, rows, strict=True):
        part.add([row, row])
    merged = reduce(Summary.merge, parts, Summary())
    assert merged.to_json() == whole.to_json()
    assert [part.rows for part in parts] == [2, 2, 2]
