"""What the text of a word says, in the categories that a model knows."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class TextReader(Protocol):
    """Reads the words of one brand."""

    def read(self, labels: Sequence[str], *, supplier: str = "") -> "list[TextView]":
        """Returns what each of the labels says; together they tell the brand's language."""
        ...


@dataclass(frozen=True, slots=True)
class TextView:
    """What the text of a word says.

    Attributes:
        vector: Probability of each class and, last, of no apparel, (K + 1,); sums to 1 less
            `foreign`, or to 0 where the text says nothing.
        foreign: Probability of categories that the model has no class for.
        best: Name of the likeliest category; empty where the text says nothing.
        score: Its probability.
        category: Its id; empty where the text says nothing or no apparel.
        vague: Whether the word names nothing whatever its items are, as "Other" and "Sale".
    """

    vector: NDArray[np.float64]
    foreign: float = 0.0
    best: str = ""
    score: float = 0.0
    category: str = ""
    vague: bool = False

    @property
    def known(self) -> bool:
        """Whether the text says anything."""
        return bool(self.best)


@dataclass(frozen=True, slots=True)
class NoText:
    """Reads nothing: words speak by their images alone.

    Attributes:
        classes: K.
    """

    classes: int

    def read(self, labels: Sequence[str], *, supplier: str = "") -> list[TextView]:
        """Returns a view without content for each label."""
        return [TextView(np.zeros(self.classes + 1)) for _ in labels]
