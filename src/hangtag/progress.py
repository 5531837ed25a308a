"""How long work tells its caller how far it is, and how long it took."""

from collections.abc import Callable

OnProgress = Callable[[int, int | None], None]
"""Called with the work done and the whole work (None while unknown), both in one unit."""


def describe_duration(seconds: float) -> str:
    """Returns a time for people, such as ``2 min 14 s``."""
    minutes, left = divmod(round(seconds), 60)
    return f"{minutes} min {left} s"
