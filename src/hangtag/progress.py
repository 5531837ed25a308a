"""Progress of long work, and how durations are written."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

OnProgress = Callable[[int, int | None], None]
"""Called with the work done and the total work (None while unknown), both in one unit."""

ShowStep = Callable[[str], AbstractContextManager[OnProgress | None]]
"""Shows the progress of a named step while the block runs; yields the function to call."""


def show_nothing(step: str) -> AbstractContextManager[None]:
    """The silent `ShowStep`."""
    return nullcontext()


def describe_duration(seconds: float) -> str:
    """Returns a duration for people, such as ``2 min 14 s``."""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest} s"
