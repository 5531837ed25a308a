"""Approved rules: a sorted CSV that people read, change and keep in version control.

    approved,supplier,label,action,categories,ids
    yes,Nordwind,Strick,split,Sweaters; Coats & Jackets,aa-1-13-12; aa-1-10-2

A rule counts where ``approved`` says yes. An audit that finds the file keeps what people approved.
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from hangtag.audit.categories import OUTSIDE_ID
from hangtag.audit.feed import fold_label
from hangtag.audit.proposals import Action
from hangtag.errors import DataError
from hangtag.tables.columns import ColumnKind
from hangtag.tables.csv_cells import restore_text
from hangtag.tables.csv_text import inspect_csv, open_csv_rows
from hangtag.tables.writing import write_table

COLUMNS: dict[str, ColumnKind] = dict.fromkeys(
    ("approved", "supplier", "label", "action", "categories", "ids"), "text"
)
BETWEEN = "; "
_YES = frozenset({"yes", "y", "true", "1", "x"})
_NO = frozenset({"", "no", "n", "false", "0"})


@dataclass(frozen=True, slots=True)
class Rule:
    """What a word of a brand is to become.

    Attributes:
        supplier: The brand.
        label: The word.
        action: ``map``, ``split`` or ``outside``; ``ask`` is for a person to change.
        categories: Names of the categories, the largest first.
        ids: Their ids.
        approved: Whether a person said yes.
    """

    supplier: str
    label: str
    action: Action
    categories: tuple[str, ...]
    ids: tuple[str, ...]
    approved: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """What the rule is for."""
        return self.supplier, fold_label(self.label)

    @property
    def meaning(self) -> str:
        """The categories in one text, equal for rules that mean the same."""
        return BETWEEN.join(sorted(self.ids))


def keep_approved(rules: Sequence[Rule], before: Sequence[Rule]) -> list[Rule]:
    """Returns `rules` with what people approved before in place of what is proposed now."""
    approved = {rule.key: rule for rule in before if rule.approved}
    kept = [approved.pop(rule.key, replace(rule, approved=False)) for rule in rules]
    return kept + list(approved.values())


def write_rules(path: Path, rules: Iterable[Rule]) -> None:
    """Writes rules, sorted by supplier and label; raises OutputError when that fails."""
    write_table(
        path,
        COLUMNS,
        (
            (
                "yes" if rule.approved else "",
                rule.supplier,
                rule.label,
                str(rule.action),
                BETWEEN.join(rule.categories),
                BETWEEN.join(rule.ids),
            )
            for rule in sorted(rules, key=lambda rule: rule.key)
        ),
    )


def read_rules(path: Path, names: Mapping[str, Sequence[str]]) -> list[Rule]:
    """Reads a file of rules, as `write_rules` or a spreadsheet wrote it.

    Text that is not Unicode is read as Windows-1252, which Excel writes.

    Args:
        path: The file.
        names: Id -> the names that an approved rule may give a category. A file none of whose ids
            is there is that of a model whose classes no tree has: their ids are their names.

    Raises:
        DataError: The file cannot be read, lacks a column, or a row is no rule, comes twice or
            approves a category that there is not.
    """
    try:
        form = inspect_csv(path, "approved")
        with open_csv_rows(path, form) as rows:
            header: list[str] = next(rows, [])
            listed = [(rows.line_num, dict(zip(header, row, strict=False))) for row in rows if row]
    except (UnicodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a CSV file of rules: {error}") from error
    missing = [name for name in COLUMNS if name not in header]
    if missing:
        raise DataError(
            f"{path}: the column '{missing[0]}' is missing; a file of rules has the columns "
            f"{', '.join(COLUMNS)}, as hangtag audit writes it"
        )
    found = [(line, _read_rule(path, line, row)) for line, row in listed]
    lines: dict[tuple[str, str], int] = {}
    for line, rule in found:
        if lines.setdefault(rule.key, line) != line:
            raise DataError(
                f"{path}, line {line}: '{rule.label}' of {rule.supplier} has a rule in line "
                f"{lines[rule.key]} already; keep one"
            )
    _check_categories(path, [(line, rule) for line, rule in found if rule.approved], names)
    return [rule for _, rule in found]


def _check_categories(
    path: Path, rules: Sequence[tuple[int, Rule]], names: Mapping[str, Sequence[str]]
) -> None:
    """Raises DataError at the first category that there is not, or that goes by another name."""
    nowhere = not any(one in names and one != OUTSIDE_ID for _, rule in rules for one in rule.ids)
    for line, rule in rules:
        for identifier, name in zip(rule.ids, rule.categories, strict=True):
            own = (identifier,) if nowhere and identifier == name else ()
            accepted = names.get(identifier, own)
            if not accepted:
                raise DataError(
                    f"{path}, line {line}: there is no category '{identifier}' ({name}); hangtag "
                    "taxonomy search finds ids by words, a tree of your own goes with --taxonomy"
                )
            if name.casefold() not in map(str.casefold, accepted):
                raise DataError(
                    f"{path}, line {line}: '{identifier}' is {accepted[0]}, not '{name}'; write "
                    "the name and the id of the same category"
                )


def _read_rule(path: Path, line: int, row: Mapping[str, str]) -> Rule:
    cells = {name: restore_text(row.get(name, "").strip()) for name in COLUMNS}
    where = f"{path}, line {line}"
    approved = cells["approved"].casefold()
    if approved not in _YES | _NO:
        raise DataError(f"{where}: approved is yes or empty, received '{cells['approved']}'")
    if cells["action"] not in list(Action):
        raise DataError(
            f"{where}: the action is one of {', '.join(Action)}, received '{cells['action']}'"
        )
    names, ids = _split(cells["categories"]), _split(cells["ids"])
    action = Action(cells["action"])
    wanted = {Action.MAP: len(names) == 1, Action.SPLIT: len(names) > 1}.get(action, True)
    if len(names) != len(ids) or not wanted:
        raise DataError(
            f"{where}: {action} with {len(names)} categories and {len(ids)} ids; map takes one of "
            "each, split two or more, with '; ' between them"
        )
    if approved in _YES and action is Action.ASK:
        raise DataError(f"{where}: 'ask' cannot be approved; make it map, split or outside")
    return Rule(cells["supplier"], cells["label"], action, names, ids, approved in _YES)


def _split(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())
