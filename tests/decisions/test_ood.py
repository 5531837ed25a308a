from collections.abc import Callable

import numpy as np
import pytest
import torch
from sklearn.covariance import LedoitWolf

from hangtag.decisions.ood import (
    MAX_DIRECTIONS,
    EmbeddingStatistics,
    TextureStatistics,
    choose_ood_threshold,
    distance_outside,
    fit_embeddings,
    fit_textures,
    relative_distance,
    texture_distance,
)
from hangtag.training.ood import OodScore

Draw = Callable[..., tuple[np.ndarray, np.ndarray]]


def draw(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws embeddings (N, 6) about three centres, in a lopsided cloud."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, 3, count)
    centres = np.array([[4, 0, 0, 0, 0, 0], [0, 4, 0, 0, 0, 0], [0, 0, 4, 0, 0, 0]])
    spread = random.normal(size=(count, 6)) * [1, 2, 1, 0.5, 3, 1]
    return (centres[labels] + spread).astype(np.float32), labels


def test_the_relative_distance_is_the_difference_of_scikit_learns() -> None:
    embeddings, labels = draw(500, seed=0)
    values = embeddings.astype(np.float64)
    centres = np.stack([values[labels == k].mean(axis=0) for k in range(3)])
    within = LedoitWolf(assume_centered=True).fit(values - centres[labels])
    overall = LedoitWolf().fit(values)
    expected = np.min([within.mahalanobis(values - c) for c in centres], axis=0)
    expected -= overall.mahalanobis(values)
    expected = scale(expected)
    received = relative_distance(embeddings, fit_embeddings(embeddings, labels))
    np.testing.assert_allclose(received, expected, rtol=1e-6, atol=1e-6)


def test_the_distance_of_textures_is_scikit_learns() -> None:
    textures, _ = draw(500, seed=1)
    values = textures.astype(np.float64)
    expected = scale(np.log1p(LedoitWolf().fit(values).mahalanobis(values)))
    received = texture_distance(textures, fit_textures(textures))
    np.testing.assert_allclose(received, expected, rtol=1e-6, atol=1e-6)


def scale(values: np.ndarray) -> np.ndarray:
    """Returns values with the median at 0 and the 98 % quantile at 1."""
    middle = float(np.median(values))
    return (values - middle) / (float(np.quantile(values, 0.98)) - middle)


def ood_score(
    embeddings: np.ndarray,
    textures: np.ndarray,
    known: tuple[EmbeddingStatistics, TextureStatistics],
) -> np.ndarray:
    """Returns the OOD scores (N,): the reference for what the graph computes."""
    of_embedding = relative_distance(embeddings, known[0]) + distance_outside(embeddings, known[0])
    return of_embedding + texture_distance(textures, known[1])


def test_what_lies_elsewhere_has_a_higher_score_and_the_threshold_keeps_98_percent() -> None:
    (train, labels), (textures, _) = draw(3000, seed=0), draw(3000, seed=9)
    known = fit_embeddings(train, labels), fit_textures(textures)
    held_out, usual = draw(3000, seed=1)[0], draw(3000, seed=8)[0]
    limit = choose_ood_threshold(ood_score(held_out, usual, known))
    kept = ood_score(draw(3000, seed=2)[0], draw(3000, seed=7)[0], known) <= limit
    assert kept.mean() == pytest.approx(0.98, abs=0.01)
    assert (ood_score(held_out, usual, known) <= limit).mean() == pytest.approx(0.98, abs=1e-3)
    away = np.array([9, 9, 9, 0, 0, 0], dtype=np.float32)
    assert (ood_score(held_out + away, usual, known) > limit).mean() > 0.95
    assert (ood_score(held_out, usual - 3 * away, known) > limit).mean() > 0.95


def test_many_dimensions_become_their_main_directions() -> None:
    random = np.random.default_rng(0)
    wide = random.normal(size=(400, 200)).astype(np.float32)
    wide[:, :5] *= 30
    known = fit_textures(wide)
    assert known.overall.shape == (200, MAX_DIRECTIONS)
    along, across = (np.eye(200, dtype=np.float32)[[0]] * 300, wide[:1] * 0)
    assert texture_distance(along, known) > texture_distance(across, known)


def draw_wide(count: int, *, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draws embeddings (N, 300) that lie near a space of six dimensions."""
    narrow, labels = draw(count, seed=seed)
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(300, 300)))[0][:6]
    noise = np.random.default_rng(seed).normal(size=(count, 300))
    return (narrow @ turn + 0.1 * noise).astype(np.float32), labels


def test_what_leaves_the_space_of_the_training_items_is_strange() -> None:
    train, labels = draw_wide(2000, seed=0)
    known = fit_embeddings(train, labels)
    assert known.directions.shape == (300, MAX_DIRECTIONS)
    usual, _ = draw_wide(500, seed=1)
    away = usual + np.random.default_rng(2).normal(size=300).astype(np.float32)
    assert distance_outside(away, known).min() > 10 * distance_outside(usual, known).max()
    inside = usual.astype(np.float64) - known.mean
    residual = inside - inside @ known.directions @ known.directions.T
    expected = (residual**2).sum(axis=1)
    assert known.outside is not None
    received = distance_outside(usual, known) * known.outside.spread + known.outside.middle
    np.testing.assert_allclose(received, expected, rtol=1e-6)


@pytest.mark.parametrize("draw", [draw, draw_wide])
def test_the_graph_computes_the_same(draw: Draw) -> None:
    (embeddings, labels), (textures, _) = draw(400, seed=3), draw(400, seed=4)
    known = fit_embeddings(embeddings, labels), fit_textures(textures)
    received = OodScore(*known)(torch.from_numpy(embeddings), torch.from_numpy(textures))
    expected = ood_score(embeddings, textures, known)
    np.testing.assert_allclose(received, expected, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("count", [2, 5])
def test_few_and_equal_items_give_finite_numbers(count: int) -> None:
    same, labels = np.ones((count, 4), np.float32), np.zeros(count, np.int64)
    known = fit_embeddings(same, labels), fit_textures(same)
    assert np.isfinite(ood_score(same, same, known)).all()
