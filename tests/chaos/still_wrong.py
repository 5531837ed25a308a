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
NEEDS_CACHE = ("explore", "doctor", "data fetch")

REASONS: dict[str, tuple[str, ...]] = {
    "readers: folders deep in one another are a RecursionError": ("1,500 folders in one another",),
    "readers: a line of a list is read without limit": ("a list without end",),
    "readers: a cell that differs from its column is told in full": ("100 of .csv.gz",),
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
