"""Times works in alternation, so that a slow moment of the machine hits all; writes results."""

import importlib.metadata
import json
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from hangtag.environment import processor, versions
from hangtag.files.atomic import write_text

Measure = Callable[[], float]
"""Does some work and returns items a second."""

REST = 0.3
"""Seconds before each measurement: threads of the work before it spin for a while, waiting."""


def run_in_turns(measures: dict[str, Measure], *, rounds: int) -> dict[str, float]:
    """Runs each measurement once to warm up, then `rounds` times in turns; returns the medians."""
    for measure in measures.values():
        measure()
    results: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(1, rounds + 1):
        print(f"\rround {number} of {rounds} ", end="", file=sys.stderr, flush=True)
        for name, measure in measures.items():
            time.sleep(REST)
            results[name].append(measure())
    print("\r", end="", file=sys.stderr)
    return {name: statistics.median(speeds) for name, speeds in results.items()}


def timed(work: Callable[[], object], *, items: int, least: float = 0.0) -> Measure:
    """Returns a function that does `work`, of `items` items, and returns items a second.

    It is done again until `least` seconds are over.
    """

    def measure() -> float:
        started, done, seconds = time.perf_counter(), 0, 0.0
        while done == 0 or seconds < least:
            work()
            done, seconds = done + items, time.perf_counter() - started
        return done / seconds

    return measure


def hangtag_command(*arguments: object) -> list[str]:
    """Returns what runs Hangtag with `arguments` in a process of its own, by this Python."""
    return [sys.executable, "-m", "hangtag", *map(str, arguments)]


def describe_run() -> dict[str, Any]:
    """Returns when and on what something is measured; pandas is a peer."""
    found = {**versions(), "pandas": importlib.metadata.version("pandas")}
    date = datetime.now(UTC).date().isoformat()
    return {"date": date, "processor": processor(), "versions": found}


def write_results(path: Path, figures: Mapping[str, Any]) -> None:
    """Writes figures with when and on what they were measured; prints the path."""
    write_text(path, json.dumps({**describe_run(), **figures}, indent=1) + "\n")
    print(path)
