"""Hangtag puts a trustworthy category on apparel images.

    import hangtag

    for prediction in hangtag.predict("photos/"):
        print(prediction.input, prediction.category, prediction.confidence, prediction.decision)

    model = hangtag.load("clothing-photos")
    probabilities = model.predict_proba(["a.jpg", "b.jpg"])

    result = hangtag.train("my-photos/", recipe="photo", epochs=3, out="runs/mine")
    print(hangtag.evaluate("runs/mine", "my-photos/").metrics.accuracy)

Importing this package imports nothing heavy: each name is imported when it is first used.
"""

import os
from importlib import import_module
from typing import TYPE_CHECKING, Any

from hangtag.version import __version__

if TYPE_CHECKING:
    from hangtag.api import audit, evaluate, load, load_dataset, predict, train
    from hangtag.audit.result import AuditResult
    from hangtag.audit.run import AuditOptions
    from hangtag.datasets import Dataset, Split
    from hangtag.decisions.policy import Decision
    from hangtag.errors import (
        DataError,
        ErrorKind,
        FetchError,
        HangtagError,
        ImageError,
        MissingExtraError,
        ModelError,
        OutputError,
        RecipeError,
        TrainingError,
    )
    from hangtag.evaluation.metrics import Evaluation
    from hangtag.evaluation.model_evaluation import ModelEvaluation
    from hangtag.models.card import Card
    from hangtag.models.classifier import Classifier
    from hangtag.models.predictions import Prediction, Predictions
    from hangtag.training.recipes import Recipe
    from hangtag.training.train import TrainingResult

# ONNX Runtime gathers usage data unless told not to; nothing here reports to anybody.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

_SOURCES = {
    "api": ("audit", "evaluate", "load", "load_dataset", "predict", "train"),
    "audit.result": ("AuditResult",),
    "audit.run": ("AuditOptions",),
    "datasets": ("Dataset", "Split"),
    "decisions.policy": ("Decision",),
    "errors": (
        "DataError",
        "ErrorKind",
        "FetchError",
        "HangtagError",
        "ImageError",
        "MissingExtraError",
        "ModelError",
        "OutputError",
        "RecipeError",
        "TrainingError",
    ),
    "evaluation.metrics": ("Evaluation",),
    "evaluation.model_evaluation": ("ModelEvaluation",),
    "models.card": ("Card",),
    "models.classifier": ("Classifier",),
    "models.predictions": ("Prediction", "Predictions"),
    "training.recipes": ("Recipe",),
    "training.train": ("TrainingResult",),
}
"""Public names by the module below `hangtag` that holds them."""

_MODULE_OF = {name: module for module, names in _SOURCES.items() for name in names}

__all__ = [
    "AuditOptions",
    "AuditResult",
    "Card",
    "Classifier",
    "DataError",
    "Dataset",
    "Decision",
    "ErrorKind",
    "Evaluation",
    "FetchError",
    "HangtagError",
    "ImageError",
    "MissingExtraError",
    "ModelError",
    "ModelEvaluation",
    "OutputError",
    "Prediction",
    "Predictions",
    "Recipe",
    "RecipeError",
    "Split",
    "TrainingError",
    "TrainingResult",
    "__version__",
    "audit",
    "evaluate",
    "load",
    "load_dataset",
    "predict",
    "train",
]


def __getattr__(name: str) -> Any:
    """Imports a public name when it is first used (PEP 562)."""
    if name not in _MODULE_OF:
        raise AttributeError(f"module 'hangtag' has no attribute '{name}'")
    value = getattr(import_module(f"hangtag.{_MODULE_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
