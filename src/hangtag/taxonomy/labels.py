"""From a label as a brand wrote it to plain words: case, accents and separators made alike.

>>> tokenise("Men's Boots / Knee-High")
('mens', 'boots', '/', 'knee', 'high')
"""

import re
import unicodedata
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


@lru_cache(maxsize=100_000)
def tokenise(label: str) -> tuple[str, ...]:
    """Returns the words of a label and, between them, one of `SEPARATORS`.

    Words are lower case without accents and hold letters and digits only. A hyphen between two
    letters separates words, a dash between spaces separates parts.
    """
    text = _FRACTION.sub(" ", _POSSESSIVE.sub("s", fold(label[:_MAX_CHARACTERS])))
    tokens: list[str] = []
    for found in _TOKEN.findall(_PATH.sub(" > ", text)):
        token = found if found[0].isalnum() else _KINDS.get(found, LIST)
        if token not in SEPARATORS or (tokens and tokens[-1] not in SEPARATORS):
            tokens.append(token)
    while tokens and tokens[-1] in SEPARATORS:
        tokens.pop()
    return tuple(tokens[:MAX_TOKENS])


def fold(text: str) -> str:
    """Returns text in lower case without accents; `é` becomes `e`, `ß` becomes `ss`."""
    plain = unicodedata.normalize("NFKD", text).casefold().translate(_LETTERS)
    return "".join(
        letter
        for letter in unicodedata.normalize("NFKD", plain)
        if not unicodedata.combining(letter)
    )
