"""What an audit says in short."""

from hangtag.audit.drift import Change, Drift
from hangtag.audit.summary import describe_drift, summarise_drift

CHANGES = (
    Change("A", "Hosen", "Pants", 0.9, 0.4, 0.001),
    Change("A", "", "error rate", 0.02, 0.05, 0.01),
)
DRIFT = Drift(
    folder="march",
    changes=CHANGES,
    new=tuple(("A", f"word {number}") for number in range(12)),
    gone=(("B", "old"),),
    absent=("C", "D"),
    other_model="small",
)


def test_all_that_changed_is_told() -> None:
    changed, model, new, gone, absent = describe_drift(DRIFT)
    assert changed.startswith("since march: 1 shares of words and 1 error rates of brands")
    assert model == "that audit was by small, so it may be the models that differ"
    assert new.startswith("new words (12): A: word 0, A: word 1, ")
    assert new.endswith("A: word 9 and 2 more")
    assert gone == "words that are gone (1): B: old"
    assert absent == "brands that sent nothing (2): C, D"


def test_what_did_not_change_is_not_told() -> None:
    (changed,) = describe_drift(Drift("march", (), (), ()))
    assert "0 shares of words and 0 error rates of brands changed" in changed


def test_drift_as_plain_values() -> None:
    found = summarise_drift(DRIFT)
    assert [one["label"] for one in found["changes"]] == ["Hosen", None]
    assert (found["new_words"], found["gone_words"]) == (12, 1)
    assert found["absent_brands"] == ["C", "D"]
    assert found["other_model"] == "small"
    assert summarise_drift(Drift("march", (), (), ()))["other_model"] is None
