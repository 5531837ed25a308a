"""Stems words, so that singular and plural match; a few rules for each language.

A stem is a lookup key, not a word: the forms of one noun share it, and different nouns seldom do.
Words are folded (`hangtag.taxonomy.labels`).
"""

from collections.abc import Callable
from functools import lru_cache

_IRREGULAR = {"scarves": "scarf", "feet": "foot", "clothe": "clothes", "tie": "tie", "ties": "tie"}


@lru_cache(maxsize=200_000)
def stem(word: str, language: str) -> str:
    """Returns the stem of a folded word; the word itself where a language has no rules."""
    rule = _RULES.get(language)
    return word if rule is None or len(word) < 4 or word.isdigit() else rule(word)


def _drop(word: str, *endings: str) -> str:
    """Drops the first of `endings` that fits and leaves at least three letters."""
    for ending in endings:
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            return word[: -len(ending)]
    return word


def _english(word: str) -> str:
    if word in _IRREGULAR:
        return _IRREGULAR[word]
    if word.endswith("ies"):
        return f"{word[:-3]}y"
    if word.endswith(("sses", "ches", "shes", "xes")):
        return word[:-2]
    return word if word.endswith(("ss", "us")) else _drop(word, "s")


def _german(word: str) -> str:
    for written, umlaut in (("ae", "a"), ("oe", "o"), ("ue", "u")):
        word = word.replace(written, umlaut)
    if not word.endswith("ss"):
        word = _drop(word, "s")
    return _drop(word, "en", "er", "em", "e", "n", "a")


def _french(word: str) -> str:
    return _drop(word, "s", "x")


def _spanish(word: str) -> str:
    word = _drop(_drop(word, "s"), "e")
    return f"{word[:-1]}z" if word.endswith("c") else word


def _portuguese(word: str) -> str:
    if word.endswith("ns"):
        return f"{word[:-2]}m"
    if word.endswith(("ais", "eis", "ois", "uis")):
        return f"{word[:-2]}l"
    word = _drop(_drop(word, "s"), "e")
    return f"{word[:-2]}o" if word.endswith("ao") else word


def _italian(word: str) -> str:
    word = _drop(_drop(word, "s"), "a", "e", "i", "o")
    word = word[:-1] if word.endswith(("ch", "gh")) else word
    return _drop(word, "i")


def _dutch(word: str) -> str:
    for double, single in (("aa", "a"), ("ee", "e"), ("oo", "o"), ("uu", "u")):
        word = word.replace(double, single)
    while (shorter := _drop(word, "en", "s", "e")) != word:
        word = shorter
    if len(word) > 3 and word[-1] == word[-2]:
        word = word[:-1]
    return word[:-1] + {"z": "s", "v": "f"}.get(word[-1], word[-1])


def _polish(word: str) -> str:
    return _drop(word, "ami", "ach", "ow", "y", "i", "e", "a", "o", "u")


def _swedish(word: str) -> str:
    return _drop(_drop(word, "s"), "ar", "er", "or", "en", "et", "a", "e", "n")


_RULES: dict[str, Callable[[str], str]] = {
    "en": _english,
    "de": _german,
    "fr": _french,
    "es": _spanish,
    "it": _italian,
    "nl": _dutch,
    "pt": _portuguese,
    "pl": _polish,
    "sv": _swedish,
}
