"""Measures the accuracy of an audit on synthetic feeds whose truth is known.

    python -m benchmarks.audit [SEED ...] [--model MODEL] [--split validation] [--cross-validate]
    python -m benchmarks.audit --photos FEED.csv --brands 3 --model clothing-photos

Makes a feed for each seed (12 brands, 5 % wrong labels), runs ``hangtag audit`` on it as a process,
and compares its tables with the truth. The images are Fashion-MNIST's test split; everything was
tuned on the validation split, which ``--split validation`` uses. ``--cross-validate`` measures
only the issues of ``hangtag audit --cross-validate``. ``--photos`` uses that split of a table such
as ``benchmarks.clothing --shipped`` writes.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence, Set
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score

import hangtag
from benchmarks.measuring import hangtag_command, write_results
from benchmarks.printing import print_table
from hangtag.audit.demo import DemoOptions, write_demo_feed
from hangtag.audit.demo.brands import OUTSIDE, SHORTS, category_id
from hangtag.datasets import Dataset, Split, load_dataset, split_dataset
from hangtag.evaluation.intervals import wilson
from hangtag.tables.csv_cells import read_csv_rows
from hangtag.taxonomy import shipped_tree

RESULTS = {"fashion-mnist": "audit.json", "clothing-photos": "audit_photos.json"}
"""Where the figures of the shipped models on test images go."""

ENOUGH, FEW = 30, 10
"""Items of a word from which its rule counts; below, rules are counted apart."""

PARTS = (0.0, 0.1, 0.3, 0.7, 0.9, 1.01)
"""Where the parts of the scores end."""

LEAST_FRACTION = 0.1
"""Fraction from which a category belongs to the truth of a word."""

Row = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Measured:
    """What one audit got right.

    Attributes:
        rules: Rules (map, split, outside) of words with at least 30 items: right and all. One is
            right whose categories are those of the truth, or lie in them.
        some: The same of words with 10 to 29 items.
        few: The same of words with fewer.
        splits: Words of several categories with at least 30 items: recognised and all.
        asked: Words of the model's categories with at least 30 items that went to a person.
        forced: Words of a category the model lacks that got a class, and all of those.
        look_alike: Average precision of planted errors that look alike.
        far: That of the others.
        corrected: Automatic corrections: right and all.
        errors: Planted errors.
        issues: Items listed whose image contradicts their label.
        copies: Planted copies that are told: those with equal pixels and all of them.
        saved_again: The same of copies saved as JPEG in between.
        at_odds: Copies under a wrong label whose labels are told to be at odds, and all of those.
        other_copies: Items told to repeat a picture that were not planted.
        reliability: Of the issues with a score in each part of `PARTS`: how many they are, their
            mean score, and how many labels are wrong.
        seconds: Time of the audit, by the clock.
    """

    rules: tuple[int, int]
    some: tuple[int, int]
    few: tuple[int, int]
    splits: tuple[int, int]
    asked: int
    forced: tuple[int, int]
    look_alike: float
    far: float
    corrected: tuple[int, int]
    errors: int
    issues: int
    copies: tuple[int, int]
    saved_again: tuple[int, int]
    at_odds: tuple[int, int]
    other_copies: int
    reliability: list[tuple[int, float, int]]
    seconds: float


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("seeds", nargs="*", type=int, default=[0, 1, 2])
    parser.add_argument("--model", default="fashion-mnist")
    parser.add_argument("--split", default="test", choices=["test", "validation"])
    parser.add_argument("--cross-validate", action="store_true")
    parser.add_argument("--photos", type=Path, help="Table of photos to make the feeds of.")
    parser.add_argument("--brands", type=int, default=12)
    options = parser.parse_args()
    if options.photos:
        dataset = open_photos(options.photos)
        split = dataset.splits[options.split]
    else:
        dataset = hangtag.load_dataset("fashion-mnist")
        split = choose_split(options.split, options.model)
    lacking = {SHORTS} - {category_id(name) for name in dataset.classes}
    found = []
    for seed in options.seeds:
        with tempfile.TemporaryDirectory() as folder:
            feed, out = Path(folder) / "feed", Path(folder) / "audit"
            write_demo_feed(split, dataset.classes, feed, DemoOptions(options.brands, seed=seed))
            if options.cross_validate:
                run_audit(feed, out, options.model, "--cross-validate")
                print_issues(seed, feed, out)
            else:
                seconds = run_audit(feed, out, options.model)
                found.append(measure(feed, out, seconds, lacking=lacking))
    if found:
        print_figures(options.seeds, found)
        print_reliability(found)
    if found and options.split == "test" and options.model in RESULTS:
        record(RESULTS[options.model], options.seeds, found)


def record(name: str, seeds: Sequence[int], found: Sequence[Measured]) -> None:
    """Writes the figures by seed, with what they were measured on."""
    feeds = {str(seed): asdict(outcome) for seed, outcome in zip(seeds, found, strict=True)}
    write_results(Path(__file__).parent / "results" / name, {"feeds": feeds})


def open_photos(table: Path) -> Dataset:
    """Opens a table of photos as ``hangtag data demo-feed`` does."""
    return load_dataset(table, offline=True)


def choose_split(name: str, model: str) -> Split:
    """Returns the images of a split, as the model's training divided them."""
    card = hangtag.load(model).card
    dataset = split_dataset(
        hangtag.load_dataset("fashion-mnist"),
        fraction=card.data.validation_fraction,
        seed=card.lineage.seed,
    )
    return dataset.splits[name]


def run_audit(feed: Path, out: Path, model: str, *options: str) -> float:
    """Audits a feed in a process of its own; returns the seconds it took by the clock."""
    command = hangtag_command("audit", feed, "--out", out, "--quiet", "--model", model, *options)
    start = time.perf_counter()
    done = subprocess.run(command, stdout=subprocess.DEVNULL, check=False)
    if done.returncode != 1:
        raise SystemExit(f"expected findings (exit code 1), received {done.returncode}")
    return time.perf_counter() - start


def print_issues(seed: int, feed: Path, out: Path) -> None:
    """Prints how well the list of issues alone ranks the planted errors."""
    truth = {row["id"]: row for row in read_csv_rows(feed / "truth" / "items.csv")}
    scores = {row["id"]: float(row["score"]) for row in read_csv_rows(out / "issues.csv")}
    found = [average_precision(truth, scores, fault) for fault in ("look-alike", "far")]
    planted = sum(row["fault"] != "" for row in truth.values())
    print(
        f"seed {seed}: {len(scores):,} issues, {planted:,} "
        f"planted; average precision look-alike {found[0]:.3f}, far {found[1]:.3f}"
    )


def measure(feed: Path, out: Path, seconds: float, *, lacking: Set[str]) -> Measured:
    """Compares the tables of an audit with the truth of its feed.

    Args:
        feed: The feed.
        out: The audit.
        seconds: What it took.
        lacking: Categories that the model has no class for.
    """
    truth = {row["id"]: row for row in read_csv_rows(feed / "truth" / "items.csv")}
    meanings = read_meanings(feed / "truth" / "labels.csv")
    dictionary = list(read_csv_rows(out / "dictionary.csv"))
    words = [
        (row, meanings[row["supplier"], row["label"]])
        for row in dictionary
        if int(row["items"]) >= ENOUGH
    ]
    known_ids = frozenset().union(*meanings.values())
    merged = [(row, true) for row, true in words if len(true) > 1]
    foreign, apart = [row for row, true in words if true & lacking], {*lacking, OUTSIDE}
    listed = list(read_csv_rows(out / "issues.csv"))
    issues = [row for row in listed if "label issue" in row["finding"].split("; ")]
    repeats = {row["id"]: row for row in listed if row["duplicate_of"]}
    planted = [row for row in truth.values() if row["duplicate_of"]]
    known = {row[name] for row in planted for name in ("id", "duplicate_of")}
    automatic = [row for row in issues if row["automatic"] == "yes"]
    scores = {row["id"]: float(row["score"]) for row in issues}
    return Measured(
        rules=count_right(dictionary, meanings, range(ENOUGH, sys.maxsize)),
        some=count_right(dictionary, meanings, range(FEW, ENOUGH)),
        few=count_right(dictionary, meanings, range(1, FEW)),
        splits=(
            sum(row["proposal"] == "split" and ids_of(row, known_ids) == t for row, t in merged),
            len(merged),
        ),
        asked=sum(row["proposal"] == "ask" and not true & apart for row, true in words),
        forced=(sum(row["proposal"] in ("map", "split") for row in foreign), len(foreign)),
        look_alike=average_precision(truth, scores, "look-alike"),
        far=average_precision(truth, scores, "far"),
        corrected=(
            sum(row["suggested_id"] == truth[row["id"]]["category"] for row in automatic),
            len(automatic),
        ),
        errors=sum(row["fault"] != "" for row in truth.values()),
        issues=len(issues),
        copies=count_told(planted, repeats, saved_again=""),
        saved_again=count_told(planted, repeats, saved_again="yes"),
        at_odds=count_at_odds(truth, planted, repeats),
        other_copies=len(repeats.keys() - known),
        reliability=find_reliability(truth, scores),
        seconds=seconds,
    )


def count_right(
    dictionary: Sequence[Row], meanings: Mapping[tuple[str, str], frozenset[str]], items: range
) -> tuple[int, int]:
    """Returns how many rules for words with so many items are right, and how many there are."""
    known = frozenset().union(*meanings.values())
    ruled = [
        ids_of(row, known) == meanings.get((row["supplier"], row["label"]))
        for row in dictionary
        if row["proposal"] != "ask" and int(row["items"]) in items
    ]
    return sum(ruled), len(ruled)


def find_reliability(
    truth: Mapping[str, Row], scores: Mapping[str, float]
) -> list[tuple[int, float, int]]:
    """Returns number, mean score and wrong labels of the issues in each part of the scores."""
    found = []
    for low, high in itertools.pairwise(PARTS):
        those = {item: score for item, score in scores.items() if low <= score < high}
        mean = sum(those.values()) / max(len(those), 1)
        found.append((len(those), mean, sum(truth[item]["fault"] != "" for item in those)))
    return found


def count_told(
    planted: Sequence[Row], repeats: Mapping[str, Row], *, saved_again: str
) -> tuple[int, int]:
    """Returns how many planted copies are told to repeat a picture, and how many there are."""
    those = [row["id"] for row in planted if row["saved_again"] == saved_again]
    return sum(item in repeats for item in those), len(those)


def count_at_odds(
    truth: Mapping[str, Row], planted: Sequence[Row], repeats: Mapping[str, Row]
) -> tuple[int, int]:
    """Returns how many copies under a wrong label of right ones are told to be at odds."""
    those = [
        row["id"] for row in planted if row["fault"] and not truth[row["duplicate_of"]]["fault"]
    ]
    told = [repeats[item]["finding"] for item in those if item in repeats]
    return sum("conflicting labels" in finding for finding in told), len(those)


def average_precision(truth: Mapping[str, Row], scores: Mapping[str, float], fault: str) -> float:
    """Returns the average precision of items with `fault` among those with it or none.

    Items that are not listed come last, all alike.
    """
    rows = [row for row in truth.values() if row["fault"] in ("", fault)]
    planted = np.array([row["fault"] == fault for row in rows])
    found = np.array([scores.get(row["id"], 0.0) for row in rows])
    return float(average_precision_score(planted, found))


def read_meanings(path: Path) -> dict[tuple[str, str], frozenset[str]]:
    """Returns (supplier, label) -> ids of the categories with at least a tenth of its items."""
    found: dict[tuple[str, str], set[str]] = {}
    for row in read_csv_rows(path):
        if float(row["fraction"]) >= LEAST_FRACTION:
            found.setdefault((row["supplier"], row["label"]), set()).add(row["category"])
    return {key: frozenset(ids) for key, ids in found.items()}


def ids_of(row: Row, known: Set[str]) -> frozenset[str]:
    """Returns the categories of the truth that those of a rule are or lie in."""
    return frozenset(lift(name, known) for name in row["ids"].split("; ") if name)


def lift(identifier: str, known: Set[str]) -> str:
    """Returns the nearest known category above one; itself where there is none."""
    tree = shipped_tree()
    path = tree.path(identifier) if identifier in tree else ()
    return next((step for step in reversed(path) if step in known), identifier)


FRACTIONS = {
    "rules": "rules right",
    "some": "10 to 29 items",
    "few": "1 to 9 items",
    "splits": "splits found",
    "forced": "forced",
    "corrected": "corrected right",
    "copies": "copies told",
    "saved_again": "saved again",
    "at_odds": "at odds",
}
MEANS = {"look_alike": "AP look-alike", "far": "AP far"}
COUNTS = {"asked": "asked", "issues": "issues", "errors": "planted", "other_copies": "not planted"}


def print_figures(seeds: Sequence[int], found: Sequence[Measured]) -> None:
    """Prints a row a figure: a column a seed and one of all."""
    rows = [
        [
            title,
            *(fraction(getattr(outcome, name)) for outcome in found),
            fraction(add(found, name)),
        ]
        for name, title in FRACTIONS.items()
    ]
    for name, title in MEANS.items():
        values = [getattr(outcome, name) for outcome in found]
        rows.append([title, *(f"{value:.3f}" for value in (*values, np.mean(values)))])
    for name, title in COUNTS.items():
        counts = [getattr(outcome, name) for outcome in found]
        rows.append([title, *(f"{count:,}" for count in (*counts, sum(counts)))])
    seconds = [outcome.seconds for outcome in found]
    rows.append(["seconds", *(f"{value:.0f}" for value in (*seconds, sum(seconds)))])
    print_table("", ["", *(f"seed {seed}" for seed in seeds), "all"], rows)


def print_reliability(found: Sequence[Measured]) -> None:
    """Prints how often a label is wrong beside what the scores say, a row a part of the scores."""
    rows = []
    for part, (low, high) in enumerate(itertools.pairwise(PARTS)):
        parts = [outcome.reliability[part] for outcome in found]
        count, wrong = sum(n for n, _, _ in parts), sum(wrong for _, _, wrong in parts)
        mean = sum(n * mean for n, mean, _ in parts) / max(count, 1)
        rows.append([f"{low:g} to {min(high, 1):g}", f"{mean:.3f}", fraction((wrong, count))])
    print_table("Scores", ["score", "mean", "wrong"], rows)


def add(found: Sequence[Measured], name: str) -> tuple[int, int]:
    """Returns the sum of a figure that is a number and how many there could be."""
    counts = [getattr(outcome, name) for outcome in found]
    return sum(right for right, _ in counts), sum(count for _, count in counts)


def fraction(counts: tuple[int, int]) -> str:
    """Returns a fraction with its number and its 95 % interval."""
    right, count = counts
    if not count:
        return "none"
    low, high = wilson(right, count)
    return f"{right / count:.1%} of {count} ({low:.1%}-{high:.1%})"


if __name__ == "__main__":
    main()
