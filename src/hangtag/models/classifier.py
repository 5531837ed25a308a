"""The one way from pixels to decisions: a verified model folder run by ONNX Runtime.

    classifier = Classifier.load("clothing-photos")
    for prediction in classifier.predict("photos/"):
        print(prediction.category, prediction.confidence, prediction.decision)

Letters: N examples, K classes, D embedding, H, W, C height, width, channels.
"""

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.calibration import log_softmax, softmax
from hangtag.decisions.policy import Decision, Decisions, decide, is_ood, stored_precision
from hangtag.decisions.risk_control import DEFAULT_TARGET_PRECISION
from hangtag.errors import DataError, ModelError
from hangtag.models.card import Card
from hangtag.models.explanation import occlusion_map
from hangtag.models.folder import ONNX, find_model_folder, read_card, read_golden
from hangtag.models.image_batches import read_batches
from hangtag.models.predictions import Prediction, Predictions
from hangtag.models.runtime import ModelOutputs, OnnxModel
from hangtag.progress import OnProgress
from hangtag.readers import AnyImage, AnyImages

GOLDEN_TOLERANCE = 1e-4
"""Most that a logit may differ from the golden one."""

GOLDEN_SECONDS = 60.0
"""Longest that the golden images may take; the shipped models need less than a second."""


class Classifier:
    """A loaded model.

    Attributes:
        card: What the model is and how good it is.
    """

    def __init__(self, card: Card, model: OnnxModel) -> None:
        self.card = card
        self._model = model

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
        path = folder / ONNX
        classifier = cls(card, OnnxModel(path.read_bytes(), card.input, where=str(path)))
        classifier._verify(folder)
        return classifier

    @property
    def classes(self) -> tuple[str, ...]:
        """Class names by index."""
        return self.card.class_names

    def run(
        self,
        images: NDArray[np.uint8],
        *,
        on_progress: OnProgress | None = None,
    ) -> ModelOutputs:
        """Runs the model on images (N, H, W) or (N, H, W, C) uint8 of its size.

        Raises:
            DataError: The images are not of the model's size and type.
        """
        return self._model.run(images, on_progress=on_progress)

    def calibrate(self, logits: NDArray[np.float32]) -> NDArray[np.float64]:
        """Returns calibrated probabilities (N, K) of logits (N, K)."""
        return softmax(logits, temperature=self.card.calibration.temperature)

    def classify(
        self, images: NDArray[np.uint8], *, on_progress: OnProgress | None = None
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Returns calibrated probabilities (N, K), and which images are out of distribution (N,).

        Raises:
            DataError: The images are not of the model's size and type.
        """
        outputs = self.run(images, on_progress=on_progress)
        return self.calibrate(outputs.logits), is_ood(outputs.ood_scores, self.card.policy)

    def predict_batch(
        self,
        images: NDArray[np.uint8],
        *,
        precision: float = DEFAULT_TARGET_PRECISION,
        resized: NDArray[np.bool_] | None = None,
    ) -> list[Prediction]:
        """Predicts images (N, H, W) or (N, H, W, C) uint8 of the model's size.

        Args:
            images: The pixels.
            precision: Target precision of what is accepted, in (0, 1).
            resized: Which images (N,) had another size and were resized to the model's. A model
                whose held-out images were not resized accepts none of them.

        Raises:
            DataError: The images are not of the model's size and type, or the model has no
                thresholds for a precision as high.
        """
        outputs = self.run(images)
        probabilities = self.calibrate(outputs.logits)
        decided = decide(
            probabilities,
            outputs.ood_scores,
            self.card.policy,
            target_precision=precision,
            never_accept=None if self.card.trained_on_resized else resized,
        )
        return self._to_predictions(decided, probabilities, outputs.ood_scores)

    def predict(
        self, images: AnyImages, *, precision: float = DEFAULT_TARGET_PRECISION
    ) -> Predictions:
        """Predicts images of any kind and size, in their order.

        Args:
            images: A path, the bytes of an image file, a Pillow image or an array (H, W) or
                (H, W, C) uint8; or many: a folder, an array (N, H, W) or (N, H, W, C), a list or
                an iterator of these. C is 1, 3 or 4.
            precision: Target precision of what is accepted, in (0, 1).

        Returns:
            One prediction per image. An image that cannot be read has the decision ``error``.

        Raises:
            DataError: A folder holds no image, an array cannot hold images, or the model has no
                thresholds for a precision as high.
        """
        stored_precision(self.card.policy, precision)
        predictions = Predictions()
        for batch in read_batches(images, self.card.input):
            found = iter(
                self.predict_batch(batch.pixels, precision=precision, resized=batch.resized)
            )
            for index, name in enumerate(batch.names):
                error = batch.errors.get(index)
                predictions.append(
                    Prediction.of_error(name, error) if error else next(found).named(name)
                )
        return predictions

    def predict_proba(self, images: AnyImages) -> NDArray[np.float64]:
        """Returns calibrated probabilities (N, K) of images, which are as in `predict`.

        Raises:
            ImageError: An image cannot be read.
        """
        return self.calibrate(self.predict_logits(images))

    def predict_logits(self, images: AnyImages) -> NDArray[np.float32]:
        """Returns logits (N, K), before calibration, of images, which are as in `predict`.

        Raises:
            ImageError: An image cannot be read.
        """
        return self._map(images, lambda pixels: self.run(pixels).logits)

    def ood_score(self, images: AnyImages) -> NDArray[np.float32]:
        """Returns OOD scores (N,) of images, which are as in `predict`; higher is more unusual.

        Raises:
            ImageError: An image cannot be read.
        """
        return self._map(images, lambda pixels: self.run(pixels).ood_scores)

    def embed(
        self, images: AnyImages, *, on_progress: OnProgress | None = None
    ) -> NDArray[np.float32]:
        """Returns embeddings (N, D) of images, which are as in `predict`.

        Raises:
            ImageError: An image cannot be read.
        """
        return self._map(images, lambda pixels: self._model.embed(pixels, on_progress=on_progress))

    def explain(self, image: AnyImage) -> tuple[NDArray[np.float64], str]:
        """Returns a saliency map for the most probable class of an image, and that class.

        Args:
            image: One image, as in `predict`.

        Returns:
            (H, W) in nats, as `occlusion_map` says, and the name of the class.

        Raises:
            DataError: It is not one image.
            ImageError: The image cannot be read.
        """
        spec = self.card.input
        if isinstance(image, np.ndarray) and image.shape in (spec.shape, spec.batch_shape):
            image = image[None]
        batches = list(read_batches(image, spec))
        if len(batches) != 1 or len(batches[0].names) != 1:
            raise DataError("expected one image to explain, received several")
        batches[0].require_all()
        pixels = batches[0].pixels.reshape(spec.batch_shape)
        best = int(self.run(pixels[None]).logits.argmax())

        def score(copies: NDArray[np.uint8]) -> NDArray[np.float64]:
            logits = self.run(copies).logits
            return log_softmax(logits, temperature=self.card.calibration.temperature)[:, best]

        return occlusion_map(pixels, score), self.classes[best]

    def _map(
        self,
        images: AnyImages,
        compute: Callable[[NDArray[np.uint8]], NDArray[np.float32]],
    ) -> NDArray[np.float32]:
        """Returns what `compute` gives for the pixels of all images, (N, ...)."""
        parts = []
        for batch in read_batches(images, self.card.input):
            batch.require_all()
            parts.append(compute(batch.pixels))
        if not parts:
            return compute(np.zeros((0, *self.card.input.shape), np.uint8))
        return np.concatenate(parts) if len(parts) > 1 else parts[0]

    def _to_predictions(
        self,
        decided: Decisions,
        probabilities: NDArray[np.float64],
        ood_scores: NDArray[np.float32],
    ) -> list[Prediction]:
        second = np.argsort(-probabilities, axis=1, kind="stable")[:, 1]
        levels = self.card.policy.levels
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

    def _verify(self, folder: Path) -> None:
        if self._model.classes != self.classes:
            raise ModelError(
                f"{folder}: the classes in card.json are not those inside {ONNX}; "
                "get the model folder again"
            )
        golden = read_golden(folder, self.card)
        outputs = self._model.run_within(golden.pixels, seconds=GOLDEN_SECONDS)
        if outputs.logits.shape != golden.logits.shape or outputs.ood_scores.ndim != 1:
            raise ModelError(
                f"{folder}: expected logits {golden.logits.shape} and one OOD score per image from "
                f"{ONNX}, received {outputs.logits.shape} and {outputs.ood_scores.shape}; "
                "get the model folder again"
            )
        difference = float(np.abs(outputs.logits - golden.logits).max())
        if not difference <= GOLDEN_TOLERANCE:
            raise ModelError(
                f"{folder}: on the golden images the logits differ by {difference:.2g} from the "
                f"stored ones (at most {GOLDEN_TOLERANCE:g}); get the model folder again, or use "
                "another version of onnxruntime"
            )
