"""Which labels may be corrected without a person: the bound holds, or its lack is explained."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hangtag.audit.corrections import (
    CorrectionTest,
    Reference,
    correction_confidence,
    describe_threshold,
)
from tests.audit.made_items import CLASSES, draw, say


def make_reference(confidence: list[float], *, right: int = 0) -> Reference:
    """Returns a reference of wrong answers this sure, and some right ones."""
    wrong = np.array([[1 - one, one] for one in confidence]).reshape(-1, 2)
    probabilities = np.concatenate([wrong, np.tile([0.9, 0.1], (right, 1))])
    labels = (1 - probabilities.argmax(axis=1)) * (np.arange(len(probabilities)) < len(wrong))
    return Reference(probabilities, np.zeros(len(labels), dtype=np.bool_), labels, "made")


def draw_reference(count: int, *, seed: int) -> Reference:
    held = draw([0.25] * CLASSES, count, seed=seed)
    return Reference(say(held, seed=seed), np.zeros(count, dtype=np.bool_), held, "made")


@given(
    st.lists(st.floats(0.51, 1), min_size=1, max_size=40),
    st.lists(st.tuples(st.floats(0, 1), st.booleans()), min_size=1, max_size=60),
    st.sampled_from([0.05, 0.2, 0.5]),
)
@settings(max_examples=200, deadline=None)
def test_the_threshold_is_that_of_benjamini_and_hochberg(
    wrong: list[float], items: list[tuple[float, bool]], level: float
) -> None:
    confidence = np.array([one for one, _ in items])
    candidates = np.array([one for _, one in items])
    scores = CorrectionTest(make_reference(wrong, right=20))
    for part in np.array_split(np.arange(len(items)), 3):
        scores.add(confidence[part], candidates[part])
    threshold = scores.find(level).threshold
    counts = (np.array(wrong) >= confidence[:, None]).sum(axis=1)
    p_values = np.where(candidates, (1 + counts) / (len(wrong) + 21), 1.0)
    ranked = np.sort(p_values)
    passed = np.flatnonzero(ranked <= level * np.arange(1, len(ranked) + 1) / len(ranked))
    by_hand = p_values <= (ranked[passed[-1]] if len(passed) else -1.0)
    corrected_count = candidates & (confidence >= (np.inf if threshold is None else threshold))
    assert (corrected_count == (by_hand & candidates)).all()


@pytest.mark.parametrize("noise", [0.03, 0.1, 0.4])
def test_corrections_keep_their_promise(noise: float) -> None:
    """Over many feeds, the mean share of wrong corrections is below the level."""
    level, shares, corrected_count = 0.05, [], 0
    for seed in range(60):
        scores = CorrectionTest(draw_reference(1500, seed=1000 + seed))
        truth = draw([0.25] * CLASSES, 1500, seed=seed)
        random = np.random.default_rng(5000 + seed)
        labels = np.where(random.random(1500) < noise, random.integers(0, CLASSES, 1500), truth)
        found = say(truth, seed=seed)
        answers = found.argmax(axis=1)
        confidence = correction_confidence(found, np.zeros(1500, dtype=np.bool_))
        candidates = answers != labels
        scores.add(confidence, candidates)
        threshold = scores.find(level).threshold
        corrected = candidates & (confidence >= (np.inf if threshold is None else threshold))
        shares.append((answers != truth)[corrected].mean() if corrected.any() else 0.0)
        corrected_count += int(corrected.sum())
    assert np.mean(shares) <= level
    assert corrected_count > 60 * 1500 * noise * 0.1  # Not by doing nothing.


def test_a_reference_that_is_too_small_says_what_would_do() -> None:
    scores = CorrectionTest(make_reference([0.8, 0.9], right=98))
    scores.add(np.linspace(0, 1, 1000), np.arange(1000) >= 980)
    found = scores.find(0.01)
    assert found.threshold is None
    assert (found.above_errors, found.needed) == (20, 991)  # 1000 / 101 / 0.01, rounded up
    assert found.reference_needed == 5000  # 1000 / (0.01 x 20)
    said = describe_threshold(found, source="100 images", precision=0.99)
    assert "needs 991 label issues" in said
    assert "about 5,000 reference images" in said
    enough = CorrectionTest(make_reference([0.8, 0.9], right=5198))
    enough.add(np.linspace(0, 1, 1000), np.arange(1000) >= 980)
    assert enough.find(0.01).threshold is not None


def test_a_model_that_is_surely_wrong_needs_no_more_images() -> None:
    scores = CorrectionTest(make_reference([1.0] * 50, right=50))
    scores.add(np.linspace(0, 1, 1000), np.arange(1000) >= 980)
    found = scores.find(0.01)
    assert (found.threshold, found.reference_needed) == (None, None)
    assert "a better model is needed" in describe_threshold(found, source="it", precision=0.99)


def test_is_ood_items_are_never_sure() -> None:
    confidence = correction_confidence(np.array([[0.9, 0.1], [1.0, 0.0]]), np.array([False, True]))
    assert confidence == pytest.approx([0.9, 0.0])
