"""Predictions: what a model says of images, as objects, dictionaries or a table."""

import math
from dataclasses import dataclass, replace
from importlib.util import find_spec
from typing import TYPE_CHECKING, TypeAlias

from hangtag.decisions.policy import Decision
from hangtag.errors import HangtagError, ImageError

if TYPE_CHECKING:
    from pandas import DataFrame

Value: TypeAlias = str | float | None


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
        input: The path of the image, or ``images[INDEX]``.
        error: Why the image cannot be read, with the decision ``error``; empty otherwise.
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
    input: str = ""
    error: str = ""

    def named(self, input: str) -> "Prediction":
        """Returns the prediction with the name of its image."""
        return replace(self, input=input)

    @classmethod
    def of_error(cls, input: str, error: ImageError) -> "Prediction":
        """Returns what stands for an image that cannot be read; its numbers are NaN."""
        nan = math.nan
        return cls(
            "", nan, Decision.ERROR, "", None, "", nan, nan, "", input=input, error=str(error)
        )

    def to_dict(self) -> dict[str, Value]:
        """Returns the fields in the order of the columns of ``hangtag predict``; NaN is None."""
        return {
            "input": self.input,
            "category": self.category,
            "confidence": _finite(self.confidence),
            "decision": str(self.decision),
            "parent": self.parent,
            "parent_confidence": self.parent_confidence,
            "runner_up": self.runner_up,
            "runner_up_confidence": _finite(self.runner_up_confidence),
            "ood_score": _finite(self.ood_score),
            "error": self.error,
            "model": self.model,
        }


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


def _finite(value: float) -> float | None:
    return value if math.isfinite(value) else None
