"""Names that a reader meets twice mean one thing."""

import ast
from collections import defaultdict
from pathlib import Path

import hangtag

PACKAGE = Path(hangtag.__file__).parent


def test_no_two_packages_have_a_public_class_of_one_name() -> None:
    places: dict[str, set[str]] = defaultdict(set)
    for path in PACKAGE.rglob("*.py"):
        package = path.relative_to(PACKAGE).parts[0]
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                places[node.name].add(package)
    assert {name: found for name, found in places.items() if len(found) > 1} == {}
