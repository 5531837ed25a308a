"""Items against their words, and which are wrong for sure."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from hangtag.audit.judging import find_confusions, judge_items, mix_doubt, mix_errors
from hangtag.audit.reference import Reference, SureJudge, SureScores
from tests.audit.made_items import CLASSES, draw, say


def cover_of(given_classes: np.ndarray) -> np.ndarray:
    cover = np.zeros((len(given_classes), CLASSES + 1), dtype=np.bool_)
    cover[np.arange(len(cover)), given_classes] = True
    return cover


def plant(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns true classes and labels, of which one in ten is wrong."""
    truth = draw([0.25] * CLASSES, count, seed=seed)
    random = np.random.default_rng(seed + 1)
    wrong = random.random(count) < 0.1
    return truth, np.where(wrong, (truth + random.integers(1, CLASSES, count)) % CLASSES, truth)


def test_planted_errors_are_found_and_explained() -> None:
    truth, labels = plant(2000, seed=3)
    probabilities, cover = say(truth, seed=3), cover_of(labels)
    none = np.zeros(len(truth), dtype=np.bool_)
    shares = mix_errors(cover.astype(float), cover)
    found = judge_items(probabilities, none, cover=cover, shares=shares)
    assert average_precision_score(truth != labels, found.score) > 0.85
    sure = found.score > 0.9
    assert (found.suggested[sure] == truth[sure]).mean() > 0.9
    assert (found.within == labels).all()


def test_a_word_that_covers_both_is_no_issue() -> None:
    probabilities = say(np.ones(100, dtype=np.int64))
    cover = np.zeros((100, CLASSES + 1), dtype=np.bool_)
    cover[:, :2] = True
    shares = mix_errors(np.where(cover, 0.5, 0.0), cover)
    found = judge_items(probabilities, np.zeros(100, dtype=np.bool_), cover=cover, shares=shares)
    assert found.score.max() < 0.1


def test_errors_are_mixed_in() -> None:
    cover = np.array([[True, False, True, False]])
    mixed = mix_errors(np.array([[0.6, 0.0, 0.2, 0.0]]), cover)
    assert mixed.sum() == pytest.approx(1)
    assert mixed[0, 0] == pytest.approx(0.95 * 0.75)
    assert mixed[0, 3] == pytest.approx(0.1 * mixed[0, 1])
    confusions = find_confusions(np.array([[8.0, 2.0, 0.0], [1.0, 9.0, 0.0], [0.0, 0.0, 5.0]]))
    assert confusions.sum(axis=1) == pytest.approx(1)
    assert confusions[0] == pytest.approx([0, 1, 0], abs=1e-6)
    doubted = mix_doubt(np.array([[1.0, 0.0, 0.0]]), confusions)
    assert doubted == pytest.approx(np.array([[0.998, 0.002, 0.0]]), abs=1e-6)


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.lists(st.floats(0, 1), min_size=1, max_size=60),
    st.sampled_from([0.05, 0.2, 0.5]),
)
@settings(max_examples=200, deadline=None)
def test_the_threshold_is_that_of_benjamini_and_hochberg(
    reference: list[float], scores: list[float], level: float
) -> None:
    calibration, items = np.sort(reference), np.array(scores)
    sure = SureScores(calibration)
    for part in np.array_split(items, 3):
        sure.add(part)
    threshold = sure.find_threshold(level)
    p_values = (1 + (calibration >= items[:, None]).sum(axis=1)) / (len(calibration) + 1)
    ranked = np.sort(p_values)
    passed = np.flatnonzero(ranked <= level * np.arange(1, len(ranked) + 1) / len(ranked))
    by_hand = p_values <= ranked[passed[-1]] if len(passed) else np.zeros(len(items), dtype=bool)
    taken = np.zeros(len(items), dtype=bool) if threshold is None else items >= threshold
    assert (taken == by_hand).all()


def test_corrections_keep_their_promise() -> None:
    """Over many feeds, the mean share of right labels among the sure ones is below the level."""
    level, shares = 0.1, []
    for seed in range(25):
        held = draw([0.25] * CLASSES, 1500, seed=100 + seed)
        none = np.zeros(len(held), dtype=np.bool_)
        judge = SureJudge(Reference(say(held, seed=100 + seed), none, held, "made"))
        truth, labels = plant(1500, seed=seed)
        cover = cover_of(labels)
        scores = judge.score(
            say(truth, seed=seed), none, cover=cover, shares=mix_errors(cover.astype(float), cover)
        )
        sure = SureScores(judge.scores)
        sure.add(scores)
        threshold = sure.find_threshold(level)
        taken = scores >= threshold if threshold is not None else np.zeros(1500, dtype=bool)
        shares.append((truth == labels)[taken].mean() if taken.any() else 0.0)
    assert np.mean(shares) <= level
    assert np.mean(shares) > 0  # It is no promise that is kept by doing nothing.


def test_nothing_is_sure_without_enough_reference() -> None:
    sure = SureScores(np.array([0.5]))
    sure.add(np.linspace(0, 1, 100))
    assert sure.find_threshold(0.01) is None
