"""Measures training, prediction and reading beside their peers, interleaved in one run.

    python -m benchmarks.throughput [--save]

Prints a table; with --save also writes ``benchmarks/results/throughput.json``, the record. Each
figure is the median of ROUNDS interleaved measurements, so that a slow moment of the machine hits
all alike. Ratios carry over to other machines, absolute figures do not.
"""

import json
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

import hangtag
from hangtag.catalogue import Split, split_catalogue
from hangtag.catalogue.pixel_csv import read_pixel_csv, write_pixel_csv
from hangtag.cli.console import print_table
from hangtag.machine import processor, versions
from hangtag.training.loop import Examples, Trainer
from hangtag.training.networks import build_network
from hangtag.training.preprocessing import Normalisation
from hangtag.training.recipes import load_recipe

ROUNDS = 5
RESULTS = Path(__file__).parent / "results" / "throughput.json"

Measure = Callable[[], float]
"""Does some work once and returns items a second."""


def main() -> None:
    """Measures everything, prints the table, and with --save writes the results."""
    catalogue = split_catalogue(hangtag.open_catalogue("fashion-mnist"), share=0.15, seed=0)
    train, test = catalogue.splits["train"], catalogue.splits["test"]
    measures = {
        "train: seed": training_measure("seed", train),
        "train: express": training_measure("express", train),
        **prediction_measures(test.images),
        **reading_measures(train),
    }
    speeds = run_interleaved(measures)
    print_table("Items a second", ["what", "median"], [[n, f"{s:,.0f}"] for n, s in speeds.items()])
    if "--save" in sys.argv:
        save(speeds)


def save(speeds: dict[str, float]) -> None:
    """Writes the speeds with what they were measured on."""
    facts = {"date": datetime.now(UTC).date().isoformat(), "processor": processor()}
    RESULTS.parent.mkdir(exist_ok=True)
    content = {**facts, "versions": versions(), "rounds": ROUNDS, "items_per_second": speeds}
    RESULTS.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
    print(RESULTS)


def run_interleaved(measures: dict[str, Measure]) -> dict[str, float]:
    """Runs each measurement ROUNDS times, in turns; returns the medians."""
    for measure in measures.values():
        measure()
    rounds = []
    for number in range(1, ROUNDS + 1):
        print(f"round {number} of {ROUNDS}", file=sys.stderr)
        rounds.append({name: measure() for name, measure in measures.items()})
    return {name: statistics.median(one[name] for one in rounds) for name in measures}


def training_measure(recipe_name: str, train: Split) -> Measure:
    """Trains on 2,560 images by a recipe: images a second, validation left out."""
    recipe = load_recipe(recipe_name)
    device = torch.device("cpu")
    chosen = Examples.of(train.take(np.arange(2560)), classes=10, device=device)
    few = Examples.of(train.take(np.arange(10)), classes=10, device=device)
    normalisation = Normalisation.of(recipe, train.images)
    trainer = Trainer(recipe, chosen, few, normalisation=normalisation, seed=0, device=device)
    return timed(lambda: trainer.run_epoch(), items=2560)


def prediction_measures(images: NDArray[np.uint8]) -> dict[str, Measure]:
    """Predicts with the shipped model, and with the seed's network in PyTorch eager."""
    model = hangtag.load("fashion-mnist")
    network = build_network(load_recipe("seed"), classes=10).eval()
    network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]

    def eager(pixels: NDArray[np.uint8]) -> None:
        with torch.no_grad():
            scaled = torch.from_numpy(pixels)[:, None].float() / 255
            network(scaled.contiguous(memory_format=torch.channels_last))

    measures: dict[str, Measure] = {}
    for batch in (1, 64, 256):
        count = 64 if batch == 1 else 1024
        batches = [images[start : start + batch] for start in range(0, count, batch)]
        measures[f"predict, batch {batch}: fashion-mnist"] = timed(
            over(model.logits, batches), items=count
        )
        measures[f"predict, batch {batch}: seed network in PyTorch eager"] = timed(
            over(eager, batches), items=count
        )
    return measures


def reading_measures(train: Split) -> dict[str, Measure]:
    """Reads 10,000 rows of pixel CSV by Hangtag and by pandas."""
    folder = Path(tempfile.mkdtemp())
    path = folder / "pixels.csv"
    write_pixel_csv(train.take(np.arange(10_000)), path)
    return {
        "read CSV rows: hangtag": timed(
            lambda: read_pixel_csv(path, name="train", classes=10), items=10_000
        ),
        "read CSV rows: pandas": timed(lambda: pd.read_csv(path), items=10_000),
    }


def over(
    work: Callable[[NDArray[np.uint8]], object], batches: list[NDArray[np.uint8]]
) -> Callable[[], None]:
    """Returns a function that does `work` on each of `batches`."""

    def run() -> None:
        for batch in batches:
            work(batch)

    return run


def timed(work: Callable[[], object], *, items: int) -> Measure:
    """Returns a function that does `work` once and returns items a second."""

    def measure() -> float:
        started = time.perf_counter()
        work()
        return items / (time.perf_counter() - started)

    return measure


if __name__ == "__main__":
    main()
