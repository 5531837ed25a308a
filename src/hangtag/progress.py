"""How long work tells its caller how far it is."""

from collections.abc import Callable

Tick = Callable[[int, int | None], None]
"""Called with the work done and the whole work (None while unknown), both in one unit."""
