"""How everything is timed: in turns, so that a slow moment of the machine hits all alike."""

import statistics
import sys
import time
from collections.abc import Callable

Measure = Callable[[], float]
"""Does some work once and returns items a second."""


def run_in_turns(measures: dict[str, Measure], *, rounds: int) -> dict[str, float]:
    """Runs each measurement once to warm up, then `rounds` times in turns; returns the medians."""
    for measure in measures.values():
        measure()
    results: dict[str, list[float]] = {name: [] for name in measures}
    for number in range(1, rounds + 1):
        print(f"\rround {number} of {rounds} ", end="", file=sys.stderr, flush=True)
        for name, measure in measures.items():
            results[name].append(measure())
    print("\r", end="", file=sys.stderr)
    return {name: statistics.median(speeds) for name, speeds in results.items()}


def timed(work: Callable[[], object], *, items: int) -> Measure:
    """Returns a function that does `work` once and returns items a second."""

    def measure() -> float:
        started = time.perf_counter()
        work()
        return items / (time.perf_counter() - started)

    return measure
