"""Runs an exported model by ONNX Runtime: uint8 pixels in, logits, embeddings, OOD scores out."""

import math
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.environment import hold_interrupts
from hangtag.errors import DataError, ModelError
from hangtag.images.spec import ImageSpec
from hangtag.models.onnx_graph import check_graph
from hangtag.progress import OnProgress

BATCH = 64
"""Small images a call of the runtime; larger batches leave the processor's caches."""

_FATAL = 4
"""Of the runtime's levels: it prints nothing else, what fails is raised."""

_RUNTIME_CODE = re.compile(r"\[ONNXRuntimeError\] : \d+ : (\w+)")

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
        ModelError: The runtime cannot run it, or `check_graph` refuses it.
    """

    def __init__(self, onnx: bytes, spec: ImageSpec, *, where: str) -> None:
        try:
            check_graph(onnx)
        except ValueError as error:
            raise ModelError(f"{where} is refused: {error}; get the model folder again") from None
        self.spec = spec
        self._where = where
        self._session = _open_session(onnx, where)
        inside = self._session.get_modelmeta().custom_metadata_map.get("classes", "")
        self.classes = tuple(inside.split("\n"))

    def run(
        self, images: NDArray[np.uint8], *, on_progress: OnProgress | None = None
    ) -> ModelOutputs:
        """Returns the outputs for images (N, H, W) or (N, H, W, C) uint8.

        Raises:
            DataError: The images are not of the model's size and type.
            ModelError: The runtime fails.
        """
        logits, ood_scores = self._run(["logits", "ood_score"], images, on_progress)
        return ModelOutputs(logits, ood_scores)

    def run_within(self, images: NDArray[np.uint8], *, seconds: float) -> ModelOutputs:
        """Returns the outputs of `run`, all of them computed within `seconds`.

        Raises:
            DataError: The images are not of the model's size and type.
            ModelError: The runtime fails or takes longer.
        """
        with _limit_time(seconds) as options:
            try:
                logits, ood_scores = self._run(["logits", "ood_score"], images, None, options)
            except ModelError as error:
                if not options.terminate:
                    raise
                raise ModelError(
                    f"{self._where} needs over {seconds:g} s for {len(images)} images; get the "
                    "model folder again"
                ) from error
        return ModelOutputs(logits, ood_scores)

    def embed(
        self, images: NDArray[np.uint8], *, on_progress: OnProgress | None = None
    ) -> NDArray[np.float32]:
        """Returns the embeddings (N, D) of images (N, H, W) or (N, H, W, C) uint8.

        Raises:
            DataError: The images are not of the model's size and type.
            ModelError: The runtime fails.
        """
        (embeddings,) = self._run(["embedding"], images, on_progress)
        return embeddings

    def _run(
        self,
        outputs: list[str],
        images: NDArray[np.uint8],
        on_progress: OnProgress | None,
        options: Any = None,
    ) -> list[NDArray[np.float32]]:
        """Runs the graph batch by batch; without images, a blank one gives the shapes."""
        pixels = self._check(images)
        count = len(pixels)
        parts = []
        step = max(_MIN_BATCH, min(BATCH, _BATCH_BYTES // math.prod(pixels.shape[1:])))
        blank = np.zeros((1, *self.spec.batch_shape), np.uint8)
        for start in range(0, max(count, 1), step):
            batch = pixels[start : start + step] if count else blank
            parts.append(self._run_batch(outputs, batch, options))
            if on_progress and count:
                on_progress(min(start + step, count), count)
        return [np.concatenate(part)[:count] for part in zip(*parts, strict=True)]

    def _run_batch(
        self, outputs: list[str], batch: NDArray[np.uint8], options: Any
    ) -> list[NDArray[np.float32]]:
        try:
            found: list[NDArray[np.float32]] = self._session.run(
                outputs, {"pixels": batch}, options
            )
        except Exception as error:  # onnxruntime's exceptions share no base below Exception
            raise ModelError(_describe_failure(self._where, error)) from error
        if any(np.shape(output)[:1] != (len(batch),) for output in found):
            raise ModelError(
                f"{self._where} does not give an output per image; get the model folder again"
            )
        return found

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


@contextmanager
def _limit_time(seconds: float) -> Iterator[Any]:
    """Gives options for a call of the runtime, which ends it after `seconds`."""
    options = load_runtime().RunOptions()
    timer = threading.Timer(seconds, setattr, [options, "terminate", True])
    timer.daemon = True
    timer.start()
    try:
        yield options
    finally:
        timer.cancel()


def _open_session(onnx: bytes, where: str) -> Any:
    onnxruntime = load_runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = _FATAL
    # The other format is guessed from the first bytes, and `check_graph` does not read it.
    options.add_session_config_entry("session.load_model_format", "ONNX")
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base below Exception
        raise ModelError(_describe_failure(where, error)) from error


def _describe_failure(where: str, error: Exception) -> str:
    """Names the runtime's code; the rest of its message is in the cause of the error."""
    code = _RUNTIME_CODE.match(str(error))
    reason = code.group(1) if code else type(error).__name__
    return f"{where} cannot be run: ONNX Runtime reports {reason}; get the model folder again"
