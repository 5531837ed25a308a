"""A long feed in little more memory than a short one."""

import subprocess
import sys

import pytest

AUDIT = """
import resource, sys
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import hangtag.audit.run as run
from hangtag.audit.feed import FeedItem
from hangtag.models.classifier import Classifier
from hangtag.models.runtime import ModelOutputs

count = int(sys.argv[1])
real = Classifier.load("fashion-mnist")
random = np.random.default_rng(0)
truth = random.integers(0, 10, 512)
LOGITS = (random.normal(size=(512, 10)) + 8 * np.eye(10)[truth]).astype(np.float32)
BLANK = np.zeros((28, 28), np.uint8)


class Quick(Classifier):
    # Gives the same 512 outputs again and again, so that only the audit takes time.
    def __init__(self):
        self.card, self.turn = real.card, 0

    def run(self, images, *, on_progress=None):
        rows = (self.turn + np.arange(len(images))) % 512
        self.turn += len(images)
        return ModelOutputs(LOGITS[rows], np.zeros(len(images), np.float32))


class Rows:
    path, note, total = "made", "", count

    def read(self, pool, spec):
        for n in range(count):
            kind = truth[n % 512] if n % 20 else (truth[n % 512] + 3) % 10
            brand = f"brand {(n * 2654435761 >> 8) % 40}"
            file = f"{n}.png"
            yield FeedItem(f"id-{n}", brand, f"word {kind}", file, file, BLANK, "")


run.load_reference = lambda *rest, **options: None
with TemporaryDirectory() as folder:
    result = run.run_audit(Rows(), model=Quick(), out=Path(folder))
    assert result.counts.items == count
    assert len(result.entries) == 400, len(result.entries)
    issues = result.label_issues.issue_count
    assert abs(issues / count - 0.05) < 0.03, issues
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def peak_of(count: int) -> int:
    """Returns the most memory that an audit of `count` items takes, KiB."""
    command = [sys.executable, "-c", AUDIT, str(count)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


@pytest.mark.slow
def test_two_hundred_thousand_items_take_little_more_than_twenty_thousand() -> None:
    """What grows are the issues (at most 100,000), fingerprints and hashes of ids."""
    assert peak_of(200_000) - peak_of(20_000) < 60_000
