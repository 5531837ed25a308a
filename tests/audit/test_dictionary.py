"""The posterior of a word: right, honest about confusions, tighter with items."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hangtag.audit.dictionary import (
    Posterior,
    find_likelihoods,
    find_posterior,
    find_prior,
    find_spread,
    make_spread,
)
from hangtag.audit.evidence import Evidence
from tests.audit.made_items import CLASSES, EQUAL, draw, gather, say

NOTHING = find_prior(np.zeros(5))


def find(shares: list[float], count: int, *, seed: int = 0) -> Posterior:
    return find_posterior(gather(say(draw(shares, count, seed=seed), seed=seed)), NOTHING)


@given(
    st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    st.integers(1, 60),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_shares_sum_to_one_and_lie_in_their_intervals(
    weights: list[float], count: int, seed: int
) -> None:
    found = find([one / sum(weights) for one in weights], count, seed=seed)
    assert found.share.sum() == pytest.approx(1)
    assert ((found.low >= 0) & (found.low <= found.share)).all()
    assert ((found.share <= found.high) & (found.high <= 1)).all()


@given(st.integers(0, 30))
@settings(max_examples=10, deadline=None)
def test_intervals_tighten_with_items(seed: int) -> None:
    widths = []
    for count in (20, 200, 2000):
        found = find([0.0, 0.0, 0.7, 0.3], count, seed=seed)
        widths.append(float((found.high - found.low)[2]))
    assert widths[0] > widths[1] > widths[2]


def test_what_the_model_confuses_is_no_split() -> None:
    """A tenth of class 0 is taken for class 1, and still the word is all class 0."""
    probabilities = say(np.zeros(400, dtype=np.int64))
    assert (probabilities.argmax(axis=1) == 1).mean() > 0.1
    found = find_posterior(gather(probabilities), NOTHING)
    assert found.share[0] > 0.95
    assert found.low[1] < 0.02


def test_what_the_model_takes_for_granted_is_taken_away() -> None:
    """A model trained on ten times as many of class 1 calls half of class 0 so; a word does not."""
    taken = np.array([0.05, 0.5, 0.225, 0.225])
    leaning = say(np.zeros(400, dtype=np.int64)) * taken
    leaning /= leaning.sum(axis=1, keepdims=True)
    assert (leaning.argmax(axis=1) == 1).mean() > 0.4
    wrong = find_posterior(gather(leaning), NOTHING)
    assert wrong.share[0] < 0.8
    found = find_posterior(gather(leaning, taken=taken), NOTHING)
    assert found.share[0] > 0.95
    assert taken.shape == (CLASSES,)


def test_a_mixture_of_what_the_model_confuses_is_found() -> None:
    found = find([0.7, 0.3, 0.0, 0.0], 2000)
    assert found.share[:2] == pytest.approx([0.7, 0.3], abs=0.04)


def test_it_agrees_with_sampling() -> None:
    """Beside a Gibbs sampler of the exact posterior (Diebolt and Robert 1994)."""
    evidence = gather(say(draw([0.6, 0.3, 0.1, 0.0], 150)))
    found = find_posterior(evidence, NOTHING)
    draws = sample_posterior(evidence, NOTHING + 1.0 / len(NOTHING), count=1500)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    assert found.share == pytest.approx(draws.mean(axis=0), abs=0.03)
    assert found.low[:3] == pytest.approx(low[:3], abs=0.05)
    assert found.high[:3] == pytest.approx(high[:3], abs=0.05)


def sample_posterior(
    evidence: Evidence, prior: NDArray[np.float64], *, count: int
) -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    likelihoods = find_likelihoods(evidence.probabilities, evidence.strange, EQUAL)
    shares, draws = prior / prior.sum(), []
    for _ in range(count + 100):
        joint = likelihoods * shares
        chosen = random.multinomial(
            evidence.counts.astype(int), joint / joint.sum(axis=1, keepdims=True)
        )
        shares = random.dirichlet(prior + chosen.sum(axis=0))
        draws.append(shares)
    return np.array(draws[100:])


def test_strange_items_are_no_apparel() -> None:
    probabilities = say(draw([0.25] * 4, 50))
    found = find_posterior(gather(probabilities, np.ones(50, dtype=np.bool_)), NOTHING)
    assert found.share[-1] > 0.9


def test_text_speaks_where_there_are_no_items() -> None:
    empty = Evidence(np.zeros(0), np.zeros(0, dtype=np.bool_), np.zeros((0, 4)), EQUAL)
    text = np.array([0.0, 0.9, 0.0, 0.0, 0.1])
    found = find_posterior(empty, find_prior(text))
    assert found.n == 0
    assert found.share.argmax() == 1
    assert found.high[1] - found.low[1] > 0.3


def test_many_images_outweigh_the_text() -> None:
    text = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    found = find_posterior(gather(say(np.full(200, 2))), find_prior(text))
    assert found.share[2] > 0.9


def test_joint_share_and_interval() -> None:
    evidence = gather(say(draw([0.5, 0.0, 0.3, 0.2], 400)))
    found = find_posterior(evidence, NOTHING)
    spread = find_spread(evidence, found.share, [2, 3], 0.5)
    assert spread.share == pytest.approx(found.share[2] + found.share[3])
    assert spread.items == pytest.approx(400, rel=0.02)
    by_hand = make_spread(0.5, 100)
    assert (by_hand.low, by_hand.high) == pytest.approx((0.4026, 0.5974), abs=1e-3)
