"""What became of the inputs, counted."""

from hangtag.decisions.policy import Decision
from hangtag.images.items import Input
from hangtag.models.classifier import Prediction
from hangtag.pipeline import Row, Summary


def make_row(decision: Decision) -> Row:
    parent, sure = ("Upper body", 0.99) if decision == Decision.PARENT else ("", None)
    said = Prediction("Coat", 0.9, decision, parent, sure, "Shirt", 0.05, 0.2, "mine")
    return Row(Input("a.png", "a.png", None), said)


def test_decisions_and_faults_are_counted_and_told() -> None:
    summary = Summary()
    summary.add([make_row(Decision.ACCEPT)] * 6 + [make_row(Decision.PARENT)])
    summary.add([make_row(Decision.UNKNOWN)] + [make_row(Decision.REVIEW)] * 2)
    summary.add(
        [Row(Input("b.png", "b.png", None, error="b.png: ...", error_kind="damaged"), None)]
    )

    assert summary.describe() == (
        "11 inputs: 6 (60.0%) accepted, 1 (10.0%) accepted as a parent only, "
        "2 (20.0%) for review, 1 (10.0%) unknown; "
        "1 not readable (1 damaged): see the column 'error'"
    )
    assert Summary.from_json(summary.to_json()).describe() == summary.describe()


def test_nothing_to_count() -> None:
    assert Summary().describe() == "0 inputs"
