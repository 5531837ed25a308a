"""The lexicon of each language: terms for categories, and words that only qualify them.

The tables lie in ``data/``. ``synonyms/LANGUAGE.csv`` holds terms by category, separated by ``|``;
a term after ``~`` may mean the category, but more often means another. The category ``none``
stands for things other than apparel, ``vague`` for labels that name nothing (other, sale).
``words.csv`` holds words by kind: the wearer, the use, words that do not affect the category.
"""

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from hangtag.taxonomy.labels import SEPARATORS, tokenise
from hangtag.taxonomy.stemming import stem
from hangtag.taxonomy.tree import Tree, shipped_tree

LANGUAGES = ("en", "de", "fr", "es", "it", "nl", "pt", "pl", "sv")
OUTSIDE = "none"
"""Stands for everything that has no category in the tree."""

VAGUE = "vague"
"""Stands for what names nothing; it has no category either."""

AND = "&"
"""Stands in a term between the things it lists, such as coats and jackets."""

LONGEST_TERM = 6
"""Words in the longest term that is looked for inside a label."""

_HEAD_LAST = frozenset({"en", "de", "nl", "sv"})
_JOINS_WORDS = frozenset({"de", "nl", "sv"})
_SECOND_READING = 0.3
_NAMESAKE = 0.01
_CHILDREN = frozenset({"boys", "girls"})
_GLUE = frozenset({"stop", "cut", "and"})
_SPECIAL_BRANCHES = ("aa-1-25", "aa-1-7", "aa-1-1", "aa-1-17-2", "aa-1-24", "aa-1-20-25", "aa-2-33")
"""Where names of the general branches come again for babies, mothers, sport and so on."""

Senses = Mapping[str, float]
"""Category -> how likely a term means it; sums to 1."""


@dataclass(frozen=True, slots=True, eq=False)
class Lexicon:
    """The words of one language.

    Attributes:
        language: Two letters.
        forms: A term as it is spelled, joined -> its senses.
        terms: Joined stems of a term -> its senses.
        kinds: Joined stems of a word that only qualifies -> its kind, such as ``kids``.
        qualifiers: The words of `kinds` as they are spelled, joined.
        glue: Folded word -> ``stop``, ``cut`` or ``and``.
        spellings: Stem -> folded word or joined term that has it; what a mistyped word may be.
        vague: Joined stems of the terms that name nothing.
    """

    language: str
    forms: Mapping[str, Senses]
    terms: Mapping[str, Senses]
    kinds: Mapping[str, str]
    qualifiers: frozenset[str]
    glue: Mapping[str, str]
    spellings: Mapping[str, str]
    vague: frozenset[str]

    @property
    def head_last(self) -> bool:
        """Whether the last noun says what it is, as in English; else the first."""
        return self.language in _HEAD_LAST

    @property
    def joins_words(self) -> bool:
        """Whether nouns are written together, as in German."""
        return self.language in _JOINS_WORDS

    def key(self, words: Iterable[str]) -> str:
        """Returns the joined stems of folded words."""
        return _key(words, self.language)

    def look_up(self, words: Sequence[str]) -> Senses | None:
        """Returns the senses of a term: as it is spelled, else by its stems.

        *Boys shorts* are shorts, though they have the stems of *boy shorts*: words for children
        must be spelled as in the table.
        """
        spelled = self.forms.get("".join(words))
        if spelled is not None or (len(words) > 1 and self.is_for_children(words[0])):
            return spelled
        return self.terms.get(self.key(words))

    def is_for_children(self, word: str) -> bool:
        """Returns whether a folded word says that something is for boys or girls."""
        return self.kinds.get(self.key((word,))) in _CHILDREN

    def knows(self, word: str) -> bool:
        """Returns whether a folded word is one of the language's own."""
        return word in self.glue or stem(word, self.language) in self.spellings


@cache
def shipped_lexicon(language: str) -> Lexicon:
    """Returns the lexicon of one of `LANGUAGES` for the shipped tree."""
    forms: _Table = {}
    terms: _Table = {}
    kinds: dict[str, str] = {}
    qualifiers: set[str] = set()
    glue: dict[str, str] = {}
    spellings: set[str] = set()
    for kind, word in _read_words(language):
        if kind in _GLUE:
            glue[word] = kind
        else:
            kinds.setdefault(_key(word.split(), language), kind)
            qualifiers.add(word.replace(" ", ""))
            spellings.update(word.split())
    vague: set[str] = set()
    for named, words, weight in _read_terms(language, glue):
        category = OUTSIDE if named == VAGUE else named
        if named == VAGUE:
            vague.add(_key(words, language))
        _add(forms, "".join(words), category, weight)
        _add(terms, _key(words, language), category, weight)
        spellings.update((*words, "".join(words)))
    if language == "en":
        _add_names(forms, terms, glue)
    by_stem = {stem(word, language): word for word in sorted(spellings)}
    return Lexicon(
        language,
        _normalise(forms),
        _normalise(terms),
        kinds,
        frozenset(qualifiers),
        glue,
        by_stem,
        frozenset(vague),
    )


def is_vague(label: str) -> bool:
    """Returns whether a label names nothing in any language: neither a category nor other goods."""
    tokens = tokenise(label)
    lexicons = map(shipped_lexicon, LANGUAGES)
    return any(
        lexicon.key(content_words(tokens, lexicon.glue)) in lexicon.vague for lexicon in lexicons
    )


def content_words(tokens: Sequence[str], glue: Mapping[str, str]) -> list[str]:
    """Returns the words among tokens without glue; `AND` stands where they list things."""
    words: list[str] = []
    for word in tokens:
        if word in SEPARATORS or glue.get(word) == "and":
            words.append(AND)
        elif word not in glue:
            words.append(word)
    return words


_Table = dict[str, dict[str, float]]


def _key(words: Iterable[str], language: str) -> str:
    return "".join([stem(word, language) for word in words])


def _add(table: _Table, key: str, category: str, weight: float) -> None:
    senses = table.setdefault(key, {})
    senses[category] = max(weight, senses.get(category, 0.0))


def _normalise(table: _Table) -> dict[str, Senses]:
    return {
        key: {category: weight / sum(senses.values()) for category, weight in senses.items()}
        for key, senses in table.items()
    }


def _add_names(forms: _Table, terms: _Table, glue: Mapping[str, str]) -> None:
    """Adds the names of categories; of equal names the one in a general branch counts most."""
    tree = shipped_tree()
    listed = set(terms)
    for category in sorted(tree, key=lambda category: _speciality(tree, category.id)):
        words = content_words(tokenise(category.name), glue)
        key = _key(words, "en")
        if key not in listed:
            form = "".join(words)
            _add(forms, form, category.id, _NAMESAKE if form in forms else 1.0)
        _add(terms, key, category.id, _NAMESAKE if key in terms else 1.0)


def _speciality(tree: Tree, identifier: str) -> tuple[int, int]:
    path = tree.path(identifier)
    return sum(branch in path for branch in _SPECIAL_BRANCHES), len(path)


def _read_terms(language: str, glue: Mapping[str, str]) -> Iterator[tuple[str, list[str], float]]:
    for row in _rows(_data() / "synonyms" / f"{language}.csv"):
        for term in row["terms"].split("|"):
            weight = _SECOND_READING if term.startswith("~") else 1.0
            words = content_words(tokenise(term.removeprefix("~")), glue)
            if words:
                yield row["category"], words, weight


def _read_words(language: str) -> Iterator[tuple[str, str]]:
    for row in _rows(_data() / "words.csv"):
        if row["language"] == language:
            for word in row["words"].split("|"):
                yield row["kind"], " ".join(tokenise(word))


def _rows(path: Path) -> Iterator[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as stream:
        yield from csv.DictReader(stream)


def _data() -> Path:
    return Path(str(files("hangtag.taxonomy") / "data"))
