"""Attacks that are not withstood yet, by the name of the test; whoever mends one removes it."""

from typing import Literal

import pytest

STILL_WRONG: dict[str, str] = {
    "5,000 kinds of files": "readers: the message lists every kind",
    "12 signed: not a number": "models: NaN in the settings of a card is believed",
    "setting of 400 levels": "training: the message repeats the whole name of the field",
    "1,500 folders in one another": "readers: a RecursionError",
    "a list without end": "readers: a line of a list is read without limit",
}


def mark(name: str, *values: object, size: Literal["fast", "slow", "chaos"] = "chaos") -> object:
    """Returns the parameters of a test, marked where it takes long and where it fails yet."""
    marks = [] if size == "fast" else [getattr(pytest.mark, size)]
    reason = STILL_WRONG.get(name)
    wrong = [pytest.mark.xfail(strict=True, reason=reason)] if reason else []
    return pytest.param(*values, id=name, marks=[*marks, *wrong])
