"""Measures the mapping of labels to categories, by source.

    python -m benchmarks.labels FILE.csv [--counts | --unlike KNOWN.csv]

FILE.csv has the columns ``source``, ``brand_label``, ``canonical_id`` (an id of the shipped tree or
``none``) and optionally ``confidence``: rows that are not ``sure`` are counted separately. The
labels of a source are read together. For each source, the reliability of each way of reading is
estimated from the other sources. ``--counts`` prints the counts of all sources in the format of
``hangtag/taxonomy/data/reliability.csv``.

With ``--unlike``, nothing is estimated from FILE: the labels are read as `hangtag taxonomy map`
reads them, and those that are also in KNOWN.csv are not counted.
"""

import argparse
import csv
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from hangtag.errors import DataError
from hangtag.taxonomy import shipped_tree
from hangtag.taxonomy.languages import study_source
from hangtag.taxonomy.lexicon import OUTSIDE
from hangtag.taxonomy.matching import LabelReader, to_reliability
from hangtag.taxonomy.reading import KINDS

COLUMNS = {"source", "brand_label", "canonical_id"}
BINS = 10
HEADER = (
    *("source", "language", "n", "top-1", "top-3", "not apparel, n", "told"),
    *("debatable, n", "top-1", "top-3"),
)


@dataclass(frozen=True, slots=True)
class Row:
    """A label with its category.

    Attributes:
        source: Who wrote it.
        label: As it was written.
        gold: An id of the shipped tree or ``none``.
        is_sure: Whether there is only one right answer.
    """

    source: str
    label: str
    gold: str
    is_sure: bool


@dataclass(frozen=True, slots=True)
class Answer:
    """What was made of a row.

    Attributes:
        row: The row.
        language: What the label was taken for.
        kind: How it was understood.
        ids: The three likeliest categories.
        best: The likeliest of all, ``none`` among them.
        confidence: Probability of `best`, 0-1.
    """

    row: Row
    language: str
    kind: str
    ids: tuple[str, ...]
    best: str
    confidence: float


def main() -> None:
    """Measures and prints Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("file", type=Path)
    parser.add_argument("--counts", action="store_true", help="print what reliability.csv holds")
    parser.add_argument("--unlike", type=Path, metavar="KNOWN.csv")
    options = parser.parse_args()
    rows = read_rows(options.file)
    answers = judge_unseen(rows, read_rows(options.unlike)) if options.unlike else judge(rows)
    if options.counts:
        for kind, (right, n) in count_kinds(answers).items():
            print(f"{kind},{right},{n}")
        return
    print(f"| {' | '.join(HEADER)} |\n|{'---|' * len(HEADER)}")
    for source in dict.fromkeys(answer.row.source for answer in answers):
        print(describe(source, [answer for answer in answers if answer.row.source == source]))
    print(describe("**all**", answers))
    print(
        f"\nCalibration error of the likeliest answer, sure rows: {calibration_error(answers):.3f}"
    )
    print("\n| understood as | n | right |\n|---|---|---|")
    for kind, (right, n) in count_kinds(answers).items():
        print(f"| {kind} | {n} | {fraction(right, n)} |")


def read_rows(path: Path) -> list[Row]:
    """Reads labelled labels.

    Raises:
        DataError: The file lacks a column, or names an unknown category.
    """
    with path.open(encoding="utf-8", newline="") as stream:
        content = list(csv.DictReader(stream))
    if not content or not content[0].keys() >= COLUMNS:
        raise DataError(f"{path.name}: columns {', '.join(sorted(COLUMNS))} are needed")
    unknown = {row["canonical_id"] for row in content} - {
        category.id for category in shipped_tree()
    }
    if unknown - {OUTSIDE}:
        raise DataError(f"{path.name}: there are no categories {', '.join(sorted(unknown))}")
    return [
        Row(
            row["source"],
            row["brand_label"],
            row["canonical_id"],
            row.get("confidence", "sure") == "sure",
        )
        for row in content
    ]


def judge(rows: Sequence[Row]) -> list[Answer]:
    """Answers the rows of each source by what the others taught."""
    first = answer_sources(rows)
    answers: list[Answer] = []
    for source, own in first.items():
        others = [answer for name, found in first.items() if name != source for answer in found]
        reliability = to_reliability(count_kinds(others))
        answers += answer_source([answer.row for answer in own], reliability)
    return answers


def judge_unseen(rows: Sequence[Row], known: Sequence[Row]) -> list[Answer]:
    """Answers rows as a user gets them; those whose label is known too are read but left out."""
    met = {row.label.casefold() for row in known}
    answers = (answer for own in answer_sources(rows).values() for answer in own)
    return [answer for answer in answers if answer.row.label.casefold() not in met]


def answer_sources(rows: Sequence[Row]) -> dict[str, list[Answer]]:
    """Answers the rows of each source as a user gets them."""
    sources = dict.fromkeys(row.source for row in rows)
    return {name: answer_source([row for row in rows if row.source == name]) for name in sources}


def answer_source(rows: Sequence[Row], reliability: dict[str, float] | None = None) -> list[Answer]:
    """Answers the rows of one source."""
    source = study_source([row.label for row in rows])
    reader = LabelReader(source, reliability=reliability)
    answers = []
    for row in rows:
        meaning = reader.read(row.label)
        found = meaning.candidates(shipped_tree(), count=3)
        score = found[0].score if found else 0.0
        best = OUTSIDE if meaning.outside >= score else found[0].id
        ids = tuple(candidate.id for candidate in found)
        confidence = max(score, meaning.outside)
        answers.append(Answer(row, meaning.language, meaning.kind, ids, best, confidence))
    return answers


def count_kinds(answers: Iterable[Answer]) -> dict[str, tuple[int, int]]:
    """Returns kind -> (right, labels) of the sure rows."""
    sure = [answer for answer in answers if answer.row.is_sure]
    labels = Counter(answer.kind for answer in sure)
    right = Counter(answer.kind for answer in sure if answer.best == answer.row.gold)
    return {kind: (right[kind], labels[kind]) for kind in KINDS}


def describe(name: str, answers: Sequence[Answer]) -> str:
    """Returns the row of a table for some answers."""
    apparel = [answer for answer in answers if answer.row.is_sure and answer.row.gold != OUTSIDE]
    outside = [answer for answer in answers if answer.row.is_sure and answer.row.gold == OUTSIDE]
    debatable = [
        answer for answer in answers if not answer.row.is_sure and answer.row.gold != OUTSIDE
    ]
    language = Counter(answer.language for answer in answers).most_common(1)[0][0]
    cells = [
        name,
        "" if name.startswith("*") else language,
        str(len(apparel)),
        *top_shares(apparel),
        str(len(outside)),
        fraction(sum(answer.best == OUTSIDE for answer in outside), len(outside)),
        str(len(debatable)),
        *top_shares(debatable),
    ]
    return f"| {' | '.join(cells)} |"


def top_shares(answers: Sequence[Answer]) -> tuple[str, str]:
    """Returns how often the category is the likeliest, and among the likeliest three."""
    first = sum(answer.ids[:1] == (answer.row.gold,) for answer in answers)
    among = sum(answer.row.gold in answer.ids for answer in answers)
    return fraction(first, len(answers)), fraction(among, len(answers))


def fraction(part: int, whole: int) -> str:
    """Returns a fraction with three digits, or a dash if there are no labels."""
    return f"{part / whole:.3f}" if whole else "-"


def calibration_error(answers: Iterable[Answer]) -> float:
    """Returns the expected calibration error of the sure rows, 0-1, with ten equal bins."""
    sure = [answer for answer in answers if answer.row.is_sure]
    confidence = np.array([answer.confidence for answer in sure])
    right = np.array([answer.best == answer.row.gold for answer in sure])
    bins = np.minimum((confidence * BINS).astype(int), BINS - 1)
    gaps = [
        abs(confidence[bins == b].mean() - right[bins == b].mean()) * (bins == b).mean()
        for b in np.unique(bins)
    ]
    return float(sum(gaps))


if __name__ == "__main__":
    main()
