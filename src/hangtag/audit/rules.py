"""Rules: what a label of a supplier becomes. A sorted CSV that people read, edit and version.

    approved,supplier,label,action,categories,ids
    yes,Nordwind,Strick,split,Sweaters; Coats & Jackets,aa-1-13-12; aa-1-10-2

Only rules with ``yes`` in the column ``approved`` count. An audit that finds the file keeps them.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path

from hangtag.audit.categories import OUTSIDE_ID, Categories
from hangtag.errors import DataError
from hangtag.tables.columns import ColumnKind
from hangtag.tables.csv_cells import restore_text
from hangtag.tables.csv_rows import CsvRow
from hangtag.tables.csv_text import inspect_csv, open_csv_rows
from hangtag.tables.writing import write_table
from hangtag.taxonomy.spelling import fold_label

RULES = "rules.csv"
RULE_COLUMNS: dict[str, ColumnKind] = dict.fromkeys(
    ("approved", "supplier", "label", "action", "categories", "ids"), "text"
)
SEPARATOR = "; "
"""Between several names or ids in one cell."""

_YES = frozenset({"yes", "y", "true", "1", "x"})
_NO = frozenset({"", "no", "n", "false", "0"})


class Action(StrEnum):
    """What to do with the items of a label."""

    MAP = "map"
    """Give all of them one category."""
    SPLIT = "split"
    """Give each the category that its image shows, of several."""
    ASK = "ask"
    """Let a person decide what the label means."""
    OUTSIDE = "outside"
    """File all of them as no apparel."""


@dataclass(frozen=True, slots=True)
class Rule:
    """What a label of a supplier becomes.

    Attributes:
        supplier: Who wrote the label.
        label: The label.
        action: What to do with its items; ``ask`` cannot be approved.
        categories: Names of the categories, the largest first.
        ids: Their ids.
        approved: Whether a person approved the rule.
    """

    supplier: str
    label: str
    action: Action
    categories: tuple[str, ...]
    ids: tuple[str, ...]
    approved: bool = False

    @property
    def key(self) -> tuple[str, str]:
        """Supplier and folded label; one rule a key."""
        return self.supplier, fold_label(self.label)

    @property
    def meaning(self) -> str:
        """The category ids as one text, equal for rules with the same categories."""
        return SEPARATOR.join(sorted(self.ids))


def keep_approved(rules: Sequence[Rule], previous: Sequence[Rule]) -> list[Rule]:
    """Returns `rules`, each replaced by the approved rule of `previous` with the same key."""
    approved = {rule.key: rule for rule in previous if rule.approved}
    kept = [approved.pop(rule.key, replace(rule, approved=False)) for rule in rules]
    return kept + list(approved.values())


def write_rules(path: Path, rules: Iterable[Rule]) -> None:
    """Writes rules, sorted by supplier and label; raises OutputError when that fails."""
    rows = (
        (
            "yes" if rule.approved else "",
            rule.supplier,
            rule.label,
            str(rule.action),
            SEPARATOR.join(rule.categories),
            SEPARATOR.join(rule.ids),
        )
        for rule in sorted(rules, key=lambda rule: rule.key)
    )
    write_table(path, RULE_COLUMNS, rows)


def read_approved_rules(files: Iterable[Path], categories: Categories) -> list[Rule]:
    """Reads the approved rules of several files; a later file wins.

    Raises:
        DataError: A file is damaged, or names a category that does not exist.
    """
    rules: list[Rule] = []
    for path in files:
        rules = keep_approved([], [*rules, *read_rules(path, categories.accepted_names())])
    return rules


def read_rules(path: Path, names: Mapping[str, Sequence[str]]) -> list[Rule]:
    """Reads a file of rules, as `write_rules` or a spreadsheet wrote it.

    Text that is not UTF-8 is read as Windows-1252, which Excel writes.

    Args:
        path: The file.
        names: Id -> the names that an approved rule may use for that category. Where none of the
            ids of the file is among them, the model's classes have no category and each id must
            equal its name.

    Raises:
        DataError: The file cannot be read, lacks a column, holds two rules for one label, or
            approves a category that does not exist.
    """
    numbered = [(line, _parse_rule(path, line, row)) for line, row in _read_rows(path)]
    first_lines: dict[tuple[str, str], int] = {}
    for line, rule in numbered:
        if first_lines.setdefault(rule.key, line) != line:
            raise DataError(
                f"{path}, line {line}: '{rule.label}' of {rule.supplier} already has a rule in "
                f"line {first_lines[rule.key]}; keep one"
            )
    _check_categories(path, [(line, rule) for line, rule in numbered if rule.approved], names)
    return [rule for _, rule in numbered]


def _read_rows(path: Path) -> list[tuple[int, dict[str, str]]]:
    """Returns the rows by column, each with its line number."""
    form = inspect_csv(path, "approved")
    with open_csv_rows(path, form) as rows:
        listed = [_read_row(path, form.header, row) for row in rows]
    missing = [name for name in RULE_COLUMNS if name not in form.header]
    if missing:
        raise DataError(
            f"{path}: the column '{missing[0]}' is missing; expected the columns "
            f"{', '.join(RULE_COLUMNS)}, as hangtag audit writes them"
        )
    return listed


def _read_row(path: Path, header: Sequence[str], row: CsvRow) -> tuple[int, dict[str, str]]:
    if row.problem:
        raise DataError(f"{path} cannot be read as a CSV file of rules: {row.place}: {row.problem}")
    return row.line, dict(zip(header, row.cells, strict=False))


def _check_categories(
    path: Path, rules: Sequence[tuple[int, Rule]], names: Mapping[str, Sequence[str]]
) -> None:
    """Raises DataError at the first category that does not exist or has another name."""
    ids = [identifier for _, rule in rules for identifier in rule.ids]
    none_known = not any(identifier in names for identifier in ids if identifier != OUTSIDE_ID)
    for line, rule in rules:
        for identifier, name in zip(rule.ids, rule.categories, strict=True):
            own = (identifier,) if none_known and identifier == name else ()
            accepted = names.get(identifier, own)
            if not accepted:
                raise DataError(
                    f"{path}, line {line}: there is no category '{identifier}' ({name}); search "
                    "ids with hangtag taxonomy search, or pass your own tree with --taxonomy"
                )
            if name.casefold() not in map(str.casefold, accepted):
                raise DataError(
                    f"{path}, line {line}: '{identifier}' is {accepted[0]}, not '{name}'; use the "
                    "name and the id of the same category"
                )


def _parse_rule(path: Path, line: int, row: Mapping[str, str]) -> Rule:
    cells = {name: restore_text(row.get(name, "").strip()) for name in RULE_COLUMNS}
    where = f"{path}, line {line}"
    approved = cells["approved"].casefold()
    if approved not in _YES | _NO:
        raise DataError(f"{where}: approved must be yes or empty, received '{cells['approved']}'")
    if cells["action"] not in list(Action):
        raise DataError(
            f"{where}: the action must be one of {', '.join(Action)}, received '{cells['action']}'"
        )
    names, ids = _split_cell(cells["categories"]), _split_cell(cells["ids"])
    action = Action(cells["action"])
    fits = {Action.MAP: len(names) == 1, Action.SPLIT: len(names) > 1}.get(action, True)
    if len(names) != len(ids) or not fits:
        raise DataError(
            f"{where}: {action} with {len(names)} categories and {len(ids)} ids; map takes one of "
            "each, split two or more, separated by '; '"
        )
    if approved in _YES and action is Action.ASK:
        raise DataError(f"{where}: 'ask' cannot be approved; make it map, split or outside")
    return Rule(cells["supplier"], cells["label"], action, names, ids, approved in _YES)


def _split_cell(cell: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in cell.split(";") if part.strip())
