"""Label quality: planted errors are found, labels that include both are no issue."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import average_precision_score

from hangtag.audit.categories import TextMeaning
from hangtag.audit.dictionary import DictionaryEntry, Proposal
from hangtag.audit.label_quality import add_label_errors, build_label_priors, score_labels
from hangtag.audit.posterior import Posterior
from hangtag.audit.rules import Action
from tests.audit.made_items import CLASSES, EQUAL, draw, say


def included_of(given_classes: np.ndarray) -> np.ndarray:
    included = np.zeros((len(given_classes), CLASSES + 1), dtype=np.bool_)
    included[np.arange(len(included)), given_classes] = True
    return included


def plant(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns true classes and labels, of which one in ten is wrong."""
    truth = draw([0.25] * CLASSES, count, seed=seed)
    random = np.random.default_rng(seed + 1)
    wrong = random.random(count) < 0.1
    return truth, np.where(wrong, (truth + random.integers(1, CLASSES, count)) % CLASSES, truth)


def test_planted_errors_are_found_and_explained() -> None:
    truth, labels = plant(2000, seed=3)
    probabilities, included = say(truth, seed=3), included_of(labels)
    none = np.zeros(len(truth), dtype=np.bool_)
    prior = add_label_errors(included.astype(float), included)
    found = score_labels(probabilities, none, class_prior=EQUAL, included=included, prior=prior)
    assert average_precision_score(truth != labels, found.p_wrong) > 0.85
    confident = found.p_wrong > 0.9
    assert (found.suggested[confident] == truth[confident]).mean() > 0.9
    assert (found.given == labels).all()


def test_a_label_that_includes_both_is_no_issue() -> None:
    probabilities = say(np.ones(100, dtype=np.int64))
    included = np.zeros((100, CLASSES + 1), dtype=np.bool_)
    included[:, :2] = True
    prior = add_label_errors(np.where(included, 0.5, 0.0), included)
    found = score_labels(
        probabilities,
        np.zeros(100, dtype=np.bool_),
        class_prior=EQUAL,
        included=included,
        prior=prior,
    )
    assert found.p_wrong.max() < 0.1
    assert (found.given_probability < 1 - found.p_wrong).all()
    right = (found.given == 1).mean()
    assert found.given_probability.mean() == pytest.approx(right, abs=0.15)


def test_errors_are_mixed_in() -> None:
    included = np.array([[True, False, True, False]])
    mixed = add_label_errors(np.array([[0.6, 0.0, 0.2, 0.0]]), included)
    assert mixed.sum() == pytest.approx(1)
    assert mixed[0, 0] == pytest.approx(0.95 * 0.75)
    assert mixed[0, 3] == pytest.approx(0.1 * mixed[0, 1])


def test_what_an_unclear_label_may_mean_is_not_wrong() -> None:
    fractions = np.array([0.4, 0.3, 0.25, 0.03, 0.02])
    found = Posterior(fractions, fractions - 0.02, fractions + 0.5, 9)
    unclear, unseen = (Proposal(Action.ASK, included, "too few items") for included in ((0,), ()))
    mapped = Proposal(Action.MAP, (0,), "approved before")
    nothing, says = (
        TextMeaning(np.zeros(5)),
        TextMeaning(np.array([0.9, 0, 0, 0, 0.1]), 0.0, "a", 0.9),
    )
    entries = [
        DictionaryEntry("A", "word", 9, found, text, means, means, lacks_class=False)
        for text, means in [
            (nothing, unclear),
            (nothing, unseen),
            (says, unclear),
            (nothing, mapped),
        ]
    ]
    vague = replace(entries[1], text=TextMeaning(np.zeros(5), vague=True))
    assert build_label_priors([vague]).included.all()
    priors = build_label_priors(entries)
    assert (
        priors.included.tolist()
        == [[True, True, True, False, False]] * 2 + [[True, False, False, False, False]] * 2
    )
    quality = score_labels(
        np.array([[0.01, 0.97, 0.01, 0.01]] * 4),
        np.zeros(4, dtype=np.bool_),
        class_prior=EQUAL,
        included=priors.included,
        prior=priors.prior,
    )
    assert (quality.p_wrong[:2] < 0.01).all()
    assert (quality.p_wrong[2:] > 0.3).all()


def test_a_label_that_includes_nothing_has_a_prior_too() -> None:
    fractions = np.array([[0.0, 0.0, 0.0], [0.25, 0.75, 0.0]])
    prior = add_label_errors(fractions, fractions > 0)
    assert np.allclose(prior.sum(axis=1), 1)
    assert prior[1, 1] > prior[1, 0] > prior[1, 2]
