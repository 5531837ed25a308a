"""Runs Keras on TensorFlow in a process of its own: commands on stdin, answers on stdout.

Its threads would disturb those of PyTorch in one process. One JSON object a line, such as
``{"do": "train", "images": 2560}``; the answer is ``{"seconds": ..., "images": ...}``.
"""

import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

os.environ |= {"KERAS_BACKEND": "tensorflow", "TF_CPP_MIN_LOG_LEVEL": "3"}

BATCH = 80


def main() -> None:
    """Answers one line after the other until stdin ends."""
    import keras

    from benchmarks.keras_seed import build_keras_seed

    keras.utils.set_random_seed(0)
    model = build_keras_seed(keras)
    model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
    random = np.random.default_rng(0)
    images = random.random((4096, 28, 28, 1), dtype=np.float32)
    targets = np.eye(10, dtype=np.float32)[random.integers(0, 10, 4096)]
    for line in sys.stdin:
        match json.loads(line):
            case {"do": "train", "images": count}:
                answer = train(keras, model, images[:count], targets[:count])
            case {"do": "predict", "images": count, "batch": batch}:
                answer = predict(model, images[:count], batch)
            case {"do": "save", "path": path}:
                model.save(path)
                answer = {"bytes": Path(path).stat().st_size}
        print(json.dumps(answer), flush=True)


def train(
    keras: Any, model: Any, images: NDArray[np.float32], targets: NDArray[np.float32]
) -> dict[str, float]:
    """Trains on the images in batches of 80, augmented as in the seed.

    Timed from the end of the first batch to the end of the last: `fit` now and then waits for
    seconds before or after, which is left out in Keras' favour.
    """
    from keras.src.legacy.preprocessing.image import ImageDataGenerator

    flow = ImageDataGenerator(
        rotation_range=0.5, zoom_range=0.1, width_shift_range=0.3, height_shift_range=0.1
    ).flow(images, targets, batch_size=BATCH)
    ends: list[float] = []
    note = keras.callbacks.LambdaCallback(
        on_train_batch_end=lambda batch, logs: ends.append(time.perf_counter())
    )
    model.fit(flow, epochs=1, verbose=0, callbacks=[note])
    return {"seconds": ends[-1] - ends[0], "images": len(images) - BATCH}


def predict(model: Any, images: NDArray[np.float32], batch: int) -> dict[str, float]:
    """Predicts the images in batches with `Model.predict`."""
    started = time.perf_counter()
    model.predict(images, batch_size=batch, verbose=0)
    return {"seconds": time.perf_counter() - started, "images": len(images)}


if __name__ == "__main__":
    main()
