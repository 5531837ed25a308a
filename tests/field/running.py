"""Runs a command on an input from the field, in this process, and reads what it left."""

import csv
import io
import json
import os
import re
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.contract import find_breaches
from tests.field.expected import Expected, Found
from tests.tiny import Outcome, Run

NEARLY = 0.03
"""How far the confidence may be from that of the same picture in another file."""

NAMES = ("name", "source", "classes", "splits", "report", "head")
"""What explore repeats of the data, and no message about it."""

csv.field_size_limit(1 << 30)


def run_expected(expected: Expected, hangtag: Run, out: Path) -> Found:
    """Runs the command of `expected` in the current folder, which holds the cases."""
    run = {
        "predict": run_predict,
        "explore": run_explore,
        "train": run_train,
        "evaluate": run_evaluate,
        "audit": run_audit,
    }[expected.command]
    return run(expected, hangtag, out)


def run_predict(expected: Expected, hangtag: Run, out: Path) -> Found:
    """Predicts into a CSV, and counts its rows."""
    table = out / "rows.csv"
    options = ("--out", table, "--workers", 0, *expected.options)
    outcome = hangtag("predict", expected.data, *options)
    if not table.is_file():
        return Found(outcome, messages=outcome.err)
    with table.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    errors = [row["error"] for row in rows if row["decision"] == "error"]
    first = rows[0] if rows else {}
    return Found(
        outcome,
        rows=len(rows),
        errors=len(errors),
        category=first.get("category", ""),
        confidence=float(first.get("confidence") or 0),
        messages="\n".join([outcome.err, *errors]),
    )


def run_explore(expected: Expected, hangtag: Run, out: Path) -> Found:
    """Explores, and counts the images of each split."""
    options = ("--out", out / "explore", "--json", *expected.options)
    outcome = hangtag("explore", expected.data, *options)
    content = read_json(outcome)
    splits = {name: split["n"] for name, split in content.get("splits", {}).items()}
    facts = {name: content[name] for name in content if name not in NAMES}
    return Found(
        outcome,
        rows=sum(splits.values()) if splits else None,
        classes=tuple(content.get("classes", ())),
        splits=tuple(sorted(splits.items())),
        messages=f"{outcome.err}\n{facts}",
    )


def run_train(expected: Expected, hangtag: Run, out: Path) -> Found:
    """Trains, and counts the images that the model card speaks of."""
    folder = out / "run"
    outcome = hangtag("train", expected.data, "--out", folder, *expected.options)
    card = folder / "model" / "card.json"
    if not card.is_file():
        return Found(outcome, messages=outcome.err)
    splits = json.loads(card.read_text(encoding="utf-8"))["data"]["splits"]
    rows = sum(split["n"] for split in splits.values())
    return Found(outcome, rows=rows, messages=outcome.err)


def run_evaluate(expected: Expected, hangtag: Run, out: Path) -> Found:
    """Evaluates, and counts the images; as people read it where the table itself is looked at."""
    form = () if expected.never else ("--json",)
    outcome = hangtag("evaluate", *expected.options, expected.data, *form)
    content = read_json(outcome) if form else {}
    return Found(outcome, rows=content.get("n"), messages=f"{outcome.err}\n{content.get('split')}")


def run_audit(expected: Expected, hangtag: Run, out: Path) -> Found:
    """Audits, and counts the items."""
    options = ("--out", out / "audit", "--json", "--workers", 0, *expected.options)
    outcome = hangtag("audit", expected.data, *options)
    content = read_json(outcome)
    return Found(
        outcome, rows=content.get("items"), errors=content.get("errors"), messages=outcome.err
    )


def read_json(outcome: Outcome) -> dict[str, Any]:
    """Returns the one JSON object on stdout; an empty one where there is none."""
    try:
        content = json.loads(outcome.out)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def find_problems(expected: Expected, found: Found, like: Callable[[], Found]) -> list[str]:
    """Lists all that is not as `expected`; `like` gives what the same picture gave."""
    problems = find_breaches(found.outcome)
    said = found.messages.replace(expected.data, "")  # the name of a file tells nothing of it
    if expected.or_says and found.outcome.code == 2:
        return problems + list(find_unsaid(expected.or_says, said))
    if found.outcome.code not in expected.codes:
        problems.append(f"exit code {found.outcome.code}, right is {expected.codes}")
    problems += find_miscounts(expected, found)
    problems += find_unsaid(expected.says, said)
    everything = f"{found.outcome.out}\n{found.messages}"
    problems += [
        f"says {pattern!r}" for pattern in expected.never if re.search(pattern, everything)
    ]
    if expected.like:
        same = like()
        if found.category != same.category or abs(found.confidence - same.confidence) > NEARLY:
            problems.append(
                f"{found.category} {found.confidence}, right is {same.category} {same.confidence}"
            )
    return problems


def find_miscounts(expected: Expected, found: Found) -> Iterable[str]:
    """Yields rows, errors, classes and splits that are not as expected."""
    if expected.rows is not None and found.rows != expected.rows:
        enough = expected.at_least and (found.rows or 0) >= expected.rows
        if not enough:
            yield f"{found.rows} rows or images, right is {expected.rows}"
    if expected.errors is not None and found.errors != expected.errors:
        yield f"{found.errors} errors, right is {expected.errors}"
    if expected.classes is not None and sorted(found.classes) != sorted(expected.classes):
        yield f"classes {', '.join(found.classes)[:200]}, right is {', '.join(expected.classes)}"
    if expected.splits is not None and found.splits != expected.splits:
        yield f"splits {dict(found.splits)}, right is {dict(expected.splits)}"


def find_unsaid(patterns: tuple[str, ...], said: str) -> Iterable[str]:
    """Yields the patterns that no message matches."""
    for pattern in patterns:
        if not re.search(pattern, said, re.IGNORECASE):
            yield f"does not say {pattern!r}"


def give_stdin(monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
    """Gives a file on stdin, as a shell does."""
    stream = io.TextIOWrapper(io.BytesIO(path.read_bytes()), encoding="utf-8")
    monkeypatch.setattr(sys, "stdin", stream)


def take_away(monkeypatch: pytest.MonkeyPatch, packages: Iterable[str]) -> None:
    """Makes packages as if they were not installed."""
    for package in packages:
        for name in [name for name in sys.modules if name.split(".")[0] == package]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.setitem(sys.modules, package, None)


def describe(found: Found) -> str:
    """Returns the exit code and the end of what was said, for a message of a test."""
    said = found.messages.strip()
    return f"[{found.outcome.code}] {said[-600:]}{os.linesep if not said else ''}"
