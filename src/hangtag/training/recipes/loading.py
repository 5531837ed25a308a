"""Loads recipes from the package or a file, changes single fields, writes YAML."""

import copy
import difflib
import os.path
import reprlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, get_args

import yaml
from pydantic import BaseModel, ValidationError

from hangtag.errors import RecipeError
from hangtag.files.paths import is_file
from hangtag.training.recipes.schema import Recipe, list_network_settings, read_network

MAX_BYTES = 1_000_000
"""Largest file that is read as a recipe."""

MAX_DEPTH = 16
"""Levels of lists and mappings in a recipe."""

_LONGEST_NAME = 60


def list_recipes() -> list[Recipe]:
    """Returns the shipped recipes, by name."""
    return [load_recipe(name) for name in _shipped_names()]


def load_recipe(source: str | Path, *, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Loads a shipped recipe by its name, or a user's own YAML file by its path.

    Args:
        source: A name such as ``express``, or the path of a ``.yaml`` file.
        settings: Fields to change, by name, with dots into parts (``optimiser.learning_rate``).
            A mapping changes the fields of a part that it names; with another ``kind`` it replaces
            the part.

    Raises:
        RecipeError: No such recipe, an unknown field or an impossible value.
    """
    path = Path(source)
    if path.suffix in {".yaml", ".yml"} or os.path.isfile(path):  # False for impossible paths too.
        return recipe_from_yaml(_read(path), where=str(path), settings=settings)
    names = _shipped_names()
    if str(source) not in names:
        raise RecipeError(
            f"no recipe is called '{source}'; {_suggest(str(source), names)}"
            f"shipped recipes: {', '.join(names)}; or give the path of a .yaml file"
        )
    text = (resources.files(__package__) / f"{source}.yaml").read_text(encoding="utf-8")
    return recipe_from_yaml(text, where=f"recipe {source}", settings=settings)


def recipe_from_yaml(text: str, *, where: str, settings: Mapping[str, Any] | None = None) -> Recipe:
    """Validates a recipe written as YAML; `where` names its source in errors.

    Raises:
        RecipeError: Not YAML, an unknown field or an impossible value.
    """
    fields = _parse(text, where=where)
    if not isinstance(fields, dict):
        raise RecipeError(f"{where}: expected fields such as 'epochs: 10', received {text[:40]!r}")
    return build_recipe(fields, where=where, settings=settings)


def build_recipe(
    fields: Mapping[str, Any], *, where: str, settings: Mapping[str, Any] | None = None
) -> Recipe:
    """Validates the fields of a recipe, with `settings` changed as in `load_recipe`.

    Raises:
        RecipeError: An unknown field or an impossible value.
    """
    changed = copy.deepcopy(dict(fields))
    for name, value in (settings or {}).items():
        try:
            _change(changed, name, value)
        except ValueError as error:
            raise RecipeError(f"{where}: setting {_cut(name)}: {error}") from None
    names = {name.partition(".")[0] for name in settings or {}}
    if "epochs" in names and "linear_probing" not in names:
        _scale_linear_probing(changed, fields)
    try:
        if "network" in changed:  # first, so that errors name its fields
            changed["network"] = read_network(changed["network"])
    except ValidationError as error:
        raise RecipeError(f"{where}: {_first_problem(error, part='network')}") from error
    except ValueError as error:
        raise RecipeError(f"{where}: field 'network': {error}") from error
    try:
        return Recipe.model_validate(changed)
    except ValidationError as error:
        raise RecipeError(f"{where}: {_first_problem(error)}") from error


def _scale_linear_probing(changed: dict[str, Any], fields: Mapping[str, Any]) -> None:
    """Keeps the fraction of epochs that train only the last layer, where the epochs become fewer.

    A recipe of 30 epochs with 5 of linear probing becomes one of 12 with 2. At least one epoch of
    linear probing stays; where the whole network is trained too, so does one epoch of that, and
    where there is only one epoch, linear probing is left out.
    """
    before: Any = fields.get("epochs")
    after: Any = changed["epochs"]
    probing: Any = changed.get("linear_probing")
    epochs: Any = probing.get("epochs") if isinstance(probing, dict) else None
    if not all(isinstance(number, int) and number > 0 for number in (epochs, before, after)):
        return  # Nothing to scale, or the validation that follows says what is wrong.
    if after >= before:
        return
    if epochs >= before:
        probing["epochs"] = after
    elif after == 1:
        changed["linear_probing"] = None
    else:
        probing["epochs"] = min(max(1, round(epochs * after / before)), after - 1)


def parse_settings(words: Sequence[str]) -> dict[str, Any]:
    """Reads ``field=value`` words, the values as YAML, for `load_recipe`.

    Raises:
        RecipeError: A word is not of this form, or its value is not YAML.
    """
    settings = {}
    for word in words:
        name, equals, text = word.partition("=")
        if not equals or not name:
            raise RecipeError(f"--set {word}: expected field=value, such as epochs=5")
        settings[name] = _parse(text, where=f"--set {name}")
    return settings


def to_yaml(recipe: Recipe) -> str:
    """Writes a recipe as YAML with every field resolved."""
    return yaml.safe_dump(
        recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True, width=100
    )


def _shipped_names() -> list[str]:
    files = resources.files(__package__).iterdir()
    return sorted(file.name.removesuffix(".yaml") for file in files if file.name.endswith(".yaml"))


def _read(path: Path) -> str:
    """Reads a recipe; what is no regular file is refused before it is opened."""
    if os.path.exists(path) and not is_file(path):  # False for impossible paths too.
        raise RecipeError(f"cannot read the recipe {path}: it is no regular file")
    try:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        if len(content) > MAX_BYTES:
            raise ValueError(f"it has over {MAX_BYTES // 1_000_000} MB")
        return content.decode()
    except (OSError, ValueError) as error:
        raise RecipeError(f"cannot read the recipe {path}: {error}") from error


def _parse(text: str, *, where: str) -> Any:
    try:
        value = yaml.safe_load(text)
        _check_depth(value)
        return value
    except RecursionError as error:
        raise RecipeError(f"{where}: not valid YAML: it is nested too deeply") from error
    # A value that is not of its type, such as a 13th month, is an error of PyYAML's converters.
    except (yaml.YAMLError, ValueError, LookupError, AttributeError) as error:
        raise RecipeError(f"{where}: not valid YAML: {' '.join(str(error).split())}") from error


def _check_depth(value: Any) -> None:
    """Raises ValueError where lists and mappings are nested deeper than in any recipe."""
    level = [value]
    for _ in range(MAX_DEPTH):
        inner = (
            part.values() if isinstance(part, dict) else part
            for part in level
            if isinstance(part, dict | list)
        )
        parts = {id(part): part for parts in inner for part in parts}  # aliases repeat parts
        if not parts:
            return
        level = list(parts.values())
    raise ValueError(f"it is nested deeper than {MAX_DEPTH} levels")


def _change(fields: dict[str, Any], name: str, value: Any) -> None:
    """Sets one field in place; a part of the recipe that is left out begins with its defaults.

    Raises:
        ValueError: There is no such part.
    """
    *parents, last = name.split(".")
    part: Any = fields
    if parents and parents[0] in Recipe.model_fields and fields.get(parents[0]) is None:
        fields[parents[0]] = {}
    for parent in parents:
        part = _step_into(part, parent, known=Recipe.model_fields if part is fields else ())
    if isinstance(part, list):
        part[_position(part, last)] = value
    elif isinstance(part, dict):
        part[last] = _merge(part.get(last), value)
    else:
        raise ValueError(f"'{_cut('.'.join(parents))}' has no fields")


def _merge(old: Any, new: Any) -> Any:
    """Returns `new`; a mapping of the same kind keeps the fields of `old` that it does not name."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    return {**old, **new} if new.get("kind", old.get("kind")) == old.get("kind") else new


def _step_into(part: Any, key: str, *, known: Iterable[str]) -> Any:
    if isinstance(part, list):
        return part[_position(part, key)]
    if not isinstance(part, dict) or key not in part:
        fields = {*known, *part} if isinstance(part, dict) else known
        raise ValueError(f"there is no field '{_cut(key)}'; {_suggest(key, fields)}check the name")
    return part[key]


def _position(part: list[Any], key: str) -> int:
    positions = [str(position) for position in range(len(part))]
    if key not in positions:
        raise ValueError(f"expected a position below {len(part)}, received '{_cut(key)}'")
    return positions.index(key)


def _first_problem(error: ValidationError, *, part: str = "") -> str:
    """Describes the first problem in one line, with the name of the field, which is in `part`."""
    problem = error.errors()[0]
    field = _cut(_join((part, *problem["loc"]) if part else problem["loc"]))
    message = problem["msg"].removeprefix("Value error, ")
    if problem["type"] == "extra_forbidden":
        meant = _suggest(str(problem["loc"][-1]), _find_fields(problem["loc"], error.title))
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


def _find_fields(place: Sequence[int | str], model: str) -> set[str]:
    """Returns the fields of the part of a recipe, or of the network `model`, that `place` is in."""
    models: list[type[BaseModel]] = [Recipe]
    if model != Recipe.__name__:
        models = [kind for kind in list_network_settings() if kind.__name__ == model]
    for step in place[:-1]:
        of_kind = [part for part in models if _kind_of(part) == step]
        if of_kind or isinstance(step, int):
            models = of_kind or models
            continue
        fields = [part.model_fields[step] for part in models if step in part.model_fields]
        models = [inner for field in fields for inner in _find_models(field.annotation)]
    return {name for part in models for name in part.model_fields}


def _kind_of(part: type[BaseModel]) -> Any:
    return part.model_fields["kind"].default if "kind" in part.model_fields else None


def _find_models(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yields the models in a type such as ``tuple[Annotated[Flip | Zoom, ...], ...]``."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for inner in get_args(annotation):
        yield from _find_models(inner)


def _cut(name: str) -> str:
    return name if len(name) <= _LONGEST_NAME else f"{name[:_LONGEST_NAME]}..."


def _suggest(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, known, n=1)
    return f"did you mean '{close[0]}'? " if close else ""


def _join(parts: Sequence[int | str]) -> str:
    """Names a field as settings do, without the kind: ``optimiser.adam.learning_rate``."""
    kept = [
        str(part)
        for before, part in zip(("", *parts), parts, strict=False)
        if before not in {"optimiser", "schedule"} and not isinstance(before, int)
    ]
    return ".".join(kept)
