"""Which labels are wrong for sure enough to be corrected without a person.

A correction gives an item the model's answer, so it is wrong only where that answer is wrong: where
the label was right, and where label and answer are both wrong. Each item is a hypothesis, *the
answer is wrong*, and its p-value (a conformal one) the share of the reference that has wrong
answers as sure as this. The reference are held-out images with right labels. The procedure of
Benjamini and Hochberg on these keeps the expected share of wrong ones among the corrections below a
level (Jin and Candes 2023, "Selection by prediction with conformal p-values"; Bates,
Candes, Lei, Romano and Sesia 2023). Labels decide only which items are candidates; all other items
have a p-value of one, so it does not matter how labels come to be wrong.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.reference import Reference
from hangtag.pipeline.rows import DIGITS


def find_sureness(
    probabilities: NDArray[np.float64], strange: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Returns how sure the model is of its answers, (N,): of strange items it never is.

    Args:
        probabilities: Calibrated, (N, K).
        strange: Whether the items are strange, (N,).
    """
    return np.where(strange, 0.0, probabilities.max(axis=1))


@dataclass(frozen=True, slots=True)
class Correctable:
    """Which candidates may be corrected without a person, and why not more.

    Attributes:
        threshold: Sureness from which one may be, None where none may.
        surest: Candidates that are surer than every wrong answer on the reference.
        needed: How many of those there would have to be for one correction.
        wanted: About how many reference images would allow some, None where some are allowed and
            where not more images but a better model is needed.
    """

    threshold: float | None
    surest: int
    needed: int
    wanted: int | None


class SureScores:
    """Finds the sureness from which corrections keep their promise, in memory that does not grow.

    Args:
        reference: Held-out images with right labels.
    """

    def __init__(self, reference: Reference) -> None:
        wrong = reference.probabilities.argmax(axis=1) != reference.labels
        sureness = find_sureness(reference.probabilities, reference.strange)
        self._size = len(wrong)
        self._wrong = np.sort(sureness[wrong])  # (W,), rising
        self._counts = np.zeros(len(self._wrong) + 1, dtype=np.int64)
        self._items = 0

    def add(self, sureness: NDArray[np.float64], candidates: NDArray[np.bool_]) -> None:
        """Takes items, (N,): how sure the model is, and whether one might be corrected."""
        surer = len(self._wrong) - np.searchsorted(self._wrong, sureness[candidates], side="left")
        self._counts += np.bincount(surer, minlength=len(self._counts))
        self._items += len(sureness)

    def find(self, level: float) -> Correctable:
        """Finds what may be corrected.

        Args:
            level: Expected share of wrong ones among the corrections, 0-1.
        """
        taken = np.cumsum(self._counts)  # candidates with at most so many wrong answers above them
        wrong = np.arange(len(taken))
        p_values = (wrong + 1) / (self._size + 1)
        needed = math.ceil(round(self._items / (self._size + 1) / level, DIGITS))
        passed = np.flatnonzero((p_values * self._items <= level * taken) & (taken > 0))
        if not len(passed):
            return Correctable(None, int(taken[0]), needed, self._want(level, taken, wrong))
        position = len(self._wrong) - int(passed[-1]) - 1
        threshold = 0.0 if position < 0 else float(np.nextafter(self._wrong[position], 2.0))
        return Correctable(threshold, int(taken[0]), needed, None)

    def _want(self, level: float, taken: NDArray[np.int64], wrong: NDArray[np.int64]) -> int | None:
        """Returns how many images would do if more of them were like these."""
        room = level * taken - wrong * self._items / self._size
        if room.max() <= 0:
            return None
        return max(math.ceil(self._items / float(room.max())), self._size + 1)


def describe(found: Correctable | None, *, source: str, precision: float) -> str:
    """Says what may be corrected without a person, or why nothing may, a sentence."""
    if found is None:
        return (
            "nothing is corrected without a person: the model's validation images are not at "
            "hand; name held-out images with right labels by --reference"
        )
    if found.threshold is not None:
        return (
            f"corrections are expected to be right in {100 * precision:g}% at least, tested on "
            f"{source}: from a confidence of {found.threshold:.4f}"
        )
    advice = (
        f"about {found.wanted:,} reference images would allow some"
        if found.wanted
        else "a better model is needed, not more reference images"
    )
    few = "contradiction" if found.needed == 1 else "contradictions"
    here = "there is 1" if found.surest == 1 else f"there are {found.surest:,}"
    return (
        f"nothing is corrected without a person: a promise of {100 * precision:g}% takes "
        f"{found.needed:,} {few} surer than every wrong answer on {source}, and {here}; "
        f"{advice}, or ask for less by --precision"
    )
