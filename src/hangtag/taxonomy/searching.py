"""Finds categories by name.

`search_categories` ranks categories for a search. `assign_categories` takes labels that must be ids
or names of categories; it never guesses.
"""

from collections.abc import Iterable

from hangtag.environment import require_extra
from hangtag.errors import DataError
from hangtag.taxonomy.labels import SEPARATORS, tokenise
from hangtag.taxonomy.lexicon import shipped_lexicon
from hangtag.taxonomy.matching import Candidate, read_meanings
from hangtag.taxonomy.own_trees import normalise_name
from hangtag.taxonomy.tree import Tree

_NAMED = 70.0
_MISTYPED = 85.0
_NEAREST = 3


def search_categories(words: str, tree: Tree, *, count: int = 20) -> list[Candidate]:
    """Returns the categories that `words` may be looking for, best first.

    The score is 0-1: the larger of the probability as a label and the match with the name. Words
    may be in any order and slightly misspelt.

    Raises:
        MissingExtraError: The extra taxonomy is not installed.
    """
    meaning = next(iter(read_meanings([words], tree)))
    wanted = _plain(words)
    scores = dict(meaning.probabilities)
    for category in tree:
        fit = _fit(wanted, _plain(category.name))
        if fit >= _NAMED:
            scores[category.id] = max(scores.get(category.id, 0.0), fit / 100)
    ranked = sorted(scores.items(), key=lambda pair: (-pair[1], len(tree.path(pair[0]))))
    found = [Candidate(id, tree[id].name, min(score, 1.0)) for id, score in ranked]
    return [candidate for candidate in found if candidate.score >= _NAMED / 200][:count]


def assign_categories(labels: Iterable[str], tree: Tree) -> dict[str, str]:
    """Maps labels that are ids or names of categories; anything else is an error.

    Ids must match exactly. Names match in any case and number, with any separators, with or without
    the names above them: `t-shirt` is `T-Shirts`.

    Returns:
        Label -> id of the category.

    Raises:
        DataError: A label is no category, or its name is that of several.
        MissingExtraError: The extra taxonomy is not installed.
    """
    require_extra("taxonomy", "reading labels as categories of a tree")
    named: dict[str, list[str]] = {}
    for category in tree:
        for name in {normalise_name(category.name), normalise_name(tree.full_name(category.id))}:
            named.setdefault(name, []).append(category.id)
    assigned, unknown = {}, []
    for label in dict.fromkeys(labels):
        found = [label] if label in tree else _choose(label, named, tree)
        if len(found) > 1:
            raise _explain_several(label, found, tree)
        if found:
            assigned[label] = found[0]
        else:
            unknown.append(label)
    if unknown:
        raise _explain_unknown(unknown, tree)
    return assigned


def _plain(text: str) -> list[str]:
    lexicon = shipped_lexicon("en")
    return [lexicon.key((word,)) for word in tokenise(text) if word not in SEPARATORS]


def _fit(wanted: list[str], name: list[str]) -> float:
    """Returns how well words match a name, 0-100; 0 unless the name holds each of them."""
    from rapidfuzz import fuzz

    if not wanted or not name:
        return 0.0
    for word in wanted:
        if max(fuzz.ratio(word, other) for other in name) < _MISTYPED:
            return 0.0
    return _NAMED + (100 - _NAMED) * len(wanted) / max(len(name), len(wanted))


def _choose(label: str, named: dict[str, list[str]], tree: Tree) -> list[str]:
    """Returns the categories of that name; an exact spelling wins."""
    key = normalise_name(label)
    found = named.get(key, []) if key else []
    exact = [
        identifier
        for identifier in found
        if label.strip() in (tree[identifier].name, tree.full_name(identifier))
    ]
    return exact or found


def _explain_several(label: str, found: list[str], tree: Tree) -> DataError:
    listed = _list_names(found, tree)
    return DataError(
        f"the label '{label}' is the name of several categories of {tree.source}: {listed}; write "
        "the id, or the names from the top"
    )


def _explain_unknown(labels: list[str], tree: Tree) -> DataError:
    others = f" (and {len(labels) - 1} other labels)" if len(labels) > 1 else ""
    nearest = _list_names(_find_nearest(labels[0], tree), tree)
    return DataError(
        f"the label '{labels[0]}'{others} is neither an id nor a name of a category of "
        f"{tree.source}; the nearest: {nearest}; mend the label, or add a row to the tree"
    )


def _find_nearest(label: str, tree: Tree) -> list[str]:
    """Returns the ids of what the label may mean, else of what is spelled most like it."""
    from rapidfuzz import process

    if found := search_categories(label, tree, count=_NEAREST):
        return [candidate.id for candidate in found]
    names = {category.id: category.name for category in tree}
    return [identifier for _, _, identifier in process.extract(label, names, limit=_NEAREST)]


def _list_names(identifiers: list[str], tree: Tree) -> str:
    return ", ".join(f"{tree.full_name(identifier)} ({identifier})" for identifier in identifiers)
