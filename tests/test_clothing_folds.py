"""The figures of the five folds: suppliers apart, metrics as scikit-learn's, honest intervals."""

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from benchmarks.clothing import MANY, SHIPPED, divide, raw_items, shipped_items, split_off
from benchmarks.clothing_folds import judge, merge, name_figures
from hangtag.taxonomy import LEVELS, category_of, parents_of

LABELS = ("T-Shirt", "Polo", "Undershirt", "Top", "Blouse", "Not sure")


def make_items(count: int = 900) -> list[dict[str, str]]:
    random = np.random.default_rng(0)
    suppliers = [0] * 150 + [1 + int(n) for n in random.geometric(0.05, count - 150)]
    return [
        {"image": f"{n}.jpg", "label": str(random.choice(LABELS)), "supplier": str(supplier)}
        for n, supplier in enumerate(suppliers)
    ]


def make_rows(right: float = 0.8) -> list[dict[str, str]]:
    """Predictions, of which some are accepted as a parent only."""
    random = np.random.default_rng(1)
    rows = []
    for item in raw_items(make_items()):
        said = item["label"] if random.random() < right else str(random.choice(LABELS[:5]))
        parent = "" if random.random() < 0.7 else "Upper body"
        rows.append({**item, "category": said, "parent": parent, "said": said})
    return rows


def test_every_part_has_suppliers_of_its_own() -> None:
    items = raw_items(make_items())
    parts = divide(items, parts=5)
    assert set(parts) == set(range(5))
    places: dict[str, set[int]] = {}
    for item, part in zip(items, parts, strict=True):
        places.setdefault(item["supplier"], set()).add(part)
    assert {len(found) for found in places.values()} == {1}
    assert divide(items, parts=5) == parts


def test_the_split_of_the_shipped_model_is_by_supplier_and_its_figures_of_many() -> None:
    items = split_off(shipped_items(make_items()))
    assert {item["label"] for item in items} == {"T-shirt", "Polo", "Tank top"}
    places: dict[str, set[str]] = {}
    for item in items:
        places.setdefault(item["supplier"], set()).add(item["split"])
    assert {len(found) for found in places.values()} == {1}
    counts = {name: sum(item["supplier"] == name for item in items) for name in places}
    assert max(counts.values()) > MANY
    assert {
        split for name, splits in places.items() if counts[name] > MANY for split in splits
    } == {"train"}
    assert {item["split"] for item in items} == {"train", "validation", "test"}


def test_figures_are_those_of_scikit_learn() -> None:
    rows = make_rows()
    figures = judge(rows)
    true, said = ([row[name] for row in rows] for name in ("label", "said"))
    assert figures["accuracy"]["value"] == pytest.approx(accuracy_score(true, said))
    assert figures["macro_f1"]["value"] == pytest.approx(f1_score(true, said, average="macro"))
    for name in ("accuracy", "macro_f1"):
        low, high = figures[name]["interval"]
        assert low < figures[name]["value"] < high


def test_suppliers_that_differ_widen_the_interval() -> None:
    rows = make_rows()
    for row in rows:  # Half of the suppliers are always right, the others never.
        wrong = "Polo" if row["label"] == "T-Shirt" else "T-Shirt"
        said = row["label"] if int(row["supplier"]) % 2 else wrong
        row.update(category=said)
    wide, n = judge(rows)["accuracy"], len(rows)
    low, high = wide["interval"]
    binomial = 3.92 * (wide["value"] * (1 - wide["value"]) / n) ** 0.5
    assert high - low > 2 * binomial


def test_merged_answers_that_are_in_no_class_are_wrong() -> None:
    rows = make_rows(right=1.0)
    rows[0].update(label="T-Shirt", category="Blouse")
    merged = judge(merge(rows))
    assert merged["n"] == sum(row["label"] in SHIPPED for row in rows)
    assert merged["accuracy"]["value"] == pytest.approx(1 - 1 / merged["n"])
    assert set(merged["f1"]) == {"T-shirt", "Polo", "Tank top"}


@pytest.mark.parametrize("name", sorted(set(SHIPPED.values())))
def test_each_class_of_clothing_photos_is_a_category_with_parents(name: str) -> None:
    assert category_of(name) is not None
    assert len(parents_of(name)) == len(LEVELS)


def test_figures_of_a_few_folds_do_not_take_the_place_of_those_of_all() -> None:
    assert name_figures(["photo", "raw"], folds=5) == "photo, raw"
    assert name_figures(["photo", "raw"], folds=2) == "photo, raw, first 2 folds"
