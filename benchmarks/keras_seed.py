"""Builds the seed's network in Keras, with Keras' defaults: the peer of every comparison."""

from typing import Any


def build_keras_seed(keras: Any, *, dropout: float = 1.0) -> Any:
    """Builds the network of the seed's report, not compiled; `dropout` is a factor on its rates."""
    layers = keras.layers

    def convolution(filters: int, kernel: int, l2: float | None = None) -> Any:
        regularizer = None if l2 is None else keras.regularizers.l2(l2)
        return layers.Conv2D(
            filters, kernel, padding="same", activation="relu", kernel_regularizer=regularizer
        )

    return keras.Sequential(
        [
            layers.Input((28, 28, 1)),
            convolution(32, 3),
            layers.BatchNormalization(),
            layers.Dropout(0.3 * dropout),
            convolution(64, 3),
            layers.BatchNormalization(),
            layers.Dropout(0.4 * dropout),
            layers.MaxPooling2D(2),
            convolution(64, 5, l2=0.01),
            layers.BatchNormalization(),
            layers.Dropout(0.5 * dropout),
            layers.MaxPooling2D(2),
            convolution(128, 3, l2=0.01),
            layers.BatchNormalization(),
            layers.Dropout(0.25 * dropout),
            layers.Flatten(),
            layers.Dense(512, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5 * dropout),
            layers.Dense(128, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.5 * dropout),
            layers.Dense(10, activation="softmax"),
        ]
    )
