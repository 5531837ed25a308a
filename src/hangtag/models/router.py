"""Routes each image to the model for its shape.

    router = Router(find_models("auto"))
    decoded = pool.decode(images, router.spec, grey_spec=router.grey_spec)
    router.predict(pixels, resized, precision=0.98)

With ``auto`` grey images of Fashion-MNIST's size go to the model ``fashion-mnist``, everything else
is a photo and goes to ``clothing-photos``. Where that one is not shipped, photos go to
``fashion-mnist`` too, resized to its size. A name or a folder stands for one model, to which all
images go.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.policy import describe_support, stored_precision
from hangtag.images.spec import ImageSpec
from hangtag.models.card import Card
from hangtag.models.classifier import Classifier
from hangtag.models.folder import find_model_folder, read_card, shipped_models
from hangtag.models.predictions import Prediction
from hangtag.models.runtime import load_runtime

AUTO = "auto"
"""What stands for both shipped models, where a model is named."""

GREY_MODEL, PHOTO_MODEL = "fashion-mnist", "clothing-photos"


class Router:
    """Models that share the images between them; each is loaded when its first images come.

    Args:
        folders: One model folder, or two: first that of grey images which come in its very size,
            then that of all others.

    Attributes:
        cards: What the models are, in the order of their folders.

    Raises:
        ModelError: A folder is not what it was when it was written.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self.cards: tuple[Card, ...] = tuple(read_card(folder) for folder in folders)
        self._routes: dict[tuple[int, ...], tuple[Path, Card]] = {
            card.input.batch_shape: (folder, card)
            for folder, card in zip(folders, self.cards, strict=True)
        }
        self._loaded: dict[tuple[int, ...], Classifier] = {}

    @classmethod
    def of(cls, classifier: Classifier) -> "Router":
        """Returns a router that gives all images to one model, which is loaded already."""
        router = cls([])
        router.cards = (classifier.card,)
        router._loaded[classifier.card.input.batch_shape] = classifier
        return router

    @property
    def name(self) -> str:
        """What the models are called together."""
        return self.cards[0].name if len(self.cards) == 1 else AUTO

    @property
    def spec(self) -> ImageSpec:
        """What images are decoded to."""
        return self.cards[-1].input

    @property
    def grey_spec(self) -> ImageSpec | None:
        """Images of this size without colour stay grey and of this size; None with one model."""
        return self.cards[0].input if len(self.cards) > 1 else None

    def get_ready(self) -> None:
        """Does what needs no image: loads the runtime, and the model where there is only one."""
        load_runtime()
        if len(self.cards) == 1:
            self._load(self.spec.batch_shape)

    def require_precision(self, precision: float) -> None:
        """Raises DataError where a model has no thresholds for so high a precision."""
        for card in self.cards:
            stored_precision(card.policy, precision)

    def predict(
        self, images: NDArray[np.uint8], resized: NDArray[np.bool_], *, precision: float
    ) -> list[Prediction]:
        """Returns the predictions for images (N, H, W) or (N, H, W, C), all for one model.

        Args:
            images: uint8, 0-255.
            resized: Which of them had another size, (N,).
            precision: Target precision of accepted predictions, in (0, 1).
        """
        return self._model_of(images).predict_batch(images, precision=precision, resized=resized)

    def explain(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], str]:
        """Explains an image (H, W) or (H, W, C) as `Classifier.explain` does."""
        return self._model_of(image[None]).explain(image)

    def describe_support(self, model: str, precision: float) -> str:
        """Says what a model lacks to keep a precision; empty where it lacks nothing."""
        card = next(card for card in self.cards if card.name == model)
        support = describe_support(card.policy, precision)
        return support and f"{card.name}: {support}"

    def describe_resizing(self) -> str:
        """Says what to expect of images that had to be resized; empty where there is no risk."""
        card = self.cards[-1]
        if card.trained_on_resized:
            return ""
        return (
            f"some images are not {self.spec} pixels; {card.name} learned from no resized images, "
            "is a poor judge of photos, and accepts none of them"
        )

    def _model_of(self, images: NDArray[np.uint8]) -> Classifier:
        shape = images.shape[1:] if images.ndim > 3 else (*images.shape[1:], 1)
        return self._loaded.get(shape) or self._load(shape)

    def _load(self, shape: tuple[int, ...]) -> Classifier:
        model = self._loaded[shape] = Classifier.open(*self._routes[shape])
        return model


def find_models(model: str) -> list[Path]:
    """Returns the folders of the models that ``auto``, a shipped name, or a folder stands for.

    Raises:
        ModelError: There is no such model.
    """
    if model != AUTO:
        return [find_model_folder(model)]
    shipped = shipped_models()
    return [shipped[name] for name in (GREY_MODEL, PHOTO_MODEL) if name in shipped]
