from types import ModuleType, SimpleNamespace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hangtag.training.optimisation import EarlyStopping

CURVES = {
    "falls without end": [1 / epoch for epoch in range(1, 40)],
    "rises from the first": [1.0, 1.1, 1.2, 1.3, 1.4, 1.5, 1.6, 0.1],
    "plateau": [0.5] * 12,
    "tie is no improvement": [0.5, 0.4, 0.6, 0.4, 0.4, 0.6, 0.4, 0.3],
    "improves at the last moment": [0.5, 0.4, 0.6, 0.6, 0.6, 0.6, 0.39, 0.6, 0.6, 0.6, 0.6, 0.6],
    "hair's breadth": [0.5, float(np.nextafter(np.float32(0.5), 0)), *[0.5] * 6],
    "noisy": [0.9, 0.5, 0.6, 0.45, 0.5, 0.44, 0.5, 0.46, 0.47, 0.45, 0.441, 0.43],
    "two epochs": [0.5, 0.4],
}


def stop_with_keras(keras: ModuleType, losses: list[float], *, patience: int) -> tuple[int, int]:
    """Last epoch and best epoch, both from 1."""
    model = SimpleNamespace(stop_training=False)
    callback = keras.callbacks.EarlyStopping(monitor="val_loss", mode="min", patience=patience)
    callback.set_model(model)
    callback.on_train_begin()
    for epoch, loss in enumerate(losses):
        callback.on_epoch_end(epoch, {"val_loss": loss})
        if model.stop_training:
            break
    return epoch + 1, callback.best_epoch + 1


def stop_with_ours(losses: list[float], *, patience: int | None) -> tuple[int, int]:
    stopping = EarlyStopping(patience)
    for epoch, loss in enumerate(losses, start=1):
        stopping.observe(loss, epoch=epoch)
        if stopping.should_stop:
            break
    return epoch, stopping.best_epoch


@pytest.mark.parametrize("curve", CURVES.values(), ids=CURVES.keys())
def test_stops_where_keras_stops(keras: ModuleType, curve: list[float]) -> None:
    assert stop_with_ours(curve, patience=5) == stop_with_keras(keras, curve, patience=5)


# Keras compares in float32, the precision of its losses.
LOSSES = st.integers(0, 6).map(float) | st.floats(0, 1e6, width=32, allow_subnormal=False)


@given(
    losses=st.lists(LOSSES, min_size=1, max_size=40),
    patience=st.integers(1, 8),
)
def test_stops_where_keras_stops_on_any_curve(
    keras: ModuleType, losses: list[float], patience: int
) -> None:
    expected = stop_with_keras(keras, losses, patience=patience)
    assert stop_with_ours(losses, patience=patience) == expected


def test_stops_five_epochs_after_the_best() -> None:
    assert stop_with_ours([0.5, 0.4, *[0.41] * 20], patience=5) == (7, 2)


def test_without_patience_it_never_stops() -> None:
    assert stop_with_ours([0.1, *[0.2] * 99], patience=None) == (100, 1)


def test_observe_tells_improvements() -> None:
    stopping = EarlyStopping(5)
    told = [stopping.observe(loss, epoch=n) for n, loss in enumerate([0.5, 0.5, 0.4, 0.6], 1)]
    assert told == [True, False, True, False]
    assert (stopping.best_loss, stopping.best_epoch, stopping.waited) == (0.4, 3, 1)
