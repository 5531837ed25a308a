"""The one way from pixels to decisions: a verified model folder run by ONNX Runtime.

    classifier = Classifier.load("fashion-mnist")
    for prediction in classifier.predict(images):
        print(prediction.category, prediction.confidence, prediction.decision)

Letters: N examples, K classes, D embedding, H, W, C height, width, channels.
"""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.calibration import softmax
from hangtag.decisions.policy import Decision, Decisions, decide
from hangtag.decisions.risk_control import DEFAULT_PRECISION
from hangtag.environment import hold_interrupts
from hangtag.errors import DataError, ModelError
from hangtag.models.explanation import occlusion_map
from hangtag.models.folder import GOLDEN_TOLERANCE, ONNX, Card, find_model_folder, read_card
from hangtag.progress import OnProgress

BATCH = 64
"""Small images a call of the runtime; larger batches leave the processor's caches."""

_BATCH_BYTES = 2**18
_FEWEST = 8
"""Large images a call: as many as these bytes of pixels hold, at least eight."""


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction for one image.

    Attributes:
        category: The most probable class.
        confidence: Its calibrated probability, 0-1.
        decision: What to do with the image.
        parent: The category above the class that is accepted where the class is not, with the
            decision ``parent``; empty otherwise.
        parent_confidence: Its calibrated probability, 0-1; None where there is no `parent`.
        runner_up: The second most probable class.
        runner_up_confidence: Its calibrated probability, 0-1.
        ood_score: How unlike the training data the image is; higher is less like it.
        model: The name of the model.
    """

    category: str
    confidence: float
    decision: Decision
    parent: str
    parent_confidence: float | None
    runner_up: str
    runner_up_confidence: float
    ood_score: float
    model: str


@dataclass(frozen=True, slots=True)
class Answers:
    """What the graph says of N images.

    Attributes:
        logits: (N, K) float32.
        ood_score: (N,) float32; how unlike the training data the image is.
    """

    logits: NDArray[np.float32]
    ood_score: NDArray[np.float32]


class Classifier:
    """A loaded model.

    Attributes:
        card: What the model is and how good it is.
    """

    def __init__(self, card: Card, session: Any) -> None:
        self.card = card
        self._session = session

    @classmethod
    def load(cls, model: str | Path) -> "Classifier":
        """Loads and verifies a model by its shipped name, its folder or its run folder.

        Every file is compared with its hash, the classes with those inside the graph, and the
        golden images are run and compared with their logits.

        Raises:
            ModelError: There is no such model, or it is not what it was when it was written.
        """
        folder = find_model_folder(model)
        return cls.open(folder, read_card(folder))

    @classmethod
    def open(cls, folder: Path, card: Card) -> "Classifier":
        """Opens the graph in a model folder whose `card` was read before; runs the golden images.

        Raises:
            ModelError: It does not answer as the card says.
        """
        classifier = cls(card, open_session((folder / ONNX).read_bytes(), where=str(folder / ONNX)))
        classifier._verify(folder)
        return classifier

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""
        return self.card.class_names

    def answer(
        self,
        images: NDArray[np.uint8],
        *,
        on_progress: OnProgress | None = None,
    ) -> Answers:
        """Runs the graph on images (N, H, W) or (N, H, W, C) uint8.

        Raises:
            DataError: The images are not of the model's size and type.
        """
        logits, strange = self._run(["logits", "ood_score"], images, on_progress)
        return Answers(logits, strange)

    def embed(
        self, images: NDArray[np.uint8], *, on_progress: OnProgress | None = None
    ) -> NDArray[np.float32]:
        """Returns the embeddings (N, D) of images (N, H, W) or (N, H, W, C) uint8.

        Raises:
            DataError: The images are not of the model's size and type.
        """
        (embeddings,) = self._run(["embedding"], images, on_progress)
        return embeddings

    def probabilities(self, answers: Answers) -> NDArray[np.float64]:
        """Returns calibrated probabilities (N, K)."""
        return softmax(answers.logits, temperature=self.card.calibration.temperature)

    def judge(
        self, images: NDArray[np.uint8], *, on_progress: OnProgress | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Returns calibrated probabilities (N, K) of images, and which of them are unknown (N,).

        Raises:
            DataError: The images are not of the model's size and type.
        """
        answers = self.answer(images, on_progress=on_progress)
        return self.probabilities(answers), answers.ood_score > self.card.rules.limit

    def predict(
        self,
        images: NDArray[np.uint8],
        *,
        precision: float = DEFAULT_PRECISION,
        resized: NDArray[np.bool_] | None = None,
    ) -> list[Prediction]:
        """Returns a decision for each of images (N, H, W) or (N, H, W, C) uint8.

        Args:
            images: What to decide on.
            precision: The precision promised for what is accepted, in (0, 1).
            resized: Which images (N,) had another size and were resized to the model's. A model
                that did not learn from such images promises nothing for them, and accepts none.

        Raises:
            DataError: The images are not of the model's size and type, or the model holds no
                promise as high.
        """
        answers = self.answer(images)
        probabilities = self.probabilities(answers)
        decided = decide(
            probabilities,
            answers.ood_score,
            self.card.rules,
            precision=precision,
            never_accept=None if self.card.trained_on_resized else resized,
        )
        return self._to_predictions(decided, probabilities, answers.ood_score)

    def explain(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], str]:
        """Returns what each pixel of an image speaks for its most probable class, and that class.

        Args:
            image: (H, W) or (H, W, C) uint8.

        Returns:
            (H, W) in nats, as `occlusion_map` says, and the name of the class.

        Raises:
            DataError: The image is not of the model's size and type.
        """
        (pixels,) = self._check(image[None])
        best = int(self.answer(pixels[None]).logits.argmax())

        def score(copies: NDArray[np.uint8]) -> NDArray[np.float64]:
            logits = self.answer(copies).logits / self.card.calibration.temperature
            return _log_softmax(logits.astype(np.float64))[:, best]

        return occlusion_map(pixels, score), self.classes[best]

    def _to_predictions(
        self,
        decided: Decisions,
        probabilities: NDArray[np.float64],
        ood_scores: NDArray[np.float32],
    ) -> list[Prediction]:
        second = np.argsort(-probabilities, axis=1, kind="stable")[:, 1]
        levels = self.card.rules.levels
        return [
            Prediction(
                category=self.classes[decided.category[row]],
                confidence=float(decided.confidence[row]),
                decision=Decision(decided.decision[row]),
                parent=levels[level].categories[decided.parent[row]] if level else "",
                parent_confidence=float(decided.parent_confidence[row]) if level else None,
                runner_up=self.classes[second[row]],
                runner_up_confidence=float(probabilities[row, second[row]]),
                ood_score=float(ood_scores[row]),
                model=self.card.name,
            )
            for row, level in enumerate(decided.level)
        ]

    def _run(
        self, outputs: list[str], images: NDArray[np.uint8], on_progress: OnProgress | None
    ) -> list[NDArray[np.float32]]:
        """Runs the graph, a batch at a time; without images one blank tells the shapes."""
        pixels = self._check(images)
        count = len(pixels)
        parts = []
        step = max(_FEWEST, min(BATCH, _BATCH_BYTES // math.prod(pixels.shape[1:])))
        for start in range(0, max(count, 1), step):
            batch = (
                pixels[start : start + step]
                if count
                else np.zeros_like(pixels, shape=(1, *pixels.shape[1:]))
            )
            parts.append(self._session.run(outputs, {"pixels": batch}))
            if on_progress and count:
                on_progress(min(start + step, count), count)
        return [np.concatenate(part)[:count] for part in zip(*parts, strict=True)]

    def _check(self, images: NDArray[np.uint8]) -> NDArray[np.uint8]:
        images, size = np.asarray(images), self.card.input
        expected = (size.height, size.width, size.channels)
        pixels = images[..., None] if images.ndim == 3 and size.channels == 1 else images
        if images.dtype != np.uint8 or pixels.ndim != 4 or pixels.shape[1:] != expected:
            raise DataError(
                f"expected images (N, {size.height}, {size.width}) or (N, {size.height}, "
                f"{size.width}, {size.channels}) of type uint8, received {images.shape} of type "
                f"{images.dtype}; convert them first"
            )
        return np.ascontiguousarray(pixels)

    def _verify(self, folder: Path) -> None:
        inside = self._session.get_modelmeta().custom_metadata_map.get("classes", "")
        if tuple(inside.split("\n")) != self.classes:
            raise ModelError(
                f"{folder}: the classes in card.json are not those inside {ONNX}; "
                "get the model folder anew"
            )
        pixels = self.card.golden_pixels()
        if not len(pixels):
            raise ModelError(f"{folder}: card.json holds no golden images; get the folder anew")
        difference = float(
            np.abs(self.answer(pixels).logits - np.array(self.card.golden.logits)).max()
        )
        if not difference <= GOLDEN_TOLERANCE:
            raise ModelError(
                f"{folder}: on the golden images the logits differ by {difference:.2g} from those "
                f"in card.json (at most {GOLDEN_TOLERANCE:g}); get the model folder anew, or "
                "another version of onnxruntime"
            )


def load_runtime() -> Any:
    """Imports ONNX Runtime, which takes longer than anything else before a first answer."""
    with hold_interrupts():
        import onnxruntime

    return onnxruntime


def open_session(onnx: bytes, *, where: str) -> Any:
    """Opens an ONNX Runtime session on the content of a file; `where` names it in errors.

    Raises:
        ModelError: The runtime cannot run it.
    """
    onnxruntime = load_runtime()
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's exceptions share no base below Exception
        raise ModelError(
            f"{where} cannot be run: {str(error).splitlines()[0]}; get the model folder anew"
        ) from error


def _log_softmax(logits: NDArray[np.float64]) -> NDArray[np.float64]:
    """Returns the logarithm of the softmax of logits (N, K)."""
    shifted: NDArray[np.float64] = logits - logits.max(axis=1, keepdims=True)
    sums: NDArray[np.float64] = np.exp(shifted).sum(axis=1, keepdims=True)
    return shifted - np.log(sums)
