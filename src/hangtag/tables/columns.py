"""Columns of tables that users write: found by name, in whatever case it is spelled."""

from collections.abc import Sequence

from hangtag.errors import DataError


def find_column(path: str, columns: Sequence[str], name: str) -> str | None:
    """Returns the column called `name`: spelled just so, else in another case; None without one.

    Raises:
        DataError: Several are called so, none spelled just so.
    """
    if name in columns:
        return name
    found = [one for one in columns if one.strip().casefold() == name]
    if len(found) > 1:
        raise DataError(
            f"{path}: the columns '{found[0]}' and '{found[1]}' may both be '{name}'; rename one"
        )
    return found[0] if found else None
