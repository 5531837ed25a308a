"""When two spellings are of one name: labels as people write them differ in case and blanks."""

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping

_AROUND_SIGNS = re.compile(r"\s*([/&,+-])\s*")


def fold_label(label: str) -> str:
    """Returns a label in the form in which labels are compared.

    Case, white space, widths of letters and characters without a width do not count.
    """
    plain = unicodedata.normalize("NFKC", label).casefold()
    visible = "".join(letter for letter in plain if unicodedata.category(letter) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", visible).split())


def fold_class(name: str) -> str:
    """Returns a class name as `fold_label`, also without blanks around signs.

    So Hugging Face's ``T - shirt / top`` is ``T-shirt/top``.
    """
    return _AROUND_SIGNS.sub(r"\1", fold_label(name))


def choose_spellings(names: Iterable[str]) -> Mapping[str, str]:
    """Returns each spelling of a name -> the one that is used for all of them.

    That is the spelling of most items, then one of mixed case.

    Args:
        names: The name of each item.
    """
    spellings: dict[str, Counter[str]] = {}
    for name in names:
        spellings.setdefault(fold_label(name), Counter())[name] += 1
    chosen: dict[str, str] = {}
    for counts in spellings.values():
        best = min(
            counts, key=lambda name: (-counts[name], name in (name.upper(), name.lower()), name)
        )
        chosen.update(dict.fromkeys(counts, best))
    return chosen
