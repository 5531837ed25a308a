"""Invents brands with labels of their own, and decides which items get a wrong one.

A brand has a language, a spelling, and labels that divide all classes between them: some include
several categories, some divide one.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml
from numpy.typing import NDArray

from hangtag.taxonomy import category_of

OUTSIDE = "outside"
"""Category of items that are no apparel."""

SHORTS = "aa-1-14"
"""Category id of shorts, which Fashion-MNIST has no class for."""

_TEES, _SHIRTS, _SWEATERS, _COATS = "aa-1-13-8", "aa-1-13-7", "aa-1-13-12", "aa-1-10-2"
_SHOES = ("aa-8-3", "aa-8-6", "aa-8-8")
_TROUSERS, _SKIRTS, _DRESSES = "aa-1-12", "aa-1-15", "aa-1-4"
_POLOS, _TANKS, _BODYSUITS = "aa-1-13-6", "aa-1-13-9", "aa-1-25-9-2"

LOOK_ALIKES: Mapping[str, tuple[str, ...]] = {
    _TEES: (_SHIRTS, _POLOS, _TANKS, _BODYSUITS),
    _POLOS: (_TEES, _SHIRTS),
    _TANKS: (_TEES,),
    _BODYSUITS: (_TEES,),
    SHORTS: (_SKIRTS,),
    _SKIRTS: (SHORTS, _DRESSES),
    _DRESSES: (_SKIRTS,),
    _SHIRTS: (_TEES, _SWEATERS, _COATS),
    _SWEATERS: (_COATS, _SHIRTS),
    _COATS: (_SWEATERS, _SHIRTS),
    "aa-8-3": ("aa-8-8",),
    "aa-8-6": ("aa-8-8",),
    "aa-8-8": ("aa-8-3", "aa-8-6"),
}
"""Categories that people and models confuse."""

_NAMES = (
    *("Nordwind", "Maison Clairet", "Bluebird & Co", "Casa Olmo", "Ferrante", "Hafenkind"),
    *("Atelier Voisin", "Thistle Lane", "Sol y Lino", "Corsaro", "Lindgrün", "Petit Canal"),
)
_LANGUAGES = ("de", "fr", "en", "es", "it")

_KNITTED_COATS = 0.45
"""Fraction of the coats with a label for knitwear: the cardigans among them."""

_MERGED: Mapping[str, tuple[float, Mapping[str, float]]] = {
    "knitwear": (0.4, {_SWEATERS: 1.0, _COATS: _KNITTED_COATS}),
    "tops": (0.35, {_TEES: 1.0, _SHIRTS: 1.0}),
    "footwear": (0.25, dict.fromkeys(_SHOES, 1.0)),
    "bottoms": (0.25, {_TROUSERS: 1.0, _SKIRTS: 1.0}),
}
"""Labels that include several categories: how often a brand has one, and which fraction of each
category it includes."""

_IN_TWO = 0.3
"""How often a brand has two labels for one category."""

_WITH_SHORTS, _WITH_OUTSIDE, _WITH_WEARER = 0.5, 0.5, 0.4


_DUPLICATES = 0.01
"""Fraction of the items that come a second time, under another id: a third as they are, a third
under a wrong label, a third from another brand; half of them saved again as JPEG."""

_TRIES = 20
"""How often another item is tried where no label of its brand is wrong in the wanted way."""


class LabelFault(StrEnum):
    """What is wrong with a label."""

    NONE = ""
    LOOK_ALIKE = "look-alike"
    FAR = "far"


@dataclass(frozen=True, slots=True)
class BrandLabel:
    """A label of a brand.

    Attributes:
        label: As the brand writes it.
        fractions: Category id, class name or `OUTSIDE` -> fraction of the brand's items of that
            category with this label, 0-1.
    """

    label: str
    fractions: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Brand:
    """A supplier.

    Attributes:
        name: What the feed calls it.
        language: Two letters.
        labels: Its labels; together they include all items of every class.
        size: Relative number of items.
        carelessness: Relative number of errors.
    """

    name: str
    language: str
    labels: tuple[BrandLabel, ...]
    size: float
    carelessness: float


@dataclass(frozen=True, slots=True)
class DemoItem:
    """An item of the feed.

    Attributes:
        image: Index of its image.
        category: What it truly is: category id, class name or `OUTSIDE`.
        brand: Index of its brand.
        label: What the brand says it is.
        fault: What is wrong with the label.
        copy_of: Position of the item that it repeats, None for most.
        saved_again: Whether it is a copy saved again as JPEG.
    """

    image: int
    category: str
    brand: int
    label: str
    fault: LabelFault = LabelFault.NONE
    copy_of: int | None = None
    saved_again: bool = False


def category_id(class_name: str) -> str:
    """Returns the category id of a class, or its name where the taxonomy has no such category."""
    category = category_of(class_name)
    return class_name if category is None else category.id


def invent_brands(classes: Sequence[str], *, count: int, seed: int) -> list[Brand]:
    """Invents `count` brands, each with labels for all of `classes`."""
    random = np.random.default_rng([seed, 1])
    return [_invent_brand(index, classes, random) for index in range(count)]


def _invent_brand(index: int, classes: Sequence[str], random: np.random.Generator) -> Brand:
    name = _NAMES[index % len(_NAMES)]
    if index >= len(_NAMES):
        name = f"{name} {index // len(_NAMES) + 1}"
    language = _LANGUAGES[index % len(_LANGUAGES)]
    spell = _choose_spelling(_read_words()[language]["wearers"], random)
    fractions_of: dict[str, dict[str, float]] = {}
    for label, fractions in _divide_classes(classes, _read_words()[language], random):
        fractions_of.setdefault(spell(label), {}).update(fractions)
    labels = tuple(BrandLabel(label, fractions) for label, fractions in fractions_of.items())
    size, carelessness = np.exp(random.normal(0, [0.4, 0.5]))
    return Brand(name, language, labels, float(size), float(carelessness))


def _divide_classes(
    classes: Sequence[str], words: Mapping[str, Any], random: np.random.Generator
) -> list[tuple[str, dict[str, float]]]:
    """Divides all classes among labels of a language."""
    categories = [category_id(name) for name in classes]
    labels = _merge_categories(categories, words, random)
    left = dict.fromkeys(categories, 1.0)
    for _, fractions in labels:
        for category, fraction in fractions.items():
            left[category] -= fraction
    for category, fraction in left.items():
        if fraction > 0:
            labels += _label_category(category, fraction, words, random)
    if random.random() < _WITH_SHORTS and _TROUSERS in categories and SHORTS not in categories:
        labels.append((random.choice(words["shorts"]), {SHORTS: 1.0}))
    if random.random() < _WITH_OUTSIDE:
        labels.append((random.choice(words["outside"]), {OUTSIDE: 1.0}))
    return labels


def _merge_categories(
    categories: Sequence[str], words: Mapping[str, Any], random: np.random.Generator
) -> list[tuple[str, dict[str, float]]]:
    """Chooses labels that include several categories, each with the fractions it includes."""
    labels = []
    for into, (chance, parts) in _MERGED.items():
        fractions = {
            category: fraction for category, fraction in parts.items() if category in categories
        }
        if len(fractions) > 1 and random.random() < chance:
            labels.append((random.choice(words[into]), fractions))
    return labels


def _label_category(
    category: str, fraction: float, words: Mapping[str, Any], random: np.random.Generator
) -> list[tuple[str, dict[str, float]]]:
    """Returns one label for a category, or two that divide it."""
    pairs = words["two"].get(category, ())
    if pairs and random.random() < _IN_TWO:
        first, second = pairs[random.integers(len(pairs))]
        part = fraction * random.uniform(0.35, 0.65)
        return [(first, {category: part}), (second, {category: fraction - part})]
    known = words["one"].get(category, (category, f"{category}s"))
    return [(random.choice(known), {category: fraction})]


def _choose_spelling(wearers: Sequence[str], random: np.random.Generator) -> Callable[[str], str]:
    """Chooses how a brand spells all of its labels."""
    cases: tuple[Callable[[str], str], ...] = (str, str, str.upper, str.lower)
    case = cases[random.integers(len(cases))]
    pattern = random.choice(wearers) if random.random() < _WITH_WEARER else "{}"
    return lambda word: case(str(pattern).format(word))


@cache
def _read_words() -> Mapping[str, Mapping[str, Any]]:
    text = (files("hangtag.audit.demo") / "words.yaml").read_text(encoding="utf-8")
    words: Mapping[str, Mapping[str, Any]] = yaml.safe_load(text)
    return words


def plant_errors(
    categories: Sequence[str], brands: Sequence[Brand], *, noise: float, seed: int
) -> list[DemoItem]:
    """Gives each image a brand and a label, and plants label errors and duplicates.

    Half of the wrong labels name a category that looks alike, half one that does not, more often a
    larger label of the brand. An item whose category no brand has a label for is left out.

    Args:
        categories: What each image shows, (N,).
        brands: As `invent_brands` returns them.
        noise: Fraction of the items with a wrong label, 0-1.
        seed: Of all choices.
    """
    random = np.random.default_rng([seed, 2])
    items = _assign_brands(categories, brands, random)
    _plant_faults(items, brands, round(noise * len(items)), random)
    originals = random.choice(len(items), round(_DUPLICATES * len(items)), replace=False)
    copies = [
        _copy_item(items[index], int(index), number, brands, random)
        for number, index in enumerate(originals.tolist())
    ]
    return items + copies


def _copy_item(
    item: DemoItem, index: int, number: int, brands: Sequence[Brand], random: np.random.Generator
) -> DemoItem:
    """Repeats an item: by turns as it is, under a wrong label, and from another brand."""
    copy = replace(item, copy_of=index, saved_again=number % 2 == 1)
    if number % 3 == 1 and item.fault is LabelFault.NONE:
        fault = LabelFault.LOOK_ALIKE if number % 4 < 2 else LabelFault.FAR
        wrong = _find_wrong(item, brands[item.brand], fault)
        return replace(copy, label=str(random.choice(wrong)), fault=fault) if wrong else copy
    if number % 3 == 2 and item.fault is LabelFault.NONE:
        offers = [
            (brand, entry.label)
            for brand, other in enumerate(brands)
            for entry in other.labels
            if brand != item.brand and item.category in entry.fractions
        ]
        if offers:
            brand, label = offers[random.integers(len(offers))]
            return replace(copy, brand=brand, label=label)
    return copy


def _assign_brands(
    categories: Sequence[str], brands: Sequence[Brand], random: np.random.Generator
) -> list[DemoItem]:
    """Gives each image a brand that sells its category, and a label that includes it."""
    sellers: dict[str, tuple[list[tuple[int, str]], NDArray[np.float64]]] = {}
    for category in dict.fromkeys(categories):
        offers = [
            (index, entry.label, brand.size * entry.fractions[category])
            for index, brand in enumerate(brands)
            for entry in brand.labels
            if category in entry.fractions
        ]
        if offers:
            weights = np.array([weight for *_, weight in offers])
            sellers[category] = (
                [(index, label) for index, label, _ in offers],
                weights / weights.sum(),
            )
    items = []
    for image in random.permutation(len(categories)):
        category = categories[image]
        if category in sellers:
            of_category, chances = sellers[category]
            brand, label = of_category[random.choice(len(chances), p=chances)]
            items.append(DemoItem(int(image), category, brand, label))
    return items


def _plant_faults(
    items: list[DemoItem], brands: Sequence[Brand], count: int, random: np.random.Generator
) -> None:
    """Makes the labels of `count` items wrong, those of careless brands more often."""
    sizes = _count_labels(items)
    chances = np.array([brands[item.brand].carelessness for item in items])
    order = random.choice(len(items), len(items), replace=False, p=chances / chances.sum())
    queue = iter(order.tolist())
    for number in range(count):
        wanted = LabelFault.LOOK_ALIKE if number % 2 else LabelFault.FAR
        for index, _ in zip(queue, range(_TRIES), strict=False):
            brand = items[index].brand
            wrong = _find_wrong(items[index], brands[brand], wanted)
            weights = np.array([sizes.get((brand, label), 0) for label in wrong], float)
            if weights.sum():
                chosen = wrong[random.choice(len(wrong), p=weights / weights.sum())]
                items[index] = replace(items[index], label=chosen, fault=wanted)
                break


def _find_wrong(item: DemoItem, brand: Brand, fault: LabelFault) -> list[str]:
    """Returns the labels of the brand that would be wrong for an item in the given way."""
    alike = frozenset(LOOK_ALIKES.get(item.category, ()))
    return [
        entry.label
        for entry in brand.labels
        if item.category not in entry.fractions
        and OUTSIDE not in entry.fractions
        and alike.isdisjoint(entry.fractions) == (fault is LabelFault.FAR)
    ]


def _count_labels(items: Sequence[DemoItem]) -> Mapping[tuple[int, str], int]:
    counts: dict[tuple[int, str], int] = {}
    for item in items:
        counts[item.brand, item.label] = counts.get((item.brand, item.label), 0) + 1
    return counts
