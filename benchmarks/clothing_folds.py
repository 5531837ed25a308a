"""Cross-validates a recipe over suppliers: five folds of the clothing data set.

    python -m benchmarks.clothing_folds FOLDER --recipe photo-fast [--classes shipped] [--work DIR]
        [--set balance.logit_adjustment=1] [--folds 2]

FOLDER is that of `benchmarks.clothing`. The people who took the photos are divided into five parts.
``hangtag train`` makes a model of four parts (and holds people out of them for validation), and
``hangtag predict`` tests it on the fifth. A fold whose predictions are in the work folder is not
repeated; an interrupted one is resumed. The figures go to
``benchmarks/results/clothing_folds.json`` beside those of other recipes.

The predictions of the five folds are pooled. Intervals are those of
`hangtag.evaluation.intervals`, over suppliers. They do not include the effect of the seed of the
training.
"""

import argparse
import json
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.metrics import confusion_matrix, f1_score, recall_score

from benchmarks.clothing import (
    SHIPPED,
    Item,
    divide,
    format_table,
    raw_items,
    read_items,
    shipped_items,
)
from benchmarks.measuring import describe_run
from benchmarks.printing import print_table
from hangtag.evaluation.intervals import find_intervals, macro_f1
from hangtag.files.atomic import write_text
from hangtag.tables.csv_cells import read_csv_rows
from hangtag.training.run_folder import RunFolder

RESULTS = Path(__file__).parent / "results" / "clothing_folds.json"
FOLDS = 5
CLASSES = {"raw": raw_items, "shipped": shipped_items}
"""The labels as they are, or the classes of the model clothing-photos."""

WORST = 12
"""Confusions that are printed."""


def main() -> None:
    """Trains what is not trained yet, prints and writes."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--recipe", required=True)
    parser.add_argument("--work", type=Path, default=Path("runs/clothing-folds"))
    parser.add_argument("--classes", choices=list(CLASSES), default="raw")
    parser.add_argument("--folds", type=int, default=FOLDS, help="only the first so many")
    parser.add_argument("--set", action="append", default=[], help="a setting of the recipe")
    options = parser.parse_args()
    items = CLASSES[options.classes](read_items(options.folder))
    made = [options.recipe, options.classes, *options.set]
    work = options.work / "-".join(made)
    folds = divide(items, parts=FOLDS)
    rows = [
        row for fold in range(options.folds) for row in run_fold(items, folds, fold, work, options)
    ]
    figures = judge(rows)
    show(figures)
    if options.classes == "raw":
        figures["as_shipped"] = judge(merge(rows))
        show(figures["as_shipped"])
    record(name_figures(made, folds=options.folds), {"folds": options.folds, **figures})


def run_fold(
    items: Sequence[Item], folds: Sequence[int], fold: int, work: Path, options: argparse.Namespace
) -> list[dict[str, str]]:
    """Trains without a fold and predicts it; returns the rows that `predict` wrote."""
    out = work / f"fold-{fold}.csv"
    if not out.exists():
        parts = ["test" if number == fold else "train" for number in folds]
        chosen = [{**item, "split": part} for item, part in zip(items, parts, strict=True)]
        whole, held = work / f"train-{fold}.csv", work / f"held-out-{fold}.csv"
        write_text(whole, format_table(chosen))
        write_text(held, format_table([item for item in chosen if item["split"] == "test"]))
        run = RunFolder(work / f"run-{fold}")
        going_on = ["--resume"] if run.last.exists() else []
        settings = [part for change in options.set for part in ("--set", change)]
        start = ["train", whole, "--recipe", options.recipe, *settings]
        hangtag(*start, "--out", run.path, *going_on)
        hangtag("predict", held, "--model", run.path, "--out", out)
    return list(read_csv_rows(out))


def hangtag(*arguments: object) -> None:
    """Runs a command of Hangtag; ends this program where it fails."""
    command = [sys.executable, "-m", "hangtag", *map(str, arguments)]
    if code := subprocess.run(command, check=False).returncode:
        raise SystemExit(code)


def judge(rows: Sequence[dict[str, str]]) -> dict[str, Any]:
    """Returns the figures of predictions, pooled."""
    answers = [row["category"] for row in rows]
    names = [row["label"] for row in rows]
    classes = sorted({*names, *answers})
    index = {name: position for position, name in enumerate(classes)}
    labels, predicted = (np.array([index[name] for name in column]) for column in (names, answers))
    suppliers = np.array([row["supplier"] for row in rows])
    intervals = find_intervals(labels, predicted, suppliers)
    true = sorted(set(names))
    recalls = recall_score(names, answers, labels=true, average=None)
    return {
        "n": len(rows),
        "suppliers": intervals.suppliers,
        "accuracy": {
            "value": float((labels == predicted).mean()),
            "interval": list(intervals.accuracy),
        },
        "macro_f1": {
            "value": macro_f1(labels, predicted, np.ones(len(rows), np.int64)),
            "interval": list(intervals.macro_f1),
        },
        "balanced_accuracy": float(recalls.mean()),
        "classes": classes,
        "f1": dict(zip(true, f1_score(names, answers, labels=true, average=None), strict=True)),
        "confusion_matrix": confusion_matrix(names, answers, labels=classes).tolist(),
    }


def merge(rows: Sequence[dict[str, str]]) -> list[dict[str, str]]:
    """Returns the same predictions with labels and answers under the classes of clothing-photos.

    Photos of a label that is in none of them are left out; such an answer stays and is wrong.
    """
    answers = ("label", "category")
    return [
        {**row, **{name: SHIPPED.get(row[name], row[name]) for name in answers}}
        for row in rows
        if row["label"] in SHIPPED
    ]


def show(figures: dict[str, Any]) -> None:
    """Prints accuracy and macro F1, F1 by class and the most frequent confusions."""
    rows = [
        [
            name.replace("_", " "),
            f"{figures[name]['value']:.3f}",
            " to ".join(f"{bound:.3f}" for bound in figures[name]["interval"]),
        ]
        for name in ("accuracy", "macro_f1")
    ]
    rows.append(["balanced accuracy", f"{figures['balanced_accuracy']:.3f}", ""])
    title = f"{figures['n']:,} photos by {figures['suppliers']} people"
    print_table(title, ["figure", "value", "95 % interval"], rows)
    counts, classes = np.array(figures["confusion_matrix"]), figures["classes"]
    rows = [
        [name, f"{true:,}", f"{right / true:.2f}", f"{figures['f1'][name]:.2f}"]
        for name, true, right in zip(classes, counts.sum(axis=1), np.diagonal(counts), strict=True)
        if true
    ]
    rows.sort(key=lambda row: float(row[3]))
    print_table("By class, worst first", ["class", "photos", "recall", "F1"], rows)
    np.fill_diagonal(counts, 0)
    worst = np.argsort(counts, axis=None)[::-1][:WORST]
    for true, said in zip(*np.unravel_index(worst, counts.shape), strict=True):
        print(f"{classes[true]} called {classes[said]}: {counts[true, said]}")


def name_figures(made: Sequence[str], *, folds: int) -> str:
    """Names figures by how they were made; those of a few folds stand beside those of all."""
    return ", ".join([*made, *([f"first {folds} folds"] if folds < FOLDS else [])])


def record(name: str, figures: dict[str, Any]) -> None:
    """Writes the figures beside those of other recipes."""
    known = json.loads(RESULTS.read_text(encoding="utf-8")) if RESULTS.exists() else {}
    known[name] = {**describe_run(), **figures}
    write_text(RESULTS, json.dumps(known, indent=1) + "\n")
    print(RESULTS)


if __name__ == "__main__":
    main()
