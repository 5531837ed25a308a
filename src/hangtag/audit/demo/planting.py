"""Decides which item gets which label, and which labels are wrong."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from hangtag.audit.demo.brands import LOOK_ALIKES, OUTSIDE, Brand

_DUPLICATES = 0.01
"""Share of the items that come a second time, under another id: a third as they are, a third under
a label that is wrong, a third from another brand; half of them saved again."""

_TRIES = 20
"""How often another item is tried where one has no word that would be wrong in the wanted way."""


class Fault(StrEnum):
    """What is wrong with a label."""

    NONE = ""
    LOOK_ALIKE = "look-alike"
    FAR = "far"


@dataclass(frozen=True, slots=True)
class DemoItem:
    """An item of the feed.

    Attributes:
        image: Index of its image.
        kind: What it truly is: category id, class name or `OUTSIDE`.
        brand: Index of its brand.
        label: What the brand says of it.
        fault: What is wrong with the label.
        copy_of: Position of the item that it repeats, None for most.
        saved_again: Whether it is such a copy whose pixels differ a little.
    """

    image: int
    kind: str
    brand: int
    label: str
    fault: Fault = Fault.NONE
    copy_of: int | None = None
    saved_again: bool = False


def plant(
    kinds: Sequence[str], brands: Sequence[Brand], *, noise: float, seed: int
) -> list[DemoItem]:
    """Gives each image a brand and a label, and plants faults.

    Half of the wrong labels name a category that looks alike, half one that does not, the brand's
    larger words more often. An item whose kind no brand has a word for is left out.

    Args:
        kinds: What each image shows, (N,).
        brands: As `invent_brands` gives them.
        noise: Share of the items whose label is wrong, 0-1.
        seed: Of all choices.
    """
    random = np.random.default_rng([seed, 2])
    items = _give_out(kinds, brands, random)
    _plant_errors(items, brands, round(noise * len(items)), random)
    originals = random.choice(len(items), round(_DUPLICATES * len(items)), replace=False)
    copies = [
        _copy(items[index], int(index), number, brands, random)
        for number, index in enumerate(originals.tolist())
    ]
    return items + copies


def _copy(
    item: DemoItem, index: int, number: int, brands: Sequence[Brand], random: np.random.Generator
) -> DemoItem:
    """Repeats an item: by turns as it is, under a wrong label, and from another brand."""
    copy = replace(item, copy_of=index, saved_again=number % 2 == 1)
    if number % 3 == 1 and item.fault is Fault.NONE:
        fault = Fault.LOOK_ALIKE if number % 4 < 2 else Fault.FAR
        wrong = _find_wrong(item, brands[item.brand], fault)
        return replace(copy, label=str(random.choice(wrong)), fault=fault) if wrong else copy
    if number % 3 == 2 and item.fault is Fault.NONE:
        offers = [
            (brand, word.label)
            for brand, one in enumerate(brands)
            for word in one.words
            if brand != item.brand and item.kind in word.takes
        ]
        if offers:
            brand, label = offers[random.integers(len(offers))]
            return replace(copy, brand=brand, label=label)
    return copy


def _give_out(
    kinds: Sequence[str], brands: Sequence[Brand], random: np.random.Generator
) -> list[DemoItem]:
    """Gives each image to a brand that sells its kind, under a word that takes it."""
    sellers: dict[str, tuple[list[tuple[int, str]], NDArray[np.float64]]] = {}
    for kind in dict.fromkeys(kinds):
        offers = [
            (index, word.label, brand.size * word.takes[kind])
            for index, brand in enumerate(brands)
            for word in brand.words
            if kind in word.takes
        ]
        if offers:
            weights = np.array([weight for *_, weight in offers])
            sellers[kind] = [(index, label) for index, label, _ in offers], weights / weights.sum()
    items = []
    for image in random.permutation(len(kinds)):
        kind = kinds[image]
        if kind in sellers:
            offers_of_kind, chances = sellers[kind]
            brand, label = offers_of_kind[random.choice(len(chances), p=chances)]
            items.append(DemoItem(int(image), kind, brand, label))
    return items


def _plant_errors(
    items: list[DemoItem], brands: Sequence[Brand], count: int, random: np.random.Generator
) -> None:
    """Changes the labels of `count` items, careless brands' more often."""
    sizes = _count_labels(items)
    chances = np.array([brands[item.brand].carelessness for item in items])
    order = random.choice(len(items), len(items), replace=False, p=chances / chances.sum())
    queue = iter(order.tolist())
    for number in range(count):
        wanted = Fault.LOOK_ALIKE if number % 2 else Fault.FAR
        for index in (one for one, _ in zip(queue, range(_TRIES), strict=False)):
            wrong = _find_wrong(items[index], brands[items[index].brand], wanted)
            weights = np.array([sizes.get((items[index].brand, one), 0) for one in wrong], float)
            if weights.sum():
                label = wrong[random.choice(len(wrong), p=weights / weights.sum())]
                items[index] = replace(items[index], label=label, fault=wanted)
                break


def _find_wrong(item: DemoItem, brand: Brand, fault: Fault) -> list[str]:
    """Returns the labels of the brand that would be wrong for an item in the given way."""
    alike = frozenset(LOOK_ALIKES.get(item.kind, ()))
    return [
        word.label
        for word in brand.words
        if item.kind not in word.takes
        and OUTSIDE not in word.takes
        and alike.isdisjoint(word.takes) == (fault is Fault.FAR)
    ]


def _count_labels(items: Sequence[DemoItem]) -> Mapping[tuple[int, str], int]:
    counts: dict[tuple[int, str], int] = {}
    for item in items:
        counts[item.brand, item.label] = counts.get((item.brand, item.label), 0) + 1
    return counts
