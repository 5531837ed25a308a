"""Which model an image goes to: the one that takes pixels of its shape.

    router = Router(find_models("auto"))
    decoded = decoders.decode(inputs.read(*router.sizes), **router.decoding)
    for rows in predict_rows(router.predict, decoded): ...

With ``auto`` what is grey and of Fashion-MNIST's size goes to the model ``fashion-mnist``,
everything else is a photo and goes to ``clothing-photos``. Where that one is not shipped, photos go
to ``fashion-mnist`` too, resized to its size. A name or a folder stands for one model, to which all
images go.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from hangtag.decisions.risk_control import DEFAULT_PRECISION
from hangtag.images.items import Size
from hangtag.models.classifier import Classifier, Prediction, load_runtime
from hangtag.models.folder import Card, find_model_folder, read_card, shipped_models

AUTO = "auto"
"""What stands for both shipped models, where a model is named."""

GREY_MODEL, PHOTO_MODEL = "fashion-mnist", "clothing-photos"

OnOpen = Callable[[Card], None]
"""Called with the card of each model that is loaded."""


class Router:
    """Models that share the images between them; each is loaded when its first images come.

    Args:
        folders: One model folder, or two: first that of grey images which come in its very size,
            then that of all others.
        precision: The precision promised for what is accepted, in (0, 1).
        on_open: Called with the card of each model that is loaded.

    Attributes:
        cards: What the models are, in the order of their folders.

    Raises:
        ModelError: A folder is not what it was when it was written.
    """

    def __init__(
        self,
        folders: Sequence[Path],
        *,
        precision: float = DEFAULT_PRECISION,
        on_open: OnOpen = lambda card: None,
    ) -> None:
        self.cards = tuple(read_card(folder) for folder in folders)
        self._routes: dict[tuple[int, ...], tuple[Path, Card]] = {
            _shape(card): (folder, card) for folder, card in zip(folders, self.cards, strict=True)
        }
        self._precision, self._on_open = precision, on_open
        self._loaded: dict[tuple[int, ...], Classifier] = {}

    @property
    def name(self) -> str:
        """What the models are called together."""
        return self.cards[0].name if len(self.cards) == 1 else AUTO

    @property
    def sizes(self) -> tuple[Size, ...]:
        """Height and width of the images that the models take."""
        return tuple((card.input.height, card.input.width) for card in self.cards)

    @property
    def decoding(self) -> dict[str, Any]:
        """What image files are to be decoded to, as arguments of `Decoders.decode`."""
        photos = self.cards[-1].input
        grey = self.sizes[0] if len(self.cards) > 1 else None
        return {"size": self.sizes[-1], "channels": photos.channels, "grey": grey}

    def get_ready(self) -> None:
        """Does what needs no image: loads the runtime, and the model where there is only one."""
        load_runtime()
        if len(self.cards) == 1:
            self._load(_shape(self.cards[0]))

    def predict(self, images: NDArray[np.uint8], resized: NDArray[np.bool_]) -> list[Prediction]:
        """Returns a decision for each of images (N, H, W) or (N, H, W, C), all for one model.

        Args:
            images: What to decide on.
            resized: Which of them had another size, (N,).
        """
        model = self._model_of(images)
        return model.predict(images, precision=self._precision, resized=resized)

    def explain(self, image: NDArray[np.uint8]) -> tuple[NDArray[np.float64], str]:
        """Explains an image (H, W) or (H, W, C) as `Classifier.explain` does."""
        return self._model_of(image[None]).explain(image)

    def _model_of(self, images: NDArray[np.uint8]) -> Classifier:
        shape = images.shape[1:] if images.ndim > 3 else (*images.shape[1:], 1)
        return self._loaded.get(shape) or self._load(shape)

    def _load(self, shape: tuple[int, ...]) -> Classifier:
        model = self._loaded[shape] = Classifier.open(*self._routes[shape])
        self._on_open(model.card)
        return model


def _shape(card: Card) -> tuple[int, ...]:
    return card.input.height, card.input.width, card.input.channels


def find_models(model: str) -> list[Path]:
    """Returns the folders of the models that ``auto``, a shipped name, or a folder stands for.

    Raises:
        ModelError: There is no such model.
    """
    if model != AUTO:
        return [find_model_folder(model)]
    shipped = shipped_models()
    return [shipped[name] for name in (GREY_MODEL, PHOTO_MODEL) if name in shipped]
