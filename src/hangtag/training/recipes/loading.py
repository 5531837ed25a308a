"""Reads recipes from the package or from a file; changes single fields; writes YAML."""

import difflib
import os.path
import reprlib
from collections.abc import Iterable, Sequence
from importlib import resources
from pathlib import Path
from typing import Any

import yaml
from pydantic import ValidationError

from hangtag.errors import RecipeError
from hangtag.training.recipes.schema import Recipe


def list_recipes() -> list[Recipe]:
    """Returns the shipped recipes, by name."""
    return [load_recipe(name) for name in _shipped_names()]


def load_recipe(source: str | Path, *, changes: Sequence[str] = ()) -> Recipe:
    """Loads a shipped recipe by its name, or a user's own YAML file by its path.

    Args:
        source: A name such as ``express``, or the path of a ``.yaml`` file.
        changes: Fields to change, as ``field=value`` with dots into parts
            (``optimiser.learning_rate=0.01``); the value is read as YAML.

    Raises:
        RecipeError: No such recipe, an unknown field or an impossible value.
    """
    path = Path(source)
    if path.suffix in {".yaml", ".yml"} or os.path.isfile(path):  # False for impossible paths too.
        return recipe_from_yaml(_read(path), where=str(path), changes=changes)
    names = _shipped_names()
    if str(source) not in names:
        raise RecipeError(
            f"no recipe is called '{source}'; {_suggest(str(source), names)}"
            f"shipped recipes: {', '.join(names)}; or give the path of a .yaml file"
        )
    text = (resources.files(__package__) / f"{source}.yaml").read_text(encoding="utf-8")
    return recipe_from_yaml(text, where=f"recipe {source}", changes=changes)


def recipe_from_yaml(text: str, *, where: str, changes: Sequence[str] = ()) -> Recipe:
    """Validates a recipe written as YAML; `where` names its source in errors.

    Raises:
        RecipeError: Not YAML, an unknown field or an impossible value.
    """
    fields = _parse(text, where=where)
    if not isinstance(fields, dict):
        raise RecipeError(f"{where}: expected fields such as 'epochs: 10', received {text[:40]!r}")
    for change in changes:
        _change(fields, change)
    try:
        return Recipe.model_validate(fields)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_first_problem(error)}") from error


def to_yaml(recipe: Recipe) -> str:
    """Writes a recipe as YAML with every field resolved."""
    return yaml.safe_dump(
        recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100
    )


def _shipped_names() -> list[str]:
    files = resources.files(__package__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, ValueError) as error:
        raise RecipeError(f"cannot read the recipe {path}: {error}") from error


def _parse(text: str, *, where: str) -> Any:
    try:
        return yaml.safe_load(text)
    except RecursionError as error:
        raise RecipeError(f"{where}: not valid YAML: it is nested too deeply") from error
    # A value that is not of its type, such as a 13th month, is an error of PyYAML's converters.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        raise RecipeError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error


def _change(fields: dict[str, Any], change: str) -> None:
    """Sets one field in place; a part of the recipe that is left out begins with its defaults."""
    name, equals, text = change.partition("=")
    if not equals or not name:
        raise RecipeError(f"--set {change}: expected field=value, such as epochs=5")
    *parents, last = name.split(".")
    part: Any = fields
    if parents and parents[0] in Recipe.model_fields and fields.get(parents[0]) is None:
        fields[parents[0]] = {}
    for parent in parents:
        part = _step_into(part, parent, name)
    value = _parse(text, where=f"--set {name}")
    if isinstance(part, list):
        part[_position(part, last, name)] = value
    elif isinstance(part, dict):
        part[last] = value
    else:
        raise RecipeError(f"--set {name}: '{'.'.join(parents)}' has no fields")


def _step_into(part: Any, key: str, name: str) -> Any:
    if isinstance(part, list):
        return part[_position(part, key, name)]
    if not isinstance(part, dict) or key not in part:
        raise RecipeError(f"--set {name}: there is no field '{key}'")
    return part[key]


def _position(part: list[Any], key: str, name: str) -> int:
    positions = [str(position) for position in range(len(part))]
    if key not in positions:
        raise RecipeError(f"--set {name}: expected a position below {len(part)}, received '{key}'")
    return positions.index(key)


def _first_problem(error: ValidationError) -> str:
    """Names the field and the problem of the first validation error, in one line."""
    problem = error.errors()[0]
    field = _place(problem["loc"])
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        meant = "" if "." in field else _suggest(field, Recipe.model_fields)
        return f"unknown field '{field}'; {meant}remove it or check its spelling"
    if problem["type"] == "union_tag_invalid":
        known, kind = problem["ctx"]["expected_tags"], problem["ctx"]["tag"]
        return f"field '{field}': there is no kind '{kind}'; expected one of {known}"
    if problem["type"] == "string_pattern_mismatch":
        message = "expected lower-case letters, digits, - and _"
    if problem["type"] == "missing":
        return f"the field '{field}' is missing"
    if not field:
        return message
    return f"field '{field}': {message}, received {reprlib.repr(problem['input'])}"


def _suggest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'? " if close else ""


def _place(parts: Sequence[int | str]) -> str:
    """Names a field as --set does: pydantic's ``optimiser.adam.learning_rate`` without the kind."""
    kept = [
        str(part)
        for before, part in zip(("", *parts), parts, strict=False)
        if before not in {"network", "optimiser", "schedule"} and not isinstance(before, int)
    ]
    return ".".join(kept)
