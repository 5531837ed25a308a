"""Names of suppliers: spellings that differ only in case or spaces are one supplier."""

from collections import Counter
from collections.abc import Sequence

from hangtag.datasets.dataset import fold_name


def unify_suppliers(names: Sequence[str]) -> tuple[list[str], str]:
    """Gives every supplier one spelling, that of most of its items.

    Otherwise ``Zara`` could be held out while ``ZARA`` is trained on.

    Args:
        names: The supplier of each item, (N,).

    Returns:
        The names (N,) to use, and a sentence that says what was unified; empty where nothing was.
    """
    spellings: dict[str, Counter[str]] = {}
    for name in names:
        spellings.setdefault(fold_name(name), Counter())[name] += 1
    several = [counts for counts in spellings.values() if len(counts) > 1]
    if not several:
        return list(names), ""
    chosen = {folded: counts.most_common(1)[0][0] for folded, counts in spellings.items()}
    example = " and ".join(map(repr, sorted(several[0])))
    note = (
        f"Suppliers spelled in several ways: {len(several):,}, such as {example}; each counts as "
        "one."
    )
    return [chosen[fold_name(name)] for name in names], note
