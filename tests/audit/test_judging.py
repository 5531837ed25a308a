"""Items against their words."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from hangtag.audit.dictionary import Posterior
from hangtag.audit.dictionary_entries import Entry
from hangtag.audit.judging import describe_words, judge_items, mix_errors
from hangtag.audit.proposals import Action, Proposal
from hangtag.audit.text_reading import TextView
from tests.audit.made_items import CLASSES, EQUAL, draw, say


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
    found = judge_items(probabilities, none, taken=EQUAL, cover=cover, shares=shares)
    assert average_precision_score(truth != labels, found.score) > 0.85
    sure = found.score > 0.9
    assert (found.suggested[sure] == truth[sure]).mean() > 0.9
    assert (found.within == labels).all()


def test_a_word_that_covers_both_is_no_issue() -> None:
    probabilities = say(np.ones(100, dtype=np.int64))
    cover = np.zeros((100, CLASSES + 1), dtype=np.bool_)
    cover[:, :2] = True
    shares = mix_errors(np.where(cover, 0.5, 0.0), cover)
    found = judge_items(
        probabilities, np.zeros(100, dtype=np.bool_), taken=EQUAL, cover=cover, shares=shares
    )
    assert found.score.max() < 0.1
    assert (found.certainty < 1 - found.score).all()
    right = (found.within == 1).mean()
    assert found.certainty.mean() == pytest.approx(right, abs=0.15)


def test_errors_are_mixed_in() -> None:
    cover = np.array([[True, False, True, False]])
    mixed = mix_errors(np.array([[0.6, 0.0, 0.2, 0.0]]), cover)
    assert mixed.sum() == pytest.approx(1)
    assert mixed[0, 0] == pytest.approx(0.95 * 0.75)
    assert mixed[0, 3] == pytest.approx(0.1 * mixed[0, 1])


def test_what_a_word_without_a_meaning_may_mean_is_not_wrong() -> None:
    share = np.array([0.4, 0.3, 0.25, 0.03, 0.02])
    found = Posterior(share, share - 0.02, share + 0.5, 9)
    unclear, unseen = (Proposal(Action.ASK, cover, "too few items") for cover in ((0,), ()))
    mapped = Proposal(Action.MAP, (0,), "approved before")
    nothing, says = TextView(np.zeros(5)), TextView(np.array([0.9, 0, 0, 0, 0.1]), 0.0, "a", 0.9)
    entries = [
        Entry("A", "word", 9, found, text, means, means, lacking=False)
        for text, means in [
            (nothing, unclear),
            (nothing, unseen),
            (says, unclear),
            (nothing, mapped),
        ]
    ]
    vague = replace(entries[1], text=TextView(np.zeros(5), vague=True))
    assert describe_words([vague]).cover.all()
    words = describe_words(entries)
    assert (
        words.cover.tolist()
        == [[True, True, True, False, False]] * 2 + [[True, False, False, False, False]] * 2
    )
    verdicts = judge_items(
        np.array([[0.01, 0.97, 0.01, 0.01]] * 4),
        np.zeros(4, dtype=np.bool_),
        taken=EQUAL,
        cover=words.cover,
        shares=words.shares,
    )
    assert (verdicts.score[:2] < 0.01).all()
    assert (verdicts.score[2:] > 0.3).all()
