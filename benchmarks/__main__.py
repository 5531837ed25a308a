"""Measures Hangtag beside its peers in one run and on one machine: ``make bench``.

    python -m benchmarks            full: nine rounds, threads and batch sizes too
    python -m benchmarks --quick    three rounds of the comparisons with Keras

Prints tables; writes ``benchmarks/results/full.json`` (or ``quick.json``) and a plot beside it.
Ratios carry over to other machines, absolute figures do not. The machine should be idle.
"""

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

import hangtag
from benchmarks.figures import draw_ratios
from benchmarks.folders import measure_folder
from benchmarks.keras_peer import KerasPeer
from benchmarks.measuring import write_results
from benchmarks.photo_folders import EXTENT, measure_photos, ratios_of_photos
from benchmarks.prediction import measure_prediction
from benchmarks.printing import print_table
from benchmarks.reading import measure_reading
from benchmarks.start_up import measure_beside_keras, measure_start_up
from benchmarks.training import (
    epochs_of_keras,
    measure_arithmetic,
    measure_batches,
    measure_recipes,
    measure_threads,
)
from hangtag.datasets import split_dataset
from hangtag.files.atomic import write_bytes

RESULTS = Path(__file__).parent / "results"
EXAMPLE = Path(__file__).parent.parent / "docs" / "examples" / "9-ankle-boot.png"


def main() -> None:
    """Measures, prints and writes."""
    quick = "--quick" in sys.argv
    rounds = 3 if quick else 9
    results = measure(rounds=rounds, quick=quick)
    path = RESULTS / ("quick.json" if quick else "full.json")
    write_results(path, {"cores": os.cpu_count(), "rounds": rounds, **results})
    write_bytes(path.with_suffix(".png"), draw_ratios(results))
    print(path.with_suffix(".png"))


def measure(*, rounds: int, quick: bool) -> dict[str, Any]:
    """Measures everything and prints a table after each part."""
    dataset = split_dataset(hangtag.load_dataset("fashion-mnist"), fraction=0.15, seed=0)
    train, test = dataset.splits["train"], dataset.splits["test"]
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as name, KerasPeer(Path(name) / "keras.log") as keras:
        folder = Path(name)
        speeds = results["training"] = measure_recipes(train, keras, rounds=rounds)
        show("Training, images a second", speeds, peer="seed, Keras")
        results["keras_epochs"] = epochs_of_keras(speeds)
        show("A whole training, in epochs of the seed by Keras", results["keras_epochs"])
        results["arithmetic"] = measure_arithmetic(speeds, rounds=rounds)
        show("Arithmetic, GFLOP/s", results["arithmetic"], peer="matrix product, float32")
        results["prediction"] = measure_prediction(test, keras, rounds=rounds)
        for batch in (1, 64, 256):
            part = {n: s for n, s in results["prediction"].items() if n.endswith(f" {batch}")}
            show("Prediction, images a second", part, peer=f"seed, Keras, batch {batch}")
        results["cold_start"] = measure_beside_keras(EXAMPLE, keras, folder, rounds=rounds)
        for position, unit in enumerate(("seconds", "MiB at most")):
            cost = {name: pair[position] for name, pair in results["cold_start"].items()}
            show(f"One image from a cold start, {unit}", cost, peer="Keras")
        results["start_up"] = measure_start_up(EXAMPLE, rounds=rounds)
        show("Start-up, seconds", {name: pair[0] for name, pair in results["start_up"].items()})
        results["folder"] = measure_folder(test, folder, rounds=rounds)
        show("Prediction, images a second", results["folder"], peer="arrays")
        turns, photos = EXTENT["quick" if quick else "full"]
        results["photos"] = measure_photos(folder / "photos", rounds=turns, count=photos)
        show("Photos, images a second", results["photos"])
        results["photo_ratios"] = ratios_of_photos(results["photos"])
        show("hangtag predict on photos", results["photo_ratios"])
        results["reading"] = measure_reading(train, folder, rounds=rounds)
        show("Rows of pixel CSV read a second", results["reading"], peer="pandas")
    if not quick:
        results["threads"] = measure_threads(train, rounds=3)
        show("Training by threads, images a second", results["threads"])
        results["batches"] = measure_batches(train, rounds=3)
        show("Training by batch size, images a second", results["batches"])
    return results


def show(title: str, figures: dict[str, float], *, peer: str | None = None) -> None:
    """Prints figures, with their ratios to the peer's where there is one."""
    columns = ["what", "figure", *([f"over {peer}"] if peer else [])]
    rows = [
        [name, f"{value:,.3g}" if value < 100 else f"{value:,.0f}"]
        + ([f"{value / figures[peer]:.2f}"] if peer else [])
        for name, value in figures.items()
    ]
    print_table(title, columns, rows)


if __name__ == "__main__":
    main()
