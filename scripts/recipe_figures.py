"""The figures of the recipes: from the runs in benchmarks/evidence and the last full benchmark."""

import csv
import json
import statistics
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hangtag.images.spec import ImageSpec
from hangtag.reports.style import BLUE, GREEN, INK, MUTED, ORANGE, drawing_style, new_sheet, png_of
from hangtag.training.networks import build_network
from hangtag.training.recipes import Recipe, load_recipe
from hangtag.training.summary import summarise

BENCHMARKS = Path(__file__).parent.parent / "benchmarks"
EVIDENCE = BENCHMARKS / "evidence"
BENCHMARK = BENCHMARKS / "results" / "full.json"
COLOURS = {"express": ORANGE, "seed": MUTED, "tiny": GREEN, "accurate": BLUE}
"""The recipes, in the order of the table."""

COURSEWORK = 0.9340
"""Test accuracy of the coursework system of 2021."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """The runs of a recipe, one a seed.

    Attributes:
        recipe: Its name.
        parameters: Of the network, statistics included.
        accuracies: On the test set, one a run.
        curve: Validation accuracy after each epoch of the first run.
        keras_epochs: Time of the first run, in epochs of the seed by Keras on the same machine.
        speed: Images predicted a second at batch 256, over Keras on the seed.
    """

    recipe: str
    parameters: int
    accuracies: list[float]
    curve: list[float]
    keras_epochs: float
    speed: float

    @property
    def accuracy(self) -> str:
        """Mean, standard deviation and number of runs, in percent."""
        mean, runs = f"{100 * statistics.mean(self.accuracies):.2f}", len(self.accuracies)
        if runs == 1:
            return f"{mean} (n = 1)"
        return f"{mean} ± {100 * statistics.stdev(self.accuracies):.2f} (n = {runs})"


def read_evidence() -> list[Evidence]:
    """Reads the runs of every recipe and the benchmark."""
    benchmark = json.loads(BENCHMARK.read_text(encoding="utf-8"))
    return [_read_recipe(name, benchmark) for name in COLOURS]


def make_table(evidence: list[Evidence]) -> str:
    """Writes the table of the recipes as Markdown."""
    rows = [
        f"| `{runs.recipe}` | {runs.parameters:,} | {runs.accuracy} | {runs.keras_epochs:.1f} | "
        f"{runs.speed:.2g}x |"
        for runs in evidence
    ]
    head = (
        "| recipe | parameters | test accuracy, % | training time, Keras epochs | images/s, "
        "times Keras |"
    )
    return "\n".join([head, "|---|---|---|---|---|", *rows]) + "\n"


def draw_accuracy_against_time(evidence: list[Evidence]) -> bytes:
    """Draws validation accuracy over training time, and the test accuracy at the end, as PNG."""
    with drawing_style():
        sheet = new_sheet(8, 4.5)
        axes = sheet.subplots()
        for runs in evidence:
            colour, end = COLOURS[runs.recipe], runs.keras_epochs
            times = [end * (epoch + 1) / len(runs.curve) for epoch in range(len(runs.curve))]
            axes.plot(times, [100 * value for value in runs.curve], color=colour, linewidth=1)
            mean = 100 * statistics.mean(runs.accuracies)
            axes.plot(end, mean, "o", color=colour)
            label = f"{runs.recipe}: {mean:.2f}"
            note = axes.annotate(
                label, (end, mean), (8, -4), textcoords="offset points", color=colour, zorder=5
            )
            note.set_bbox({"facecolor": "white", "edgecolor": "none", "alpha": 0.8, "pad": 1})
        axes.axhline(100 * COURSEWORK, color=INK, linewidth=1, linestyle=":")
        axes.set_xscale("log")
        axes.set_ylim(88, 97.5)
        left, right = 0.2, axes.get_xlim()[1]
        axes.set_xlim(left, right * 3)
        axes.xaxis.set_major_formatter("{x:g}")
        axes.text(left * 1.1, 93.5, "coursework of 2021: 93.40", color=INK, fontsize=8)
        axes.set_xlabel("training time, in epochs of the seed by Keras on the same machine")
        axes.set_ylabel("accuracy, %: validation (line), test (dot)")
        return png_of(sheet)


def _read_recipe(name: str, benchmark: dict[str, Any]) -> Evidence:
    runs = sorted((EVIDENCE / name).glob("seed-*"))
    metrics = [json.loads((run / "metrics.json").read_text(encoding="utf-8")) for run in runs]
    recipe = load_recipe(runs[0] / "recipe.yaml")
    with (runs[0] / "results.csv").open(encoding="utf-8") as file:
        epochs = [{key: float(value) for key, value in row.items()} for row in csv.DictReader(file)]
    network = build_network(recipe, classes=10)
    prediction = benchmark["prediction"]
    whole = benchmark["keras_epochs"][name] * len(epochs) / recipe.epochs
    return Evidence(
        recipe=name,
        parameters=summarise(network, ImageSpec(28, 28, 1)).total,
        accuracies=[figures["test"]["accuracy"] for figures in metrics],
        curve=[epoch["val_accuracy"] for epoch in epochs],
        keras_epochs=whole * _fraction_of_time(recipe, [epoch["seconds"] for epoch in epochs]),
        speed=prediction[f"{name}, batch 256"] / prediction["seed, Keras, batch 256"],
    )


def _fraction_of_time(recipe: Recipe, seconds: list[float]) -> float:
    """Time of a run that leaves out images over one that does not, by the medians of its epochs."""
    if recipe.data_pruning is None:
        return 1.0
    last = round(recipe.epochs * recipe.data_pruning.anneal)
    skipping, whole = statistics.median(seconds[:-last]), statistics.median(seconds[-last:])
    return (skipping * (len(seconds) - last) + whole * last) / (whole * len(seconds))
