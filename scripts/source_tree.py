"""The tree of the package in docs/architecture.md: one line a module, from its docstring."""

import ast
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "hangtag"


def draw_tree() -> str:
    """Lists every module with the first line of its docstring, packages from top to bottom."""
    layers = ["__init__", "__main__", *read_layers()]
    paths = [path for path in PACKAGE.iterdir() if is_code(path)]
    paths.sort(key=lambda path: layers.index(path.stem))
    lines = ["src/hangtag/", *(line for path in paths for line in list_modules(path, depth=1))]
    return "\n".join(lines)


def read_layers() -> list[str]:
    """Returns the packages and modules in the order that the import contract gives them."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    contracts = settings["tool"]["importlinter"]["contracts"]
    (layered,) = (contract for contract in contracts if contract["type"] == "layers")
    return [name for layer in layered["layers"] for name in re.findall(r"hangtag\.(\w+)", layer)]


def list_modules(path: Path, *, depth: int) -> Iterator[str]:
    """Yields the lines of a module, or of a package and what is in it."""
    indent = "  " * depth
    if path.is_dir():
        start = path / "__init__.py"
        yield describe(f"{indent}{path.name}/", start)
        for inner in sorted(path.iterdir(), key=lambda path: (path.is_dir(), path.name)):
            if inner != start and is_code(inner):
                yield from list_modules(inner, depth=depth + 1)
    elif path.suffix == ".py":
        yield describe(f"{indent}{path.name}", path)


def is_code(path: Path) -> bool:
    """Tells modules and packages from data."""
    return path.suffix == ".py" or (path / "__init__.py").exists()


def describe(name: str, module: Path) -> str:
    """Puts the first line of a module's docstring beside a name."""
    docstring = ast.get_docstring(ast.parse(module.read_text(encoding="utf-8")))
    return f"{name:<28} {(docstring or '').splitlines()[0]}"
