"""The parameters of attacks, marked by how long they take."""

from typing import Literal

import pytest


def mark(name: str, *values: object, size: Literal["fast", "slow", "chaos"] = "chaos") -> object:
    """Returns the parameters of a test with its name, marked where it takes long."""
    marks = [] if size == "fast" else [getattr(pytest.mark, size)]
    return pytest.param(*values, id=name, marks=marks)
