"""The model that ships is what the documents say, on the real data."""

import csv
import json
from pathlib import Path

import pytest

from hangtag.catalogue import Catalogue
from hangtag.modelfolder import read_card, shipped_models
from hangtag.training.history import Epoch
from hangtag.training.recipes import Recipe, load_recipe
from tests.tiny import Run

EVIDENCE = Path(__file__).parent.parent / "docs" / "evidence" / "express" / "seed-0"


def test_it_beats_the_seed_on_the_official_test_set(hangtag: Run, fashion_mnist: Catalogue) -> None:
    outcome = hangtag("evaluate", "fashion-mnist", "fashion-mnist", "--split", "test", "--json")
    assert outcome.code == 0, outcome.err
    figures = json.loads(outcome.out)
    assert figures["n"] == 10_000
    assert figures["accuracy"] >= 0.934
    recorded = json.loads((EVIDENCE / "metrics.json").read_text())["test"]
    # Another processor may round a borderline image the other way.
    assert figures["accuracy"] == pytest.approx(recorded["accuracy"], abs=0.0005)
    assert figures["loss"] == pytest.approx(recorded["loss"], abs=1e-3)


def test_it_is_small() -> None:
    for folder in shipped_models().values():
        assert sum(file.stat().st_size for file in folder.iterdir()) < 8_000_000


def test_its_evidence_is_its_own() -> None:
    card = read_card(shipped_models()["fashion-mnist"])
    assert card.seed == 0
    assert Recipe.model_validate(card.recipe) == load_recipe(EVIDENCE / "recipe.yaml")
    assert card.data == json.loads((EVIDENCE / "run.json").read_text())["data"]
    metrics = json.loads((EVIDENCE / "metrics.json").read_text())
    for split, figures in card.metrics.items():
        assert figures["accuracy"] == metrics[split]["accuracy"]
    rows = list(csv.DictReader((EVIDENCE / "results.csv").read_text().splitlines()))
    assert len(rows) == card.recipe["epochs"]
    assert list(rows[0]) == list(Epoch.__dataclass_fields__)
