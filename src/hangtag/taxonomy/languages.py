"""Detects the languages of a list of labels, from all of its labels together.

A label alone may be French or English (*Robes*); the list it comes from seldom leaves a doubt. Two
views of the list are weighed equally, each from how well every label reads in every language: all
labels are in one language, or they are a mixture whose fractions
expectation maximisation estimates.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from hangtag.errors import DataError
from hangtag.taxonomy.labels import LIST, PATH, SLASH, tokenise
from hangtag.taxonomy.lexicon import LANGUAGES, shipped_lexicon
from hangtag.taxonomy.reading import read_label

_PRIOR = {"en": 0.4, "de": 0.1, "fr": 0.1, "es": 0.1, "it": 0.1} | dict.fromkeys(
    ("nl", "pt", "pl", "sv"), 0.05
)
_PRIOR_LABELS = 2.0
_STEPS = 20
_SAMPLE = 1_000
_NEGLIGIBLE = 0.01
_STRAY = 0.05
_REPEATS = 3


@dataclass(frozen=True, slots=True)
class LabelSource:
    """What is known of the list that labels come from.

    Attributes:
        fractions: Language -> fraction of the labels; sums to 1.
        slash: What a slash means: `SLASH` where that is not known, else `PATH`.
    """

    fractions: Mapping[str, float]
    slash: str = SLASH


def study_source(labels: Sequence[str], *, language: str | None = None) -> LabelSource:
    """Finds out what a list of labels is written in and whether its slashes lead down a tree.

    Args:
        labels: At most the first 1,000 different ones are looked at.
        language: One of `LANGUAGES` where it is known.

    Raises:
        DataError: `language` is none of those.
    """
    sample = [tokenise(label) for label in islice(dict.fromkeys(labels), _SAMPLE)]
    slash = _read_slashes(sample)
    if language is not None:
        if language not in LANGUAGES:
            raise DataError(
                f"the language {language} is not known; choose one of {', '.join(LANGUAGES)}"
            )
        return LabelSource({language: 1.0}, slash)
    fits = [
        {
            language: read_label(tokens, shipped_lexicon(language)).likelihood
            for language in LANGUAGES
        }
        for tokens in sample
        if tokens
    ]
    mixed, single = _estimate_mixture(fits), _estimate_single(fits)
    fractions = {language: (mixed[language] + single[language]) / 2 for language in LANGUAGES}
    kept = {
        language: fraction for language, fraction in fractions.items() if fraction >= _NEGLIGIBLE
    }
    return LabelSource(
        {language: fraction / sum(kept.values()) for language, fraction in kept.items()}, slash
    )


def _estimate_mixture(fits: Sequence[Mapping[str, float]]) -> dict[str, float]:
    """Returns the fractions that explain the likelihoods best, in view of the prior."""
    fractions = dict(_PRIOR)
    for _ in range(_STEPS if fits else 0):
        counts = {language: _PRIOR_LABELS * fraction for language, fraction in _PRIOR.items()}
        for fit in fits:
            total = sum(fractions[language] * fit[language] for language in LANGUAGES)
            for language in LANGUAGES:
                counts[language] += fractions[language] * fit[language] / total
        fractions = {language: count / sum(counts.values()) for language, count in counts.items()}
    return fractions


def _estimate_single(fits: Iterable[Mapping[str, float]]) -> dict[str, float]:
    """Returns language -> probability that all labels are in it, but for a few that may be not."""
    logs = {language: math.log(fraction) for language, fraction in _PRIOR.items()}
    for fit in fits:
        best = max(fit.values())
        for language in LANGUAGES:
            logs[language] += math.log(_STRAY + (1 - _STRAY) * fit[language] / best)
    highest = max(logs.values())
    weights = {language: math.exp(log - highest) for language, log in logs.items()}
    return {language: weight / sum(weights.values()) for language, weight in weights.items()}


def _read_slashes(sample: Iterable[Sequence[str]]) -> str:
    """Returns `PATH` where the same words stand before a slash several times: *Boots/Ankle*."""
    before: dict[tuple[str, ...], int] = {}
    for tokens in sample:
        if SLASH in tokens and LIST not in tokens:
            start = tuple(tokens[: tokens.index(SLASH)])
            before[start] = before.get(start, 0) + 1
    return PATH if any(count >= _REPEATS for count in before.values()) else SLASH
