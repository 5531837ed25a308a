"""A model is one folder that proves itself: write it, verify it, read it.

    model.onnx            the network with preprocessing inside: pixels uint8 -> logits, embedding,
                          ood_score
    weights.safetensors   the trained weights, for training on from here
    card.json             what the model is, where it comes from, how good it is, how to check it
    README.md             the same for people

Loading refuses a folder in which any byte has changed. Nothing in it is executable.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from importlib import resources
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hangtag.decisions.policy import Rules
from hangtag.errors import ModelError
from hangtag.files.atomic import new_folder, write_bytes
from hangtag.images.spec import ImageSpec

FORMAT_VERSION = 2
ONNX = "model.onnx"
WEIGHTS = "weights.safetensors"
CARD = "card.json"
README = "README.md"
GOLDEN_TOLERANCE = 1e-4

SHARES = "shares"
"""Where in a card's facts of the data the shares of the classes are, see `Card.shares`."""


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True)


class ModelClass(_Part):
    """One output of the model."""

    name: str
    """The class, as the training data calls it."""
    category: str | None
    """Id of the category in Shopify's taxonomy or the user's own; null where there is none."""


class Calibration(_Part):
    """How confidence was made true on held-out data."""

    temperature: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    """Logits are divided by it; 1 where calibration did not help."""
    n: int
    """Held-out items it was resized on."""
    ece_before: float
    """Expected calibration error on them without it, 0-1."""
    ece_after: float
    """Expected calibration error on them with it, 0-1."""
    nll_before: float
    """Negative log likelihood on them without it, nats."""
    nll_after: float
    """Negative log likelihood on them with it, nats."""


class Weights(_Part):
    """In which number format the weights are stored, and what that cost on held-out data."""

    format: Literal["float32", "float16"]
    """float16 for the matrices; all is computed in float32."""
    accuracy: float
    """Validation accuracy with the matrices in float16, 0-1."""
    accuracy_full: float
    """Validation accuracy with all in float32, 0-1."""


class Layer(_Part):
    """A row of the summary."""

    name: str
    type: str
    output: tuple[int, ...]
    """Height, width, channels, or units."""
    parameters: int


class NetworkSummary(_Part):
    """The layers and the number of parameters."""

    layers: tuple[Layer, ...]
    total: int
    trainable: int
    non_trainable: int


class Golden(_Part):
    """Inputs with the logits that the model must give for them."""

    pixels: str
    """(G, H, W, C) uint8, base64."""
    logits: tuple[tuple[float, ...], ...]
    """(G, K)."""


class Card(_Part):
    """The content of ``card.json``; `files` and `sha256` are filled in when it is written."""

    format_version: int = FORMAT_VERSION
    name: str
    """What the model is called."""
    created: str
    """UTC time, ISO 8601."""
    made_by: Mapping[str, str]
    """Versions of the software, and the machine."""
    classes: tuple[ModelClass, ...]
    """By class index."""
    input: ImageSpec
    recipe: Mapping[str, Any]
    """The recipe, every field resolved."""
    seed: int
    data: Mapping[str, Any]
    """Facts of the training data, plain values by key:

    name: What the data is called.
    resized: Whether its images were resized to the model's size.
    splits: Items (``n``) and ``sha256`` of each split.
    held_out: Fingerprints of the validation images, packed as text.
    shares: How often each class is taken for granted, see `Card.shares`.
    suppliers: What splits share suppliers, a sentence each; where items name suppliers.
    taxonomy: Source and sha256 of the tree of categories, where it is the user's own.
    teacher: sha256 of the card of the teacher, where there was one.
    began: Name of the model the training began from, sha256 of its weights, and what is ``said`` of
        it, a sentence each; where there was one.
    source: Where the data is from and its licence, for people; in shipped models.
    """
    summary: NetworkSummary
    metrics: Mapping[str, Any]
    """Figures by split, with n."""
    calibration: Calibration
    rules: Rules
    """When an item is accepted, backed off to a parent, for review or unknown."""
    golden: Golden
    weights: Weights | None = None
    """What half precision was tried for; left out of the file where it was not asked for."""
    files: Mapping[str, str] = {}
    """sha256 of each of the other files, by name."""
    sha256: str = ""
    """sha256 of this card without this field."""

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names by index."""
        return tuple(entry.name for entry in self.classes)

    @property
    def shares(self) -> NDArray[np.float64]:
        """How often each class is taken for granted, (K,), summing to 1: what it was trained with.

        Equal where a model of an earlier version does not say.
        """
        found = np.array(self.data.get(SHARES, np.ones(len(self.classes))), dtype=np.float64)
        equalled: NDArray[np.float64] = found / found.sum()
        return equalled

    @property
    def is_half(self) -> bool:
        """Whether its weights are stored in half precision."""
        return self.weights is not None and self.weights.format == "float16"

    @property
    def trained_on_resized(self) -> bool:
        """Whether it learned from images that were resized to its size, as those to come may be.

        In colour fitting only scales. To grey it takes a photo apart (`prepare_photo`), and what
        was held out says nothing of the result where it came in that size.
        """
        return self.input.channels > 1 or bool(self.data.get("resized"))

    def golden_pixels(self) -> NDArray[np.uint8]:
        """Returns the golden inputs, (G, H, W, C) uint8; raises ModelError when they are not."""
        size = self.input
        shape = (len(self.golden.logits), size.height, size.width, size.channels)
        try:
            flat = np.frombuffer(base64.b64decode(self.golden.pixels), dtype=np.uint8)
            return flat.reshape(shape)
        except ValueError as error:
            raise ModelError(f"the golden images of {self.name} are damaged; {_MEND}") from error


def golden(pixels: NDArray[np.uint8], logits: NDArray[np.float32]) -> Golden:
    """Packs inputs (G, H, W, C) with their logits (G, K)."""
    encoded = base64.b64encode(pixels.tobytes()).decode()
    return Golden(pixels=encoded, logits=tuple(tuple(row) for row in logits.tolist()))


def write_model_folder(
    folder: Path, card: Card, *, onnx: bytes, weights: bytes, readme: str
) -> Card:
    """Writes a model folder as a whole; one that is there already is replaced.

    Returns:
        The card as written, with `files` and `sha256`.

    Raises:
        OutputError: The folder cannot be written.
    """
    contents = {ONNX: onnx, WEIGHTS: weights, README: readme.encode()}
    files = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
    signed = _sign(card.model_copy(update={"files": files, "sha256": ""}))
    with new_folder(folder, replace=True) as temporary:
        for name, content in {**contents, CARD: _serialise(signed)}.items():
            write_bytes(temporary / name, content)
    return signed


def read_card(folder: Path) -> Card:
    """Reads and verifies a model folder: every file is there and every byte is as written.

    Raises:
        ModelError: A file is missing or changed, or the format is another.
    """
    try:
        content = (folder / CARD).read_bytes()
        fields = json.loads(content)
    except FileNotFoundError:
        raise ModelError(
            f"{folder} is not a model folder: {CARD} is missing; give a model folder, a run "
            "folder or a name that 'hangtag models' lists"
        ) from None
    except (OSError, ValueError, RecursionError) as error:
        raise ModelError(f"{folder / CARD} is damaged: {error}; {_MEND}") from error
    version = fields.get("format_version") if isinstance(fields, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{folder / CARD}: expected format version {FORMAT_VERSION}, received {version!r}; "
            "use the version of hangtag that wrote it"
        )
    try:
        card = Card.model_validate(fields)
    except ValidationError as error:
        raise ModelError(
            f"{folder / CARD} is damaged: {error.errors()[0]['msg']}; {_MEND}"
        ) from None
    if _serialise(_sign(card.model_copy(update={"sha256": ""}))) != content:
        raise ModelError(f"{folder / CARD} was changed after it was written; {_MEND}")
    if set(card.files) != {ONNX, WEIGHTS, README}:
        raise ModelError(f"{folder / CARD} names other files than a model folder has; {_MEND}")
    for name, expected in card.files.items():
        _verify_file(folder / name, expected)
    return card


def find_model_folder(model: str | Path) -> Path:
    """Finds the folder of a shipped name, a model folder or a run folder.

    Raises:
        ModelError: There is none.
    """
    path = Path(model)
    for folder in (path, path / "model"):
        if (folder / CARD).is_file():
            return folder
    shipped = shipped_models()
    if str(model) in shipped:
        return shipped[str(model)]
    if path.is_dir():
        raise ModelError(
            f"{path} holds no model: {CARD} is missing there and in {path / 'model'}; finish the "
            "training with --resume, or give another folder"
        )
    raise ModelError(
        f"no model '{model}': it is neither a folder nor a shipped model; shipped models: "
        f"{', '.join(shipped) or 'none'}"
    )


def shipped_models() -> dict[str, Path]:
    """Returns the folders of the models in the package, by name."""
    root = Path(str(resources.files("hangtag"))) / "models" / "shipped"
    return {path.parent.name: path.parent for path in sorted(root.glob(f"*/{CARD}"))}


_MEND = "get the model folder anew, or train it again"


def _serialise(card: Card) -> bytes:
    fields = card.model_dump(mode="json", exclude=None if card.weights else {"weights"})
    return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


def _sign(card: Card) -> Card:
    """Fills in the hash of a card whose `sha256` is empty."""
    return card.model_copy(update={"sha256": hashlib.sha256(_serialise(card)).hexdigest()})


def _verify_file(path: Path, expected: str) -> None:
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        raise ModelError(f"{path} is missing; {_MEND}") from None
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; {_MEND}") from error
    if hashlib.sha256(content).hexdigest() != expected:
        raise ModelError(f"{path} was changed after it was written; {_MEND}")
