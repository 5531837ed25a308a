"""Finds categories by words: in names, and by what the words mean as a label."""

from rapidfuzz import fuzz

from hangtag.taxonomy.labels import SEPARATORS, tokenise
from hangtag.taxonomy.lexicon import shipped_lexicon
from hangtag.taxonomy.matching import Candidate, read_meanings
from hangtag.taxonomy.tree import Tree

_NAMED = 70.0
_MISTYPED = 85.0


def search_categories(words: str, tree: Tree, *, count: int = 20) -> list[Candidate]:
    """Returns the categories that `words` may be looking for, best first.

    The score is 0-1: the probability as a label, or how well the words fit the name where that is
    more. Words may stand in any order and be mistyped a little.
    """
    meaning = next(iter(read_meanings([words], tree)))
    wanted = _plain(words)
    scores = dict(meaning.probabilities)
    for one in tree:
        fit = _fit(wanted, _plain(one.name))
        if fit >= _NAMED:
            scores[one.id] = max(scores.get(one.id, 0.0), fit / 100)
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], len(tree.path(pair[0]))))
    found = [Candidate(one, tree[one].name, min(score, 1.0)) for one, score in ranked]
    return [one for one in found if one.score >= _NAMED / 200][:count]


def _plain(text: str) -> list[str]:
    lexicon = shipped_lexicon("en")
    return [lexicon.key((one,)) for one in tokenise(text) if one not in SEPARATORS]


def _fit(wanted: list[str], name: list[str]) -> float:
    """Returns 0-100: 0 unless each wanted word is in the name, more the less else is in it."""
    if not wanted or not name:
        return 0.0
    for word in wanted:
        if max(fuzz.ratio(word, other) for other in name) < _MISTYPED:
            return 0.0
    return _NAMED + (100 - _NAMED) * len(wanted) / max(len(name), len(wanted))
