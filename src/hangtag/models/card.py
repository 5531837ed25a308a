"""The model card, ``card.json``: what a model is, where it comes from, how good it is.

Every field is typed and checked: numbers are finite and in range, and what belongs together has the
same shape. Whoever reads a `Card` can rely on it.
"""

import base64
import binascii
from collections.abc import Mapping
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field, JsonValue, field_validator, model_validator

from hangtag.decisions.policy import DecisionPolicy
from hangtag.images.spec import ImageSpec

FORMAT_VERSION: Literal[3] = 3

Fraction = Annotated[float, Field(ge=0.0, le=1.0, allow_inf_nan=False)]
Loss = Annotated[float, Field(ge=0.0, allow_inf_nan=False)]
Count = Annotated[int, Field(ge=0)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class _CardPart(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, defer_build=True)


class ModelClass(_CardPart):
    """One output of the model."""

    name: str
    """The class, as the training data calls it."""
    category: str | None
    """Id of the category in Shopify's taxonomy or the user's own; null where there is none."""


class SplitFacts(_CardPart):
    """One split of the training data."""

    n: Count
    """Number of images."""
    sha256: Sha256
    """Hash of its images and labels."""


class TaxonomySource(_CardPart):
    """The user's own tree of categories."""

    source: str
    """The file it was read from."""
    sha256: Sha256
    """Hash of its content."""


class TrainingData(_CardPart):
    """The data a model was trained on."""

    name: str
    """What the data is called."""
    source: str = ""
    """Where the data is from and its licence, for people; empty where that is not known."""
    resized: bool
    """Whether its images were resized to the model's size."""
    splits: Mapping[str, SplitFacts]
    validation_fraction: Fraction
    """Fraction of the training images that is held out where the data has no validation split."""
    held_out: str
    """Fingerprints of the validation images, as `pack_fingerprints` writes them."""
    class_prior: tuple[Fraction, ...]
    """Class frequencies that the model assumes, by class index, summing to 1."""
    supplier_notes: tuple[str, ...] = ()
    """Which splits share suppliers, one sentence each; empty where no suppliers are known."""
    taxonomy: TaxonomySource | None = None
    """The user's own categories; null for Shopify's taxonomy."""

    @field_validator("held_out")
    @classmethod
    def _check_held_out(cls, packed: str) -> str:
        try:
            content = base64.b64decode(packed, validate=True)
        except binascii.Error as error:
            raise ValueError("the fingerprints of held-out images are no base64") from error
        if len(content) % 4:
            raise ValueError("the fingerprints of held-out images are cut off")
        return packed

    @field_validator("class_prior")
    @classmethod
    def _check_prior(cls, prior: tuple[float, ...]) -> tuple[float, ...]:
        if abs(sum(prior) - 1) > 1e-3:
            raise ValueError(f"expected a class prior that sums to 1, received {sum(prior):g}")
        return prior


class InitialModel(_CardPart):
    """The model that a training was fine-tuned from."""

    name: str
    weights: Sha256
    """Hash of its weights."""
    notes: tuple[str, ...]
    """What changed and what that means for the figures, one sentence each."""


class Lineage(_CardPart):
    """How a model was made."""

    recipe: str
    """Name of the recipe."""
    description: str
    """What the recipe is for."""
    settings: Mapping[str, JsonValue]
    """Every field of the recipe, resolved; read by `hangtag.training.recipes` alone."""
    seed: int
    init_from: InitialModel | None = None
    """The model it was fine-tuned from; null where it was trained from scratch."""
    teacher: Sha256 | None = None
    """Hash of the card of the teacher it was distilled from; null where there was none."""


class MetricIntervals(_CardPart):
    """95 % intervals: lower and upper end."""

    accuracy: tuple[Fraction, Fraction]
    macro_f1: tuple[Fraction, Fraction]
    suppliers: Count | None
    """How many suppliers were resampled; null where items were."""


class AutomationMetrics(_CardPart):
    """What is accepted at a target precision."""

    coverage: Fraction
    """Fraction of the images whose class is accepted."""
    precision: Fraction | None
    """Fraction of correct ones among them; null where none is accepted."""


class SplitMetrics(_CardPart):
    """The metrics on one split."""

    n: Count
    accuracy: Fraction
    loss: Loss
    """Mean negative log likelihood, nats."""
    balanced_accuracy: Fraction
    macro_f1: Fraction
    ece: Fraction
    """Expected calibration error."""
    unknown: Fraction
    """Fraction of the images with the decision ``unknown``."""
    intervals: MetricIntervals | None = None
    automation: Mapping[str, AutomationMetrics]
    """By target precision."""


class Calibration(_CardPart):
    """Temperature scaling, fitted on the validation split."""

    temperature: Annotated[float, Field(gt=0.0, allow_inf_nan=False)]
    """Logits are divided by it; 1 where calibration did not help."""
    n: Count
    """Images it was fitted on."""
    ece_before: Fraction
    """Expected calibration error on them without it."""
    ece_after: Fraction
    """Expected calibration error on them with it."""
    nll_before: Loss
    """Negative log likelihood on them without it, nats."""
    nll_after: Loss
    """Negative log likelihood on them with it, nats."""


class Weights(_CardPart):
    """The number format in which the weights are stored, and what it costs."""

    format: Literal["float32", "float16"]
    """float16 for the matrices; all is computed in float32."""
    accuracy: Fraction
    """Validation accuracy with the matrices in float16."""
    accuracy_full: Fraction
    """Validation accuracy with all in float32."""


class Layer(_CardPart):
    """A row of the summary."""

    name: str
    type: str
    output: tuple[Count, ...]
    """Height, width, channels, or units."""
    parameters: Count


class NetworkSummary(_CardPart):
    """The layers and the number of parameters."""

    layers: tuple[Layer, ...]
    total: Count
    trainable: Count
    non_trainable: Count


class FileFacts(_CardPart):
    """One file of the model folder."""

    bytes: Count
    sha256: Sha256


class Card(_CardPart):
    """The content of ``card.json``; `files` and `sha256` are filled in when it is written."""

    format_version: Literal[3] = FORMAT_VERSION
    name: str
    """What the model is called."""
    created: str
    """UTC time, ISO 8601."""
    made_by: Mapping[str, str]
    """Versions of the software by name, and the processor."""
    classes: tuple[ModelClass, ...]
    """By class index."""
    input: ImageSpec
    data: TrainingData
    lineage: Lineage
    summary: NetworkSummary
    metrics: Mapping[str, SplitMetrics]
    calibration: Calibration
    policy: DecisionPolicy
    """When the decision is accept, parent, review or unknown."""
    weights: Weights | None = None
    """What float16 was measured for; null where the recipe does not ask for it."""
    files: Mapping[str, FileFacts] = {}
    """The other files of the folder, by name."""
    sha256: str = ""
    """Hash of this card without this field."""

    @model_validator(mode="after")
    def _check_classes(self) -> Self:
        """Refuses parts that are not about the same classes."""
        if len(self.classes) < 2 or len(set(self.class_names)) < len(self.classes):
            raise ValueError("a model needs at least two classes with names of their own")
        if len(self.data.class_prior) != len(self.classes):
            raise ValueError("the class prior does not fit the classes")
        if self.policy.levels[0].categories != self.class_names:
            raise ValueError("the decision policy is of other classes")
        if not self.policy.thresholds:
            raise ValueError("the decision policy has no thresholds")
        if min(self.input.height, self.input.width) < 1 or self.input.channels not in (1, 3):
            raise ValueError("the image size is impossible")
        if "validation" not in self.metrics or "validation" not in self.data.splits:
            raise ValueError("there is no validation split")
        return self

    @property
    def class_names(self) -> tuple[str, ...]:
        """Class names by index."""
        return tuple(entry.name for entry in self.classes)

    @property
    def class_prior(self) -> NDArray[np.float64]:
        """Class frequencies that the model assumes, (K,), summing to 1."""
        prior = np.array(self.data.class_prior, dtype=np.float64)
        normalised: NDArray[np.float64] = prior / prior.sum()
        return normalised

    @property
    def is_half(self) -> bool:
        """Whether the weights are stored in half precision."""
        return self.weights is not None and self.weights.format == "float16"

    @property
    def trained_on_resized(self) -> bool:
        """Whether the held-out images say something about images that have to be resized.

        In colour, resizing only scales. To grey, a photo goes through `prepare_photo`, and
        thresholds that were set on images of the right size do not hold for the result.
        """
        return self.input.channels > 1 or self.data.resized
