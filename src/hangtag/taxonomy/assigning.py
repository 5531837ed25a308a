"""Labels that are written as the categories of a tree: by id, by name, by the names from the top.

Unlike `matching`, nothing is guessed: what is no category is an error.
"""

from collections.abc import Iterable

from rapidfuzz import process

from hangtag.errors import DataError
from hangtag.taxonomy.own_trees import normalise_name
from hangtag.taxonomy.searching import search_categories
from hangtag.taxonomy.tree import Tree

_NEAREST = 3


def assign_categories(labels: Iterable[str], tree: Tree) -> dict[str, str]:
    """Returns label -> id of the category that it is.

    An id counts as it is written. Names count, with or without those above them, in any case and
    number, whatever separates their words: `t-shirt` is `T-Shirts`.

    Raises:
        DataError: A label is no category, or its name is that of several.
    """
    named: dict[str, list[str]] = {}
    for one in tree:
        for name in {normalise_name(one.name), normalise_name(tree.full_name(one.id))}:
            named.setdefault(name, []).append(one.id)
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


def _choose(label: str, named: dict[str, list[str]], tree: Tree) -> list[str]:
    """Returns the categories of that name; those spelled just so before those like it."""
    key = normalise_name(label)
    found = named.get(key, []) if key else []
    exact = [one for one in found if label.strip() in (tree[one].name, tree.full_name(one))]
    return exact or found


def _explain_several(label: str, found: list[str], tree: Tree) -> DataError:
    listed = ", ".join(f"{tree.full_name(one)} ({one})" for one in found)
    return DataError(
        f"the label '{label}' is the name of several categories of {tree.source}: {listed}; write "
        "the id, or the names from the top"
    )


def _explain_unknown(labels: list[str], tree: Tree) -> DataError:
    others = f" (and {len(labels) - 1} other labels)" if len(labels) > 1 else ""
    nearest = ", ".join(f"{tree.full_name(one)} ({one})" for one in _find_nearest(labels[0], tree))
    return DataError(
        f"the label '{labels[0]}'{others} is neither an id nor a name of a category of "
        f"{tree.source}; the nearest: {nearest}; mend the label, or add a row to the tree"
    )


def _find_nearest(label: str, tree: Tree) -> list[str]:
    """Returns ids: what the label may mean, else what is spelled most like it."""
    if found := search_categories(label, tree, count=_NEAREST):
        return [one.id for one in found]
    names = {one.id: one.name for one in tree}
    return [identifier for _, _, identifier in process.extract(label, names, limit=_NEAREST)]
