"""Predictions, as objects, dictionaries or a table."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, TypeAlias

from hangtag.decisions.policy import Decision
from hangtag.errors import HangtagError, ImageError
from hangtag.tables.columns import ColumnKind

if TYPE_CHECKING:
    from pandas import DataFrame

Value: TypeAlias = str | float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Prediction:
    """The prediction for one image. Its fields are the columns of ``hangtag predict``, in order.

    A new field becomes a column of every output and a key of `to_dict`; only
    `Classifier.predict_batch`, which fills it, has to be changed as well.

    Attributes:
        input: The path of the image, or ``images[INDEX]``.
        category: The most probable class.
        confidence: Its calibrated probability, 0-1.
        decision: What to do with the image.
        parent: The category above the class that is accepted where the class is not, with the
            decision ``parent``; empty otherwise.
        parent_confidence: Its calibrated probability, 0-1; None where there is no `parent`.
        runner_up: The second most probable class.
        runner_up_confidence: Its calibrated probability, 0-1.
        ood_score: How unlike the training data the image is; higher is less like it.
        error: Why the image cannot be read, with the decision ``error``; empty otherwise.
        model: The name of the model.
    """

    input: str = ""
    category: str
    confidence: float
    decision: Decision
    parent: str
    parent_confidence: float | None
    runner_up: str
    runner_up_confidence: float
    ood_score: float
    error: str = ""
    model: str

    def named(self, input: str) -> "Prediction":
        """Returns the prediction with the name of its image."""
        return replace(self, input=input)

    @classmethod
    def of_error(cls, input: str, error: ImageError) -> "Prediction":
        """Returns the prediction for an image that cannot be read; its numbers are NaN."""
        values = {field.name: _EMPTY[field.type] for field in fields(cls)}
        return cls(**values | {"input": input, "error": str(error)})

    def to_dict(self) -> dict[str, Value]:
        """Returns the fields by name, in the order of the columns; NaN becomes None."""
        return {name: _to_value(getattr(self, name)) for name in COLUMNS}


_EMPTY: Mapping[Any, Any] = {
    str: "",
    float: math.nan,
    float | None: None,
    Decision: Decision.ERROR,
}
"""By type, the value of a field for an image that cannot be read."""

COLUMNS: Mapping[str, ColumnKind] = {
    field.name: "number" if field.type in (float, float | None) else "text"
    for field in fields(Prediction)
}
"""The columns of predictions and what they hold, in order: the fields of `Prediction`."""


class Predictions(list[Prediction]):
    """A list of predictions, in the order of the images."""

    def to_dicts(self) -> list[dict[str, Value]]:
        """Returns one dictionary per image, see `Prediction.to_dict`."""
        return [prediction.to_dict() for prediction in self]

    def to_pandas(self) -> "DataFrame":
        """Returns a table with one row per image.

        Raises:
            HangtagError: pandas is not installed.
        """
        if find_spec("pandas") is None:
            raise HangtagError("to_pandas needs pandas; pip install pandas, or use to_dicts")
        import pandas

        return pandas.DataFrame(self.to_dicts())


def _to_value(value: Value) -> Value:
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    return None if value is None else str(value)
