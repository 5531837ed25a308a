from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hangtag.datasets import FASHION_MNIST_CLASSES, Dataset, Split, split_dataset
from hangtag.datasets.splits import number_products, stratified_split, supplier_split
from hangtag.errors import DataError
from tests.datasets.tiny_datasets import make_dataset, make_split

FRACTIONS = st.floats(0.05, 0.95)


def test_seed_split_is_51000_and_9000_with_900_a_class() -> None:
    labels = np.repeat(np.arange(10), 6000)

    train, held_out = stratified_split(labels, fraction=0.15, seed=0)

    assert len(train) == 51_000
    assert np.bincount(labels[held_out]).tolist() == [900] * 10


@given(
    counts=st.lists(st.integers(2, 40), min_size=1, max_size=6),
    fraction=FRACTIONS,
    seed=st.integers(0, 99),
)
def test_stratified_split_keeps_shares_and_loses_nothing(
    counts: list[int], fraction: float, seed: int
) -> None:
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    whole = len(labels)
    if not 0 < round(whole * fraction) < whole:
        with pytest.raises(DataError, match="leaves one part empty"):
            stratified_split(labels, fraction=fraction, seed=seed)
        return

    train, held_out = stratified_split(labels, fraction=fraction, seed=seed)

    assert np.array_equal(np.sort(np.concatenate([train, held_out])), np.arange(whole))
    assert np.all(np.diff(train) > 0)
    assert np.all(np.diff(held_out) > 0)
    assert len(held_out) == round(whole * fraction)
    held_counts = np.bincount(labels[held_out], minlength=len(counts))
    assert np.all(np.abs(held_counts - np.array(counts) * fraction) < 1 + 1e-9)


def test_stratified_split_depends_on_the_seed_only() -> None:
    labels = np.arange(200) % 10

    first, again, other = (
        stratified_split(labels, fraction=0.2, seed=seed)[1].tolist() for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


def test_class_with_one_item() -> None:
    with pytest.raises(DataError, match="class 4 has a single item"):
        stratified_split(np.array([0, 0, 4, 7, 7]), fraction=0.4, seed=0)


@pytest.mark.parametrize("fraction", [0.0, 1.0, -0.1, 2.0, float("nan")])
def test_share_out_of_range(fraction: float) -> None:
    with pytest.raises(DataError, match="expected a fraction above 0 and below 1"):
        stratified_split(np.array([0, 0, 1, 1]), fraction=fraction, seed=0)


def nearest_by_trying_all(counts: Sequence[int], target: float) -> float:
    """The reference: the smallest distance that any proper set of suppliers reaches."""
    return min(
        abs(sum(chosen) - target)
        for size in range(1, len(counts))
        for chosen in combinations(counts, size)
    )


@given(
    counts=st.lists(st.integers(1, 30), min_size=2, max_size=8),
    fraction=FRACTIONS,
    seed=st.integers(0, 99),
)
def test_supplier_split_divides_no_supplier_and_is_as_near_as_possible(
    counts: list[int], fraction: float, seed: int
) -> None:
    suppliers = np.random.default_rng(seed).permutation(
        np.repeat([f"brand {number}" for number in range(len(counts))], counts)
    )

    labels = np.zeros(len(suppliers), np.int64)

    train, held_out = supplier_split(suppliers, labels, fraction=fraction, seed=seed)

    assert not set(suppliers[train]) & set(suppliers[held_out])
    assert np.array_equal(np.sort(np.concatenate([train, held_out])), np.arange(sum(counts)))
    target = sum(counts) * fraction
    assert abs(len(held_out) - target) == pytest.approx(nearest_by_trying_all(counts, target))


def test_supplier_split_depends_on_the_seed() -> None:
    suppliers = np.repeat([f"brand {number:02d}" for number in range(40)], 5)
    labels = np.arange(200) % 3

    first, again, other = (
        supplier_split(suppliers, labels, fraction=0.2, seed=seed)[1].tolist() for seed in (1, 1, 2)
    )

    assert first == again
    assert first != other


def test_one_supplier_cannot_be_divided() -> None:
    with pytest.raises(DataError, match=r"at least two suppliers.*received 1"):
        supplier_split(np.array(["a", "a"]), np.array([0, 1]), fraction=0.5, seed=0)


def test_suppliers_are_chosen_so_that_every_class_is_on_both_sides() -> None:
    """Two of forty suppliers have hats, and nothing else: one must be held out, one kept."""
    suppliers = np.repeat([f"brand {number:02d}" for number in range(40)], 5)
    labels = np.where(np.isin(suppliers, ["brand 03", "brand 17"]), 1, 0)
    for seed in range(5):
        train, held_out = supplier_split(suppliers, labels, fraction=0.2, seed=seed)
        assert set(labels[train]) == set(labels[held_out]) == {0, 1}


def test_a_class_of_one_supplier_is_trained_on() -> None:
    suppliers = np.repeat(["a", "b", "c", "d"], 10)
    labels = np.where(suppliers == "a", 1, 0)
    for seed in range(5):
        train, _ = supplier_split(suppliers, labels, fraction=0.25, seed=seed)
        assert set(labels[train]) == {0, 1}


def test_copies_across_a_drawn_split_are_told() -> None:
    train = make_split(40, classes=2)
    copied = train.images.copy()
    copied[1:] = copied[0]
    dataset = Dataset("tiny", "made up", ("a", "b"), {"train": replace(train, images=copied)})
    (notice,) = split_dataset(dataset, fraction=0.25, seed=0).notices
    assert notice.startswith("10 of the 10 validation images also appear in train")


def test_validation_is_taken_from_train_only() -> None:
    dataset = make_dataset(train=200, test=30)

    divided = split_dataset(dataset, fraction=0.15, seed=3)

    assert list(divided.splits) == ["train", "validation", "test"]
    assert len(divided.splits["validation"]) == 30
    ids = {*divided.splits["train"].ids, *divided.splits["validation"].ids}
    assert ids == set(dataset.splits["train"].ids)
    assert divided.splits["test"] is dataset.splits["test"]


def test_dataset_without_test_stays_without() -> None:
    divided = split_dataset(make_dataset(train=200, test=0), fraction=0.15, seed=0)

    assert list(divided.splits) == ["train", "validation"]


def test_validation_that_is_there_is_kept() -> None:
    splits = {name: make_split(5, name=name) for name in ("train", "validation")}
    dataset = Dataset("tiny", "made up", FASHION_MNIST_CLASSES, splits)

    assert split_dataset(dataset, fraction=0.5, seed=0) is dataset


def test_dataset_with_suppliers_is_divided_by_supplier() -> None:
    train = make_split(40, suppliers=[f"brand {number % 8}" for number in range(40)])
    dataset = Dataset("tiny", "made up", FASHION_MNIST_CLASSES, {"train": train})

    divided = split_dataset(dataset, fraction=0.25, seed=0)

    sides = [divided.splits[name].suppliers for name in ("train", "validation")]
    assert [len(set(side)) for side in sides if side is not None] == [6, 2]


def test_a_dataset_of_one_supplier_is_divided_by_class() -> None:
    train = make_split(40, suppliers=["the only brand"] * 40)
    dataset = Dataset("tiny", "made up", FASHION_MNIST_CLASSES, {"train": train})

    divided = split_dataset(dataset, fraction=0.25, seed=0)

    assert [len(divided.splits[name]) for name in ("train", "validation")] == [30, 10]


def test_dataset_without_train() -> None:
    dataset = make_dataset(train=0)

    with pytest.raises(DataError, match="has no split 'train'"):
        split_dataset(dataset, fraction=0.1, seed=0)


def test_class_with_a_single_item_is_called_by_its_name() -> None:
    dataset = make_dataset(train=8, test=0, classes=("Hat", "Skirt", "Cape"))
    dataset.splits["train"].labels[:] = [0, 0, 0, 2, 2, 2, 2, 1]

    with pytest.raises(DataError, match="class 'Skirt' has a single item"):
        split_dataset(dataset, fraction=0.25, seed=0)


def make_products(labels: list[int], products: list[str], suppliers: list[str] | None) -> Dataset:
    split = Split(
        np.zeros((len(labels), 28, 28), np.uint8),
        np.array(labels, np.int64),
        np.array([str(number) for number in range(len(labels))]),
        None if suppliers is None else np.array(suppliers),
        products=np.array(products),
    )
    return Dataset("views", "made", ("a", "b"), {"train": split})


@given(seed=st.integers(0, 1000), views=st.lists(st.integers(1, 5), min_size=8, max_size=40))
def test_views_of_one_product_stay_together(seed: int, views: list[int]) -> None:
    products = [f"p{number}" for number, count in enumerate(views) for _ in range(count)]
    labels = [number % 2 for number, count in enumerate(views) for _ in range(count)]
    divided = split_dataset(make_products(labels, products, None), fraction=0.25, seed=seed)
    parts = [divided.splits[name] for name in ("train", "validation")]
    train, held = (set(part.product_keys()) for part in parts)
    assert not train & held
    assert len(parts[0]) + len(parts[1]) == len(products)
    for part in parts:
        assert set(part.labels.tolist()) == {0, 1}


def test_items_without_a_product_are_products_of_their_own() -> None:
    dataset = make_products([0, 0, 0, 0, 1, 1, 1, 1], ["x", "x", "", "", "y", "y", "", ""], None)
    divided = split_dataset(dataset, fraction=0.5, seed=0)
    assert np.bincount(divided.splits["validation"].labels).tolist() == [2, 2]


def test_the_same_product_number_of_two_suppliers_is_two_products() -> None:
    dataset = make_products([0, 1, 0, 1], ["1", "2", "1", "2"], ["A", "A", "B", "B"])
    train = dataset.splits["train"]
    assert number_products(train).tolist() == [0, 1, 2, 3]
    divided = split_dataset(dataset, fraction=0.5, seed=0)
    held = divided.splits["validation"].suppliers
    assert held is not None
    assert len(set(held.tolist())) == 1


def test_one_product_a_class_cannot_be_divided() -> None:
    with pytest.raises(DataError, match="no class has images of two products"):
        split_dataset(make_products([0, 0, 1, 1], ["x", "x", "y", "y"], None), fraction=0.5, seed=0)
