"""The documentation says what is so."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.core import TyperGroup

from hangtag.cli.main import COMMANDS
from hangtag.datasets import Dataset

ROOT = Path(__file__).parent.parent
PAGES = [
    *sorted(ROOT.glob("*.md")),
    *sorted((ROOT / "docs").rglob("*.md")),
    *sorted((ROOT / "benchmarks").rglob("*.md")),
]
PYTHON = re.compile(r"```python\n(.*?)```", re.DOTALL)
MODULE = re.compile(r"`([a-z_]+/[a-z_/]+\.py)(?::(\w+))?`")
LINK = re.compile(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")
HEADING = re.compile(r"^#+ (.*)$", re.MULTILINE)


def test_blocks_made_by_the_tool_are_up_to_date() -> None:
    command = [sys.executable, "-m", "scripts.generate_docs", "--check"]
    finished = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert finished.returncode == 0, finished.stdout + finished.stderr


def name_commands() -> Iterator[str]:
    """Yields every command, those of groups included, as it is written."""
    for entry in COMMANDS:
        command = entry.load()
        if isinstance(command, TyperGroup):
            yield from (f"hangtag {entry.name} {name}" for name in command.commands)
        else:
            yield f"hangtag {entry.name}"


def test_every_command_is_documented() -> None:
    page = (ROOT / "docs" / "commands.md").read_text(encoding="utf-8")
    names = set(name_commands())
    assert names > {"hangtag predict", "hangtag audit apply", "hangtag data clean"}
    for name in names - {"hangtag audit feed"} | {"hangtag audit"}:  # it is called without a name
        assert f"output of: {name} --help" in page, name


def list_anchors(page: Path) -> set[str]:
    """Returns the anchors that GitHub gives to the headings of a page."""
    headings = HEADING.findall(page.read_text(encoding="utf-8"))
    return {re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-") for text in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(page.read_text(encoding="utf-8")):
        if not target.startswith(("http://", "https://")):
            other = page.parent / target if target else page
            assert other.exists(), target
            assert not anchor or anchor in list_anchors(other), f"{target}#{anchor}"


@pytest.mark.parametrize("name", ["README.md", "docs/seed.md", "docs/python.md"])
def test_python_examples_run(name: str, fashion_mnist: Dataset) -> None:
    """Runs the examples of a page one after the other; trainings are only compiled."""
    scope: dict[str, object] = {}
    blocks = PYTHON.findall((ROOT / name).read_text(encoding="utf-8"))
    assert blocks
    for block in blocks:
        code = compile(block, name, "exec")
        if "hangtag.train(" not in block:
            exec(code, scope)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_no_placeholder_is_left(page: Path) -> None:
    assert not re.search(r"@[A-Z_]+@", page.read_text(encoding="utf-8"))


def test_the_architecture_page_names_what_exists() -> None:
    """Checks each ``package/file.py`` and ``package/file.py:name`` of the page."""
    page = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
    named = MODULE.findall(page)
    assert len(named) > 60
    for path, name in named:
        module = ROOT / "src" / "hangtag" / path
        if path.startswith("scripts/"):
            module = ROOT / path
        assert module.is_file(), path
        if name:
            assert re.search(rf"^(def|class) {name}\b", module.read_text(), re.MULTILINE), (
                path,
                name,
            )
