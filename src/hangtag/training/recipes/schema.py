"""The fields of a recipe, their units and the values they may have."""

from typing import Annotated, Any, Literal

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    SerializeAsAny,
    field_validator,
    model_validator,
)

from hangtag.environment import is_installed
from hangtag.images.spec import ImageSpec

Fraction = Annotated[float, Field(ge=0.0, le=1.0)]
Positive = Annotated[float, Field(gt=0.0)]
NotNegative = Annotated[float, Field(ge=0.0)]
Degrees = Annotated[float, Field(ge=0.0, le=180.0)]
Area = Annotated[float, Field(gt=0.0, le=1.0)]
Aspect = Annotated[float, Field(ge=0.01, le=100.0)]


class Settings(BaseModel):
    """Base of every part of a recipe: unknown fields are errors, values never change."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, allow_inf_nan=False, use_attribute_docstrings=True
    )


class Images(Settings):
    """Image size and channels; hangtag.images.colour converts between grey and colour."""

    size: Annotated[int, Field(ge=16, le=1024)] = 28
    """Height and width, pixels."""
    channels: Literal[1, 3] = 1
    """1 for grey, 3 for colour."""

    @property
    def spec(self) -> ImageSpec:
        """The image size that a data set must be read to."""
        return ImageSpec(self.size, self.size, self.channels)


class NetworkSettings(Settings):
    """Base of the settings of a network; the file of each network defines its own."""

    kind: str
    """Name of the network."""

    @property
    def weights_extra(self) -> str | None:
        """The extra that brings published weights to start from; None for random weights."""
        return None

    def check_published(self, images: Images, normalise: str) -> None:
        """Raises ValueError where images are prepared otherwise than published weights need."""


class UncheckedNetwork(NetworkSettings):
    """Settings of a network as they are written, where torch is missing to check them."""

    model_config = ConfigDict(extra="allow")


class Affine(Settings):
    """Rotation, zoom and shift at once, as Keras' image generator does; nearest fill."""

    kind: Literal["affine"] = "affine"
    rotation: Degrees = 0.0
    """Largest rotation either way, degrees."""
    zoom: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Largest relative change of size, drawn for each axis on its own."""
    width_shift: Fraction = 0.0
    """Largest shift sideways, fraction of the width."""
    height_shift: Fraction = 0.0
    """Largest shift up or down, fraction of the height."""


class Shift(Settings):
    """Shift by whole pixels; the edge is repeated."""

    kind: Literal["shift"] = "shift"
    pixels: Annotated[int, Field(ge=1, le=14)]
    """Largest shift either way, pixels."""


class Flip(Settings):
    """Mirror image, left to right."""

    kind: Literal["flip"] = "flip"
    p: Fraction = 0.5
    """Fraction of the images that are mirrored."""


class Rotation(Settings):
    """Rotation about the centre; what comes in is black."""

    kind: Literal["rotation"] = "rotation"
    degrees: Degrees
    """Largest rotation either way, degrees."""


class ResizedCrop(Settings):
    """A random part of the image, scaled back to the whole size."""

    kind: Literal["resized_crop"] = "resized_crop"
    scale: tuple[Area, Area] = (0.08, 1.0)
    """Area of the part, fraction of the image's (lowest, highest)."""
    ratio: tuple[Aspect, Aspect] = (3 / 4, 4 / 3)
    """Width over height of the part (lowest, highest)."""

    @model_validator(mode="after")
    def _ordered(self) -> "ResizedCrop":
        _require_ordered(scale=self.scale, ratio=self.ratio)
        return self


class Erasing(Settings):
    """A black rectangle somewhere (random erasing, Zhong et al. 2017)."""

    kind: Literal["erasing"] = "erasing"
    p: Fraction = 0.5
    """Fraction of the images that lose a rectangle."""
    scale: tuple[Area, Area] = (0.02, 0.33)
    """Area of the rectangle, fraction of the image's (lowest, highest)."""
    ratio: tuple[Aspect, Aspect] = (0.3, 3.3)
    """Height over width of the rectangle (lowest, highest)."""

    @model_validator(mode="after")
    def _ordered(self) -> "Erasing":
        _require_ordered(scale=self.scale, ratio=self.ratio)
        return self


class Colour(Settings):
    """Colour jitter: random brightness, contrast, saturation and hue."""

    kind: Literal["colour"] = "colour"
    brightness: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Largest relative change of brightness, either way."""
    contrast: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Largest relative change of the contrast about the image's own mean."""
    saturation: Fraction = 0.0
    """Largest relative change of saturation; 1 may turn it grey."""
    hue: Degrees = 0.0
    """Largest rotation of the hue, degrees either way."""


class StandardiseEach(Settings):
    """Each image divided by its own standard deviation, in training only, as the seed did.

    For comparison with the seed: evaluation and prediction never do this.
    """

    kind: Literal["standardise_each"] = "standardise_each"
    centre: bool = True
    """Whether to subtract the image's own mean first, as Keras does whenever it divides."""


Augmentation = Annotated[
    Affine | Shift | Flip | Rotation | ResizedCrop | Erasing | Colour | StandardiseEach,
    Field(discriminator="kind"),
]


class Adam(Settings):
    """Adam; with a weight decay, AdamW (decay apart from the gradient, kernels only)."""

    kind: Literal["adam"] = "adam"
    learning_rate: Positive = 1e-3
    """Highest learning rate."""
    beta1: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.9
    """Decay of the mean of the gradient."""
    beta2: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.999
    """Decay of the mean of the squared gradient."""
    epsilon: Positive = 1e-7
    """Added to the root of the mean squared gradient."""
    weight_decay: NotNegative = 0.0
    """Decoupled weight decay, kernels only; scaled by the learning rate."""


class SGD(Settings):
    """Stochastic gradient descent with Nesterov momentum."""

    kind: Literal["sgd"] = "sgd"
    learning_rate: Positive
    """Highest learning rate."""
    momentum: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.9
    """Fraction of the last step kept in the next."""
    weight_decay: NotNegative = 0.0
    """Factor of each kernel added to its gradient."""


class Exponential(Settings):
    """The learning rate is multiplied by `factor` after each epoch."""

    kind: Literal["exponential"] = "exponential"
    factor: Annotated[float, Field(gt=0.0, le=1.0)] = 0.9
    """Learning rate of an epoch over that of the epoch before."""


class OneCycle(Settings):
    """The learning rate rises linearly to its highest value and falls linearly to `end`."""

    kind: Literal["one_cycle"] = "one_cycle"
    warm_up: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2
    """Fraction of the training in which it rises."""
    end: Fraction = 0.0
    """Last learning rate over the highest."""


class DataPruning(Settings):
    """Each epoch leaves out some of the easy images (InfoBatch, Qin et al. 2024)."""

    ratio: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.5
    """Fraction of the images with a loss below the mean that an epoch leaves out."""
    anneal: Fraction = 0.125
    """Last fraction of the training that uses all images."""


class LinearProbing(Settings):
    """Train the last layer first, on embeddings computed once; then fine-tune the whole network."""

    epochs: Annotated[int, Field(ge=1, le=100_000)]
    """Epochs at the start that train only the last layer; the backbone is frozen."""
    learning_rate: Positive = 1e-3
    """Highest learning rate in these epochs, which follow the schedule on their own."""
    views: Annotated[int, Field(ge=1, le=64)] = 2
    """Embeddings per training image: the first of the image as it is, the others augmented."""
    backbone_factor: Fraction = 0.1
    """Learning rate of the backbone over that of the last layer, in the epochs afterwards."""


class EMA(Settings):
    """Evaluate and export an exponential moving average of the weights."""

    decay: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.998
    """Fraction of the average kept in a step; less in the first steps."""


class Balance(Settings):
    """How small classes are balanced in training; validation and prediction do not change."""

    sampling: Fraction = 0.0
    """How far an epoch draws the classes equally often; 0 takes every image once."""
    loss: Fraction = 0.0
    """How far the classes weigh equally in the loss; 0 weighs every image alike."""
    logit_adjustment: Annotated[float, Field(ge=0.0, le=4.0)] = 0.0
    """Factor of the log class frequency added to the logits in training (Menon et al. 2021)."""


class Distillation(Settings):
    """Distillation: learn the outputs of another model, the teacher, besides the labels."""

    teacher: str
    """A model: a shipped name, a model folder or a run folder; of the same train split."""
    weight: Fraction = 0.5
    """Weight of the teacher's probabilities in the targets; the labels have the rest."""
    temperature: Positive = 1.0
    """Temperature: divides the teacher's logits; above 1 its probabilities are softer."""


class Recipe(Settings):
    """All settings of a training except data and seed."""

    name: Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
    """Name of the recipe."""
    description: str
    """Purpose of the recipe, one sentence."""
    network: SerializeAsAny[NetworkSettings]
    """The network and its sizes; or ``package.module:Class``, a network of your own."""
    init_from: str | None = None
    """A model to fine-tune: a shipped name, a model or a run folder; null trains from scratch."""
    images: Images = Images()
    """Image size and channels."""
    normalise: Literal["scale", "standardise", "symmetric"] = "standardise"
    """scale: pixel / 255; standardise: by the train split; symmetric: (pixel - 127) / 128."""
    augment: tuple[Augmentation, ...] = ()
    """Steps applied to each training batch, in order."""
    mixup: Annotated[float, Field(ge=0.0, le=10.0)] = 0.0
    """How much pairs of images are mixed (alpha of Zhang et al. 2018); 0 mixes none."""
    validation_fraction: Annotated[float, Field(gt=0.0, lt=1.0)] = 0.15
    """Fraction of train held out, when the data has no validation split."""
    epochs: Annotated[int, Field(ge=1, le=100_000)]
    """Most passes over the train split."""
    batch_size: Annotated[int, Field(ge=2, le=1_000_000)]
    """Images a step."""
    optimiser: Annotated[Adam | SGD, Field(discriminator="kind")]
    """The optimiser and its constants."""
    schedule: Annotated[Exponential | OneCycle, Field(discriminator="kind")]
    """Learning-rate schedule."""
    linear_probing: LinearProbing | None = None
    """Train the last layer alone first; null trains the whole network from the first step."""
    ema: EMA | None = None
    """Evaluate and export averaged weights; null takes the weights themselves."""
    balance: Balance = Balance()
    """How small classes are balanced in training."""
    data_pruning: DataPruning | None = None
    """Which easy images an epoch leaves out; null uses all."""
    distillation: Distillation | None = None
    """The teacher to learn from besides the labels; null learns from the labels alone."""
    label_smoothing: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.0
    """Fraction of each target spread evenly over the classes."""
    patience: Annotated[int, Field(ge=1)] | None = None
    """Epochs without a lower validation loss before the training stops; null never stops."""
    keep: Literal["best", "last"] = "best"
    """Weights to export: those of the lowest validation loss, or the last."""
    weights: Literal["float32", "float16"] = "float32"
    """Number format in the model folder; float16 halves it, unless that costs accuracy."""
    precision: Literal["float32", "auto"] = "float32"
    """Number format on a CPU; auto takes bfloat16 where it is native, as a GPU always does."""

    @property
    def weights_extra(self) -> str | None:
        """The extra that brings the weights the training starts from; None where none does."""
        return None if self.init_from is not None else self.network.weights_extra

    @field_validator("network", mode="before")
    @classmethod
    def _read_network(cls, value: Any) -> NetworkSettings:
        return read_network(value)

    @model_validator(mode="after")
    def _possible(self) -> "Recipe":
        if self.patience is not None and self.schedule.kind == "one_cycle":
            raise ValueError(
                "patience: a one_cycle schedule ends at its last epoch and cannot stop early; "
                "set patience to null or the schedule to exponential"
            )
        if self.data_pruning and self.balance.sampling:
            raise ValueError(
                "data_pruning: cannot be combined with balance.sampling; set data_pruning to "
                "null or balance.sampling to 0"
            )
        if self.linear_probing and self.linear_probing.epochs > self.epochs:
            raise ValueError(
                f"linear_probing.epochs ({self.linear_probing.epochs}) exceeds epochs "
                f"({self.epochs}); raise epochs or lower linear_probing.epochs"
            )
        if self.mixup and self.linear_probing and self.linear_probing.epochs == self.epochs:
            raise ValueError(
                "mixup: images are mixed in epochs that are not frozen, and there are none; set "
                "mixup to 0 or epochs to more than linear_probing.epochs"
            )
        return self

    @model_validator(mode="after")
    def _fits_its_images(self) -> "Recipe":
        grey = self.images.channels == 1
        if grey and any(step.kind == "colour" for step in self.augment):
            raise ValueError("augment: the step colour needs images.channels 3; remove the step")
        if self.weights_extra is not None:
            self.network.check_published(self.images, self.normalise)
        return self


def read_network(value: Any) -> NetworkSettings:
    """Reads the settings of a network: its fields, its kind alone or ``package.module:Class``.

    Without the train extra, fields other than the kind are kept as they are written.

    Raises:
        ValueError: There is no such kind, or (as ValidationError) a field is impossible.
    """
    if isinstance(value, NetworkSettings):
        return value
    fields = {"kind": "custom", "factory": value} if ":" in str(value) else {"kind": value}
    fields = value if isinstance(value, dict) else fields
    if not is_installed("train"):
        return UncheckedNetwork.model_validate(fields)
    from hangtag.training.networks.base import list_networks

    kinds = list_networks()
    if fields.get("kind") not in kinds:
        raise ValueError(
            f"there is no kind {fields.get('kind')!r}; expected one of {', '.join(kinds)}, or "
            "package.module:Class"
        )
    return kinds[fields["kind"]].model_validate(fields)


def list_network_settings() -> list[type[NetworkSettings]]:
    """Returns the settings of every network; none without the train extra."""
    if not is_installed("train"):
        return []
    from hangtag.training.networks.base import list_networks

    return list(list_networks().values())


def _require_ordered(**ranges: tuple[float, float]) -> None:
    for name, (lowest, highest) in ranges.items():
        if lowest > highest:
            raise ValueError(f"{name}: the lowest value {lowest} is above the highest {highest}")
