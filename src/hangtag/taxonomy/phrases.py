"""Finds the known terms in a phrase: the noun, and the words that qualify it.

Words are taken from the side of the noun (the last in English, the first in French), the longest
term first. A word that is in no table may be two words written together, or mistyped.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache, lru_cache

from hangtag.taxonomy.lexicon import (
    LANGUAGES,
    LONGEST_TERM,
    Lexicon,
    Senses,
    shipped_lexicon,
)
from hangtag.taxonomy.stemming import stem

OWN, LOAN, JOINED, TYPO, UNKNOWN = "own", "loan", "joined", "typo", "unknown"
"""How a word was recognised: in the language's own table, as an English word, as a part of a word,
after a correction, or not at all."""

_SHORTEST_PART = 4
_SHORTEST_TYPO = 5
_TWO_TYPOS = 9
_WEAK = frozenset(
    {"neutral", "kids", "boys", "girls", "sport", "women", "men", "maternity", "notworn"}
)


@dataclass(frozen=True, slots=True)
class Term:
    """One or more words that were recognised together, or one that was not.

    Attributes:
        start: Position of the first word.
        how: One of `OWN`, `LOAN`, `JOINED`, `TYPO` and `UNKNOWN`.
        key: Joined stems.
        senses: What the words mean as a noun; None where they are none.
        kind: What they say about a noun beside them, such as ``kids``; None where nothing.
    """

    start: int
    how: str
    key: str = ""
    senses: Senses | None = None
    kind: str | None = None

    @property
    def is_strong(self) -> bool:
        """Whether it is a noun for sure, not a word that may only qualify one."""
        return self.senses is not None and self.kind is None


@dataclass(frozen=True, slots=True)
class _Words:
    """Folded words with their stems, each in two languages."""

    plain: list[str]
    own: list[str]
    english: list[str]


def find_terms(words: Sequence[str], lexicon: Lexicon) -> list[Term]:
    """Returns what is found in folded words, nearest to the noun first."""
    corrected = [_correct(word, lexicon) for word in words]
    plain = [word for word, _ in corrected]
    spelled = _Words(
        plain,
        [stem(word, lexicon.language) for word in plain],
        [stem(word, "en") for word in plain],
    )
    left, right = 0, len(words)
    found: list[Term] = []
    while left < right:
        step, length = _find_longest(spelled, left, right, lexicon)
        if any(wrong for _, wrong in corrected[step[0].start : step[0].start + length]):
            step = [term if term.how == UNKNOWN else replace(term, how=TYPO) for term in step]
        found += step
        if lexicon.head_last:
            right -= length
        else:
            left += length
    return found


def look_up(words: Sequence[str], lexicon: Lexicon) -> tuple[str, Senses] | None:
    """Returns how the words are a term as a whole, and its senses; None where they are none."""
    own = lexicon.look_up(words)
    if own is not None:
        return OWN, own
    english = shipped_lexicon("en")
    loan = None if lexicon is english else english.look_up(words)
    return None if loan is None else (LOAN, loan)


def _find_longest(words: _Words, left: int, right: int, lexicon: Lexicon) -> tuple[list[Term], int]:
    """Returns the longest find on the side of the noun, and how many words it takes."""
    for length in range(min(LONGEST_TERM, right - left), 0, -1):
        start = right - length if lexicon.head_last else left
        found = _match(words, start, start + length, lexicon)
        if found is not None:
            return [found], length
    position = right - 1 if lexicon.head_last else left
    word = words.plain[position]
    parts = _split(word, lexicon)
    if parts:
        return [Term(position, *part) for part in parts], 1
    return [Term(position, UNKNOWN, word)], 1


def _match(words: _Words, start: int, end: int, lexicon: Lexicon) -> Term | None:
    """Returns what the words from `start` to `end` are as a whole; None where they are nothing."""
    form, key = "".join(words.plain[start:end]), "".join(words.own[start:end])
    how, senses = OWN, lexicon.forms.get(form)
    is_only_noun = senses is not None and form not in lexicon.qualifiers
    kind = None if is_only_noun else lexicon.kinds.get(key)
    if senses is None and not (end - start > 1 and lexicon.is_for_children(words.plain[start])):
        senses = lexicon.terms.get(key)
    english = shipped_lexicon("en")
    if senses is None and lexicon is not english:
        loan = "".join(words.english[start:end])
        how, senses = LOAN, english.forms.get(form) or english.terms.get(loan)
        if kind is None and end - start == 1:
            kind = english.kinds.get(loan)
    if senses is None and kind is None and form.isdigit():
        kind = "neutral"
    if senses is not None:
        return Term(start, how, key, senses, kind if kind in _WEAK else None)
    return None if kind is None else Term(start, OWN, key, None, kind)


def _kind(word: str, lexicon: Lexicon) -> str | None:
    """Returns what a word says about a noun beside it, also an English one."""
    english = shipped_lexicon("en")
    return lexicon.kinds.get(lexicon.key((word,))) or english.kinds.get(english.key((word,)))


@lru_cache(maxsize=50_000)
def _split(word: str, lexicon: Lexicon) -> tuple[tuple[str, str, Senses | None, str | None], ...]:
    """Splits a word into known ones, the noun first; empty where it cannot be done.

    In languages that join words any prefix will do before a noun of four letters or more.
    """
    for cut in range(2, len(word) - 2):
        prefix, noun = word[:cut], word[cut:]
        term = look_up((noun,), lexicon) if len(noun) > 2 else None
        if term is None or not (lexicon.joins_words or term[0] == OWN):
            continue
        key = lexicon.key((noun,))
        rest = _known_prefix(prefix, lexicon)
        if rest is not None:
            return ((JOINED, key, term[1], None), *rest)
        if lexicon.joins_words and term[0] == OWN and len(noun) >= _SHORTEST_PART and cut > 2:
            return ((JOINED, key, term[1], None), (UNKNOWN, prefix, None, None))
    return ()


def _known_prefix(
    word: str, lexicon: Lexicon
) -> tuple[tuple[str, str, Senses | None, str | None], ...] | None:
    """Returns what the prefix of a joined word says; None where it is not known."""
    for shorter in (word, *(word[:-1] for _ in (0,) if word[-1] in "sn")):
        if len(shorter) < 3:
            continue
        kind = _kind(shorter, lexicon)
        if kind is not None:
            return ((JOINED, lexicon.key((shorter,)), None, kind),)
        term = lexicon.look_up((shorter,))
        if term is not None:
            return ((JOINED, lexicon.key((shorter,)), term, None),)
    if len(word) > 6 and lexicon.joins_words:
        parts = _split(word, lexicon)
        return parts if parts and all(part[0] != UNKNOWN for part in parts) else None
    return None


@lru_cache(maxsize=100_000)
def _correct(word: str, lexicon: Lexicon) -> tuple[str, bool]:
    """Returns a word as it is spelled, and whether it was mistyped."""
    if len(word) < _SHORTEST_TYPO or not word.isalpha() or _is_known_anywhere(word):
        return word, False
    if _split(word, lexicon):
        return word, False
    from rapidfuzz import process
    from rapidfuzz.distance import OSA

    wrong = stem(word, lexicon.language)
    limit = 2 if len(word) >= _TWO_TYPOS else 1
    best = process.extractOne(wrong, _stems(lexicon), scorer=OSA.distance, score_cutoff=limit)
    if best is None or best[0][0] != wrong[0]:
        return word, False
    return lexicon.spellings[best[0]], True


@cache
def _stems(lexicon: Lexicon) -> tuple[str, ...]:
    return tuple(key for key in lexicon.spellings if len(key) > 3 and key.isalnum())


@cache
def _all_lexicons() -> tuple[Lexicon, ...]:
    return tuple(shipped_lexicon(language) for language in LANGUAGES)


@lru_cache(maxsize=100_000)
def _is_known_anywhere(word: str) -> bool:
    return any(lexicon.knows(word) for lexicon in _all_lexicons())
