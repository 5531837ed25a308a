"""Measures the time and memory of an audit of a million rows.

    python -m benchmarks.large_audit [--items 10400 100000 1000000] [--model fashion-mnist-tiny]
    python -m benchmarks.large_audit --feed photos.csv --items 10000 --model clothing-photos

The feed is the demo feed on Fashion-MNIST's test images, its rows repeated under new ids, so every
picture occurs many times: a hard case for the search for duplicates. Each audit is a process; the
memory is that of its largest process. The figures go to ``benchmarks/results/large_audit.json``.
With ``--feed``, the rows of that table are repeated instead, table and audit are written beside it,
and the figures are only printed.
"""

import argparse
import csv
import json
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import hangtag
from benchmarks.audit import run_audit
from benchmarks.measuring import write_results
from benchmarks.printing import print_table
from hangtag.audit.demo import DemoOptions, write_demo_feed

RESULTS = Path(__file__).parent / "results" / "large_audit.json"
MIB = 1024


def main() -> None:
    """Measures, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--items", nargs="*", type=int, default=[10_400, 100_000, 1_000_000])
    parser.add_argument("--model", default="fashion-mnist-tiny")
    parser.add_argument("--feed", type=Path)
    parser.add_argument("--one", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        print(json.dumps(audit_one(options.one, options.items[0], options.model)))
    elif options.feed:
        show(options.model, measure(options.feed, options.items, options.model))
    else:
        dataset = hangtag.load_dataset("fashion-mnist")
        with tempfile.TemporaryDirectory() as folder:
            feed = Path(folder) / "feed"
            write_demo_feed(dataset.splits["test"], dataset.classes, feed, DemoOptions())
            found = measure(feed / "feed.csv", options.items, options.model)
        show(options.model, found)
        write_results(RESULTS, {"model": options.model, "audits": found})


def measure(feed: Path, sizes: Sequence[int], model: str) -> list[dict[str, int]]:
    """Audits a feed in each size, each in a process of its own."""
    found = []
    for items in sizes:
        command = [sys.executable, "-m", "benchmarks.large_audit", "--one", str(feed)]
        command += ["--items", str(items), "--model", model]
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
        found.append(json.loads(done.stdout))
    return found


def show(model: str, found: Sequence[dict[str, int]]) -> None:
    """Prints a row an audit."""
    titles = ["rows", "seconds", "peak, MiB", "tables, MB"]
    rows = [
        [f"{figures[title]:,}" for title in ("rows", "seconds", "mib", "mb")] for figures in found
    ]
    print_table(f"Audit with {model}", titles, rows)


def audit_one(feed: Path, items: int, model: str) -> dict[str, int]:
    """Audits a feed of so many rows; this process has no other children."""
    table, out = feed.with_name(f"{feed.stem}-{items}.csv"), feed.with_name(f"audit-{items}")
    repeat(feed, table, items)
    start = time.perf_counter()
    run_audit(table, out, model)
    return {
        "rows": items,
        "seconds": round(time.perf_counter() - start),
        "mib": resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // MIB,
        "mb": sum(path.stat().st_size for path in out.iterdir()) // 1_000_000,
    }


def repeat(source: Path, target: Path, items: int) -> None:
    """Writes the rows of a table again and again, each time under other ids."""
    with source.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    with target.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, list(rows[0]))
        writer.writeheader()
        for number in range(items):
            row = rows[number % len(rows)]
            writer.writerow({**row, "id": f"{row['id']}-{number // len(rows)}"})


if __name__ == "__main__":
    main()
