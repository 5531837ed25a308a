"""Damages files at random."""

import numpy as np
from numpy.typing import NDArray


def mutate(content: bytes, random: np.random.Generator) -> bytes:
    """Changes some bytes, cuts, doubles or moves a piece of a file."""
    values = np.frombuffer(content, np.uint8).copy()
    start, end = sorted(random.integers(0, len(values), 2))
    kind = random.integers(5)
    if kind <= 1:
        places = random.integers(0, len(values) if kind else min(64, len(values)), 8)
        values[places] = random.integers(0, 256, len(places))
    changed: NDArray[np.uint8] = {
        2: values[:end],
        3: np.concatenate([values[:end], values[start:]]),
        4: np.concatenate([values[:start], values[end:], values[start:end]]),
    }.get(int(kind), values)
    return changed.tobytes()
