"""The posterior of a label: right, honest about confusions, tighter with items; its evidence."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from hangtag.audit.posterior import (
    Evidence,
    EvidenceTable,
    Posterior,
    beta_estimate,
    compute_likelihoods,
    compute_prior,
    estimate_fraction,
    estimate_posterior,
)
from tests.audit.made_items import CLASSES, EQUAL, draw, gather, say

NOTHING = compute_prior(np.zeros(5))


def find(shares: list[float], count: int, *, seed: int = 0) -> Posterior:
    return estimate_posterior(gather(say(draw(shares, count, seed=seed), seed=seed)), NOTHING)


@given(
    st.lists(st.floats(0.01, 1), min_size=4, max_size=4),
    st.integers(1, 60),
    st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_fractions_sum_to_one_and_lie_in_their_intervals(
    weights: list[float], count: int, seed: int
) -> None:
    found = find([weight / sum(weights) for weight in weights], count, seed=seed)
    assert found.fractions.sum() == pytest.approx(1)
    assert ((found.low >= 0) & (found.low <= found.fractions)).all()
    assert ((found.fractions <= found.high) & (found.high <= 1)).all()


@given(st.integers(0, 30))
@settings(max_examples=10, deadline=None)
def test_intervals_tighten_with_items(seed: int) -> None:
    widths = []
    for count in (20, 200, 2000):
        found = find([0.0, 0.0, 0.7, 0.3], count, seed=seed)
        widths.append(float((found.high - found.low)[2]))
    assert widths[0] > widths[1] > widths[2]


def test_what_the_model_confuses_is_no_split() -> None:
    """The model calls a tenth of class 0 class 1, and still the label is all class 0."""
    probabilities = say(np.zeros(400, dtype=np.int64))
    assert (probabilities.argmax(axis=1) == 1).mean() > 0.1
    found = estimate_posterior(gather(probabilities), NOTHING)
    assert found.fractions[0] > 0.95
    assert found.low[1] < 0.02


def test_the_class_prior_of_the_model_is_divided_out() -> None:
    """A model trained on ten times as many of class 1 calls half of class 0 so, the label not."""
    class_prior = np.array([0.05, 0.5, 0.225, 0.225])
    leaning = say(np.zeros(400, dtype=np.int64)) * class_prior
    leaning /= leaning.sum(axis=1, keepdims=True)
    assert (leaning.argmax(axis=1) == 1).mean() > 0.4
    wrong = estimate_posterior(gather(leaning), NOTHING)
    assert wrong.fractions[0] < 0.8
    found = estimate_posterior(gather(leaning, class_prior=class_prior), NOTHING)
    assert found.fractions[0] > 0.95
    assert class_prior.shape == (CLASSES,)


def test_a_mixture_of_what_the_model_confuses_is_found() -> None:
    found = find([0.7, 0.3, 0.0, 0.0], 2000)
    assert found.fractions[:2] == pytest.approx([0.7, 0.3], abs=0.04)


def test_it_agrees_with_sampling() -> None:
    """Beside a Gibbs sampler of the exact posterior (Diebolt and Robert 1994)."""
    evidence = gather(say(draw([0.6, 0.3, 0.1, 0.0], 150)))
    found = estimate_posterior(evidence, NOTHING)
    draws = sample_posterior(evidence, NOTHING + 1.0 / len(NOTHING), count=1500)
    low, high = np.quantile(draws, [0.025, 0.975], axis=0)
    assert found.fractions == pytest.approx(draws.mean(axis=0), abs=0.03)
    assert found.low[:3] == pytest.approx(low[:3], abs=0.05)
    assert found.high[:3] == pytest.approx(high[:3], abs=0.05)


def sample_posterior(
    evidence: Evidence, prior: NDArray[np.float64], *, count: int
) -> NDArray[np.float64]:
    random = np.random.default_rng(0)
    likelihoods = compute_likelihoods(evidence.probabilities, evidence.is_ood, EQUAL)
    shares, draws = prior / prior.sum(), []
    for _ in range(count + 100):
        joint = likelihoods * shares
        chosen = random.multinomial(
            evidence.counts.astype(int), joint / joint.sum(axis=1, keepdims=True)
        )
        shares = random.dirichlet(prior + chosen.sum(axis=0))
        draws.append(shares)
    return np.array(draws[100:])


def test_is_ood_items_are_no_apparel() -> None:
    probabilities = say(draw([0.25] * 4, 50))
    found = estimate_posterior(gather(probabilities, np.ones(50, dtype=np.bool_)), NOTHING)
    assert found.fractions[-1] > 0.9


def test_text_speaks_where_there_are_no_items() -> None:
    empty = Evidence(np.zeros(0), np.zeros(0, dtype=np.bool_), np.zeros((0, 4)), EQUAL)
    text = np.array([0.0, 0.9, 0.0, 0.0, 0.1])
    found = estimate_posterior(empty, compute_prior(text))
    assert found.n == 0
    assert found.fractions.argmax() == 1
    assert found.high[1] - found.low[1] > 0.3


def test_many_images_outweigh_the_text() -> None:
    text = np.array([0.0, 0.0, 0.0, 1.0, 0.0])
    found = estimate_posterior(gather(say(np.full(200, 2))), compute_prior(text))
    assert found.fractions[2] > 0.9


def test_joint_fraction_and_interval() -> None:
    evidence = gather(say(draw([0.5, 0.0, 0.3, 0.2], 400)))
    found = estimate_posterior(evidence, NOTHING)
    estimate = estimate_fraction(evidence, found.fractions, [2, 3], 0.5)
    assert estimate.fraction == pytest.approx(found.fractions[2] + found.fractions[3])
    assert estimate.items == pytest.approx(400, rel=0.02)
    by_hand = beta_estimate(0.5, 100)
    assert (by_hand.low, by_hand.high) == pytest.approx((0.4026, 0.5974), abs=1e-3)


def test_every_item_counts_and_probabilities_are_kept_in_sum() -> None:
    probabilities = say(draw([0.4, 0.3, 0.2, 0.1], 500))
    found = gather(probabilities)
    assert found.n == 500
    assert found.counts @ found.probabilities == pytest.approx(probabilities.sum(axis=0))


def test_groups_and_is_ood_items_are_apart() -> None:
    table = EvidenceTable(EQUAL)
    probabilities = say(draw([0.25] * 4, 60))
    groups, is_ood = np.arange(60) % 3, np.arange(60) % 2 == 0
    for start in range(0, 60, 7):
        part = slice(start, start + 7)
        table.add(groups[part], probabilities[part], is_ood[part])
    found = table.by_group()
    assert {group: evidence.n for group, evidence in found.items()} == {0: 20, 1: 20, 2: 20}
    assert found[0].counts[found[0].is_ood].sum() == 10


def test_cells_do_not_grow_with_items() -> None:
    cells = [len(gather(say(draw([0.25] * 4, n))).counts) for n in (10_000, 100_000)]
    assert cells[1] <= 4 * 3 * 13 * 2
    assert cells[1] < 2 * cells[0]
