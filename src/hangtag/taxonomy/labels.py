"""Normalises labels: case, accents and separators.

>>> tokenise("Men's Boots / Knee-High")
('mens', 'boots', '/', 'knee', 'high')
"""

import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache

LIST, SLASH, PATH = ",", "/", ">"
"""What separates the parts of a label: a list, a slash or bar, a way down a tree."""

SEPARATORS = frozenset({LIST, SLASH, PATH})
MAX_TOKENS = 48
"""Of a longer label only the first are read: no category is named by so many words."""

_MAX_CHARACTERS = 2_000
_LETTERS = str.maketrans(
    {"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th"}
)
_POSSESSIVE = re.compile(r"(?<=\w)['`\u2019\u02bc\u00b4]s\b")
_FRACTION = re.compile(r"(?<=\d)/(?=\d)")
_PATH = re.compile(r"[>\\:\u00bb\u203a\u2192]|\s[-\u2013\u2014]+\s")
_TOKEN = re.compile(r"[^\W_]+|[/|,;&+•·>\n]")
_KINDS = {"/": SLASH, "|": SLASH, ">": PATH}
_SEASON = r"(?:ss|fw|aw|hw|fs|ah|pe|ai|pv|oi)"
_YEAR = r"(?:20)?[0-9][0-9]"
_SEASONS = re.compile(
    rf"(?<!\S)(?:{_SEASON} ?{_YEAR}|{_YEAR} ?{_SEASON}|ss|fw|aw|hw"
    rf"|(?:s / s|a / w|f / w|h / w|f / s|p / e|a / i|p / v|o / i|a / h)(?: ?{_YEAR})?)(?!\S)"
)
"""Codes of seasons, such as SS24, FW 2023 and A/W, in the languages that read them so."""

_COMPANY = frozenset(
    {
        "gmbh",
        "ltd",
        "limited",
        "inc",
        "llc",
        "ag",
        "kg",
        "sa",
        "sas",
        "srl",
        "spa",
        "bv",
        "ab",
        "co",
    }
)


@lru_cache(maxsize=100_000)
def tokenise(label: str) -> tuple[str, ...]:
    """Returns the words of a label and, between them, one of `SEPARATORS`.

    Words are lower case without accents and hold letters and digits only. A hyphen between two
    letters separates words, a dash between spaces separates parts. Codes of seasons are left out.
    """
    text = _FRACTION.sub(" ", _POSSESSIVE.sub("s", fold(label[:_MAX_CHARACTERS])))
    found = _TOKEN.findall(_PATH.sub(" > ", text))
    tokens = _tidy(token if token[0].isalnum() else _KINDS.get(token, LIST) for token in found)
    while (plain := _SEASONS.sub(" ", joined := " ".join(tokens))) != joined:
        tokens = _tidy(plain.split())
    return tuple(_tidy(tokens[:MAX_TOKENS]))


def remove_name(label: str, name: str) -> str:
    """Returns a label without the name of who wrote it: `Nordwind Hemden` of Nordwind GmbH.

    The label as it is where it does not hold the name, or nothing else.
    """
    words = tokenise(label)
    sought = [token for token in tokenise(name) if token not in SEPARATORS]
    while len(sought) > 1 and sought[-1] in _COMPANY:
        sought.pop()
    for start in range(len(words) - len(sought) + 1 if sought else 0):
        if list(words[start : start + len(sought)]) == sought:
            rest = _tidy((*words[:start], *words[start + len(sought) :]))
            return " ".join(rest) or label
    return label


def fold(text: str) -> str:
    """Returns text in lower case without accents; `é` becomes `e`, `ß` becomes `ss`.

    Letters of other widths become the usual ones; characters without a width vanish.
    """
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    return "".join(
        letter
        for letter in unicodedata.normalize("NFKD", plain)
        if not unicodedata.combining(letter) and unicodedata.category(letter) != "Cf"
    )


def _tidy(tokens: Iterable[str]) -> list[str]:
    """Returns tokens with one separator at most between words, and none at the ends."""
    tidy: list[str] = []
    for token in tokens:
        if token not in SEPARATORS or (tidy and tidy[-1] not in SEPARATORS):
            tidy.append(token)
    while tidy and tidy[-1] in SEPARATORS:
        tidy.pop()
    return tidy
