"""Runs an exported model by ONNX Runtime: uint8 pixels in, logits, embeddings, OOD scores out."""

import math
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.environment import hold_interrupts
from hangtag.errors import DataError, ModelError
from hangtag.images.spec import ImageSpec
from hangtag.progress import OnProgress

BATCH = 64
"""Small images a call of the runtime; larger batches leave the processor's caches."""

_BATCH_BYTES = 2**18
_MIN_BATCH = 8
"""Large images a call: as many as fit into these bytes of pixels, at least eight."""


@dataclass(frozen=True, slots=True)
class ModelOutputs:
    """The outputs of the graph for N images.

    Attributes:
        logits: (N, K) float32.
        ood_scores: (N,) float32; how unlike the training data each image is.
    """

    logits: NDArray[np.float32]
    ood_scores: NDArray[np.float32]


class OnnxModel:
    """An open ONNX graph with the size of its images; works on arrays alone.

    Args:
        onnx: The content of ``model.onnx``.
        spec: The images it takes.
        where: What errors call the file.

    Attributes:
        spec: The images it takes.
        classes: Class names inside the graph, by index.

    Raises:
        ModelError: The runtime cannot run it.
    """

    def __init__(self, onnx: bytes, spec: ImageSpec, *, where: str) -> None:
        self.spec = spec
        self._session = _open_session(onnx, where)
        inside = self._session.get_modelmeta().custom_metadata_map.get("classes", "")
        self.classes = tuple(inside.split("\n"))

    def run(
        self, images: NDArray[np.uint8], *, on_progress: OnProgress | None = None
    ) -> ModelOutputs:
        """Returns the outputs for images (N, H, W) or (N, H, W, C) uint8.

        Raises:
            DataError: The images are not of the model's size and type.
        """
        logits, ood_scores = self._run(["logits", "ood_score"], images, on_progress)
        return ModelOutputs(logits, ood_scores)

    def embed(
        self, images: NDArray[np.uint8], *, on_progress: OnProgress | None = None
    ) -> NDArray[np.float32]:
        """Returns the embeddings (N, D) of images (N, H, W) or (N, H, W, C) uint8.

        Raises:
            DataError: The images are not of the model's size and type.
        """
        (embeddings,) = self._run(["embedding"], images, on_progress)
        return embeddings

    def _run(
        self, outputs: list[str], images: NDArray[np.uint8], on_progress: OnProgress | None
    ) -> list[NDArray[np.float32]]:
        """Runs the graph batch by batch; without images, a blank one gives the shapes."""
        pixels = self._check(images)
        count = len(pixels)
        parts = []
        step = max(_MIN_BATCH, min(BATCH, _BATCH_BYTES // math.prod(pixels.shape[1:])))
        blank = np.zeros((1, *self.spec.batch_shape), np.uint8)
        for start in range(0, max(count, 1), step):
            batch = pixels[start : start + step] if count else blank
            parts.append(self._session.run(outputs, {"pixels": batch}))
            if on_progress and count:
                on_progress(min(start + step, count), count)
        return [np.concatenate(part)[:count] for part in zip(*parts, strict=True)]

    def _check(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        spec = self.spec
        pixels = images[..., None] if images.ndim == 3 and spec.channels == 1 else images
        if images.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != spec.batch_shape:
            raise DataError(
                f"expected images (N, {spec.height}, {spec.width}) or (N, {spec.height}, "
                f"{spec.width}, {spec.channels}) of type uint8, received {images.shape} of type "
                f"{images.dtype}; convert them first"
            )
        return np.ascontiguousarray(pixels)


def load_runtime() -> Any:
    """Imports ONNX Runtime, which takes longer than anything else before a first prediction."""
    with hold_interrupts():
        import onnxruntime

    return onnxruntime


def _open_session(onnx: bytes, where: str) -> Any:
    onnxruntime = load_runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base below Exception
        raise ModelError(
            f"{where} cannot be run: {str(error).splitlines()[0]}; get the model folder again"
        ) from error
