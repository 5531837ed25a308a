"""From labels to categories: a probability for each category, and one for no apparel.

    >>> [candidate.name for candidate in rank_categories(["Herrenhemden"], count=1)[0]]
    ['Shirts']

A label is read in each language its source may be written in (`reading`, `languages`). What it
means gets the probability that readings of that kind proved to have (`data/reliability.csv`); the
rest goes to the category above, to what else was named, and to no apparel.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from itertools import chain, islice
from pathlib import Path

from hangtag.environment import require_extra
from hangtag.taxonomy.labels import tokenise
from hangtag.taxonomy.languages import LabelSource, study_source
from hangtag.taxonomy.lexicon import OUTSIDE, shipped_lexicon
from hangtag.taxonomy.own_trees import Bridge
from hangtag.taxonomy.reading import LabelReading, read_label
from hangtag.taxonomy.tree import Tree, shipped_tree

PRIOR_RIGHT, PRIOR_LABELS = 0.6, 8.0
"""Prior probability that a kind of reading is right, and how many labels the prior counts as: rare
kinds stay close to it."""

_SAMPLE = 2_000
_CACHED = 100_000
_ASIDES = 3
_UNREAD_OUTSIDE = 0.7
_LEAST = 0.005


@dataclass(frozen=True, slots=True)
class Candidate:
    """A category that a label may mean.

    Attributes:
        id: Of the category.
        name: For people.
        score: Probability, 0-1.
    """

    id: str
    name: str
    score: float


@dataclass(frozen=True, slots=True)
class Meaning:
    """What a label means.

    Attributes:
        label: As it was given.
        language: The language it was read in.
        kind: How it was understood, one of `hangtag.taxonomy.reading.KINDS`.
        probabilities: Category -> probability; with `outside` they sum to 1.
        outside: Probability that the tree has no category for it, 0-1.
    """

    label: str
    language: str
    kind: str
    probabilities: Mapping[str, float]
    outside: float

    def candidates(self, tree: Tree, *, count: int = 5) -> list[Candidate]:
        """Returns the likeliest categories, best first; those next to impossible are left out."""
        ranked = sorted(self.probabilities.items(), key=lambda pair: -pair[1])
        return [
            Candidate(identifier, tree[identifier].name, score)
            for identifier, score in ranked[:count]
            if score >= _LEAST
        ]


def rank_categories(
    labels: Sequence[str], tree: Tree | None = None, *, count: int = 5, language: str | None = None
) -> list[list[Candidate]]:
    """Returns the likeliest categories of each label, best first.

    Args:
        labels: Of one source: together they tell its language.
        tree: The shipped tree where none is given.
        count: The most candidates a label gets.
        language: Two letters, where it is known.

    Raises:
        DataError: The language is not known.
    """
    tree = tree or shipped_tree()
    meanings = read_meanings(labels, tree, language=language)
    return [meaning.candidates(tree, count=count) for meaning in meanings]


def read_meanings(
    labels: Iterable[str], tree: Tree | None = None, *, language: str | None = None
) -> Iterator[Meaning]:
    """Reads any number of labels of one source, in bounded memory.

    The language is told from the first 2,000 labels; each label that was met before is remembered.

    Raises:
        DataError: The language is not known.
        MissingExtraError: The extra taxonomy is not installed.
    """
    require_extra("taxonomy", "mapping labels to categories")
    stream = iter(labels)
    first = list(islice(stream, _SAMPLE))
    reader = LabelReader(study_source(first, language=language), tree)
    return (reader.read(label) for label in chain(first, stream))


class LabelReader:
    """Reads labels of one source.

    Args:
        source: From `study_source`.
        tree: The shipped tree where none is given.
        reliability: Kind of reading -> probability of being right; the measured one by default.
    """

    def __init__(
        self,
        source: LabelSource,
        tree: Tree | None = None,
        *,
        reliability: Mapping[str, float] | None = None,
    ) -> None:
        self._source = source
        self._reliability = read_reliability() if reliability is None else reliability
        shipped = tree is None or tree is shipped_tree()
        self._bridge = None if shipped or tree is None else Bridge(tree, _read_names)
        self._met: dict[str, Meaning] = {}

    def read(self, label: str) -> Meaning:
        """Returns what a label means."""
        meaning = self._met.get(label)
        if meaning is None:
            if len(self._met) >= _CACHED:
                self._met.clear()
            meaning = self._met[label] = self._read(label)
        return meaning

    def _read(self, label: str) -> Meaning:
        tokens = tokenise(label)
        weights: dict[str, float] = {}
        readings: dict[str, LabelReading] = {}
        for language, fraction in self._source.fractions.items():
            reading = read_label(tokens, shipped_lexicon(language), slash=self._source.slash)
            readings[language] = reading
            weights[language] = fraction * reading.likelihood
        total = sum(weights.values())
        probabilities: dict[str, float] = {}
        for language, reading in readings.items():
            for category, fraction in self._spread(reading).items():
                added = fraction * weights[language] / total
                probabilities[category] = probabilities.get(category, 0.0) + added
        best = max(weights, key=lambda language: weights[language])
        if self._bridge is not None:
            probabilities = self._bridge.carry(label, probabilities)
        outside = probabilities.pop(OUTSIDE, 0.0)
        return Meaning(label, best, readings[best].kind, probabilities, outside)

    def _spread(self, reading: LabelReading) -> dict[str, float]:
        """Returns category or `OUTSIDE` -> probability for one reading; sums to 1."""
        tree = shipped_tree()
        asides = reading.asides[:_ASIDES]
        if not reading.senses:
            others = [*asides, *tree.tops]
            rest = (1 - _UNREAD_OUTSIDE) / len(others)
            return {OUTSIDE: _UNREAD_OUTSIDE} | dict.fromkeys(others, rest)
        right = self._reliability[reading.kind]
        found = {category: right * fraction for category, fraction in reading.senses.items()}
        best = max(found, key=lambda category: found[category])
        above = tree[best].parent if best != OUTSIDE else tree.tops[0]
        others = [*asides, above or best, OUTSIDE]
        for category in others:
            found[category] = found.get(category, 0.0) + (1 - right) / len(others)
        return found


def to_reliability(counts: Mapping[str, tuple[int, int]]) -> dict[str, float]:
    """Turns kind -> (right, labels) into kind -> probability of being right, 0-1."""
    return {
        kind: (right + PRIOR_RIGHT * PRIOR_LABELS) / (labels + PRIOR_LABELS)
        for kind, (right, labels) in counts.items()
    }


@cache
def read_reliability() -> dict[str, float]:
    """Returns how often readings of each kind were right when they were measured."""
    path = Path(str(files("hangtag.taxonomy") / "data" / "reliability.csv"))
    with path.open(encoding="utf-8", newline="") as stream:
        rows = csv.DictReader(stream)
        return to_reliability({row["kind"]: (int(row["right"]), int(row["n"])) for row in rows})


def _read_names(names: Sequence[str]) -> list[dict[str, float]]:
    """Reads the names of categories of another tree."""
    return [{**meaning.probabilities, OUTSIDE: meaning.outside} for meaning in read_meanings(names)]
