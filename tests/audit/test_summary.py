"""The summary of an audit."""

from hangtag.audit.noise import Drift, FractionChange
from hangtag.audit.summary import describe_drift, summarise_drift

CHANGES = (
    FractionChange("A", "Hosen", "Pants", 0.9, 0.4, 0.001),
    FractionChange("A", "", "error rate", 0.02, 0.05, 0.01),
)
DRIFT = Drift(
    folder="march",
    changes=CHANGES,
    new=tuple(("A", f"word {number}") for number in range(12)),
    missing=(("B", "old"),),
    missing_brands=("C", "D"),
    other_model="small",
)


def test_all_that_changed_is_told() -> None:
    changed, model, new, gone, absent = describe_drift(DRIFT)
    assert changed.startswith(
        "since march: 1 category fractions of labels and 1 error rates of brands"
    )
    assert model == "that audit used the model small, so the models may be what differs"
    assert new.startswith("new labels (12): A: word 0, A: word 1, ")
    assert new.endswith("A: word 9 and 2 more")
    assert gone == "labels no longer used (1): B: old"
    assert absent == "brands without items (2): C, D"


def test_what_did_not_change_is_not_told() -> None:
    (changed,) = describe_drift(Drift("march", (), (), ()))
    assert "0 category fractions of labels and 0 error rates of brands changed" in changed


def test_drift_as_plain_values() -> None:
    found = summarise_drift(DRIFT)
    assert [change.label for change in found.changes] == ["Hosen", None]
    assert (found.new_labels, found.missing_labels) == (12, 1)
    assert found.missing_brands == ("C", "D")
    assert found.other_model == "small"
    assert summarise_drift(Drift("march", (), (), ())).other_model is None
