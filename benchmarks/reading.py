"""Measures how fast a pixel CSV is read, compared with pandas."""

from pathlib import Path

import numpy as np
import pandas as pd

from benchmarks.measuring import run_in_turns, timed
from hangtag.datasets import Split
from hangtag.datasets.export import write_pixel_csv
from hangtag.readers.pixel_csv import PixelCsvSplits

ROWS = 10_000


def measure_reading(train: Split, folder: Path, *, rounds: int) -> dict[str, float]:
    """Rows of pixel CSV a second by Hangtag, which also checks them, and by pandas."""
    path = folder / "pixels.csv"
    write_pixel_csv(train.take(np.arange(ROWS)), path)
    measures = {
        "Hangtag": timed(lambda: list(PixelCsvSplits(path, [path]).read_splits()), items=ROWS),
        "pandas": timed(lambda: pd.read_csv(path), items=ROWS),
    }
    return run_in_turns(measures, rounds=rounds)
