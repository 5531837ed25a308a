"""Attacks that are not withstood yet, by reason; whoever mends one removes its name.

Each reason names the package that is responsible. The marks are strict: a test that passes while
its name stands here fails.
"""

from typing import Literal

import pytest

SAYS_ON_STDERR = (
    *("predict", "predict --out", "predict --json", "taxonomy"),
    *("an error", "an error in the arguments"),
)
LOST_STDERR = ("stderr full", "stderr cut off")
MODEL_FILES = ("model.onnx", "weights.safetensors", "golden.npz", "card.json", "README.md")
NEEDS_CACHE = ("explore", "doctor", "data fetch")

REASONS: dict[str, tuple[str, ...]] = {
    "readers: folders deep in one another are a RecursionError": ("1,500 folders in one another",),
    "readers: a line of a list is read without limit": ("a list without end",),
    "readers: a cell that differs from its column is told in full": ("100 of .csv.gz",),
    "models: NaN in the settings of the training is believed": (
        "12 signed: not a number",
        "200 signed: not a number",
    ),
    "models: only ONNX Runtime, if that, refuses a graph that reads files or does not end": (
        "signed: weights outside the folder",
        "signed: weights above the folder",
        "signed: weights in the current folder",
        "signed: weights in another file",
        "signed: a loop without end",
        "signed: a constant of 4 TB",
        "signed: an unknown operator",
    ),
    "models: what ONNX Runtime says is repeated in full": ("100 signed graphs",),
    "models: a link is read as if it were a file of the folder": (
        *(f"{name} is a link" for name in MODEL_FILES),
    ),
    "training: the message repeats the whole name of the field": ("setting of 400 levels",),
    "training: a recipe is read whatever kind of file it is": (
        "--recipe is a pipe",
        "--recipe is /dev/zero",
    ),
    "audit: rules are read whatever kind of file they are": (
        "--rules is a pipe",
        "--rules is /dev/zero",
    ),
    "audit: a killed audit leaves its temporary folder in --out": (
        "2 kills of audit",
        "50 kills of audit",
    ),
    "cli: a full or closed stderr ends the work, with the exit code of findings": (
        *(f"{command}: {stream}" for command in SAYS_ON_STDERR for stream in LOST_STDERR),
    ),
    "files: no home and a wrong HANGTAG_HOME are a crash": (
        *(f"{command}, HANGTAG_HOME=~nosuch/x" for command in NEEDS_CACHE),
        *(f"{command}, no user, no home" for command in NEEDS_CACHE),
    ),
}

MARKED: set[str] = set()
"""The names of all tests that were marked so far."""

STILL_WRONG = {name: reason for reason, names in REASONS.items() for name in names}


def mark(name: str, *values: object, size: Literal["fast", "slow", "chaos"] = "chaos") -> object:
    """Returns the parameters of a test, marked where it takes long and where it fails yet."""
    marks = [] if size == "fast" else [getattr(pytest.mark, size)]
    MARKED.add(name)
    reason = STILL_WRONG.get(name)
    wrong = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(*values, id=name, marks=[*marks, *wrong])
