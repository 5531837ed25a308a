from types import ModuleType, SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hangtag.training.optimisation import learning_rate_factor
from hangtag.training.recipes import load_recipe
from hangtag.training.recipes.schema import Exponential, OneCycle


# Keras' variables know NumPy's first array protocol only.
@pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")
def test_learning_rates_of_the_seed_equal_those_that_keras_sets(keras: ModuleType) -> None:
    recipe = load_recipe("seed")
    optimizer = keras.optimizers.Adam(1e-3)
    callback = keras.callbacks.LearningRateScheduler(lambda epoch: 1e-3 * 0.9**epoch)
    callback.set_model(SimpleNamespace(optimizer=optimizer))
    for epoch in range(75):
        callback.on_epoch_begin(epoch)
        factor = learning_rate_factor(recipe.schedule, epoch=epoch, epochs=recipe.epochs)
        rate = recipe.optimiser.learning_rate * factor
        assert rate == pytest.approx(optimizer.learning_rate.value.item(), rel=1e-6)


@given(epoch=st.integers(0, 74), step=st.integers(0, 637), factor=st.floats(0.1, 1.0))
def test_exponential_is_constant_within_an_epoch(epoch: int, step: int, factor: float) -> None:
    schedule = Exponential(factor=factor)
    first = learning_rate_factor(schedule, epoch=epoch, epochs=75)
    assert learning_rate_factor(schedule, epoch=epoch + step / 638, epochs=75) == first


@pytest.mark.parametrize(
    ("epoch", "expected"), [(0, 0.0), (1, 0.5), (2, 1.0), (4, 0.775), (6, 0.55), (10, 0.1)]
)
def test_one_cycle_rises_and_falls_in_lines(epoch: float, expected: float) -> None:
    schedule = OneCycle(warm_up=0.2, end=0.1)
    assert learning_rate_factor(schedule, epoch=epoch, epochs=10) == pytest.approx(expected)


def test_one_cycle_without_warm_up_starts_at_its_highest() -> None:
    assert learning_rate_factor(OneCycle(warm_up=0.0), epoch=0.0, epochs=10) == 1.0


@given(
    warm_up=st.floats(0.0, 0.99),
    end=st.floats(0.0, 1.0),
    done=st.floats(0.0, 1.0),
    epochs=st.integers(1, 100),
)
def test_one_cycle_stays_within_its_range(
    warm_up: float, end: float, done: float, epochs: int
) -> None:
    schedule = OneCycle(warm_up=warm_up, end=end)
    factor = learning_rate_factor(schedule, epoch=done * epochs, epochs=epochs)
    assert 0.0 <= factor <= 1.0 + 1e-9
    if done > warm_up:
        assert factor >= end - 1e-9
