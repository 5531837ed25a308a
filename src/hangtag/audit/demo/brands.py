"""Invents brands: a language, a way to write, and the words that divide the classes."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
import yaml

from hangtag.taxonomy import category_of

OUTSIDE = "outside"
"""What a word covers that names no apparel."""

SHORTS = "aa-1-14"
"""A category that Fashion-MNIST has no class for: shorts."""

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
"""Categories that people and models take for one another."""

_NAMES = (
    *("Nordwind", "Maison Clairet", "Bluebird & Co", "Casa Olmo", "Ferrante", "Hafenkind"),
    *("Atelier Voisin", "Thistle Lane", "Sol y Lino", "Corsaro", "Lindgrün", "Petit Canal"),
)
_LANGUAGES = ("de", "fr", "en", "es", "it")

_KNITTED_COATS = 0.45
"""Share of the coats that a word for knitwear takes: the cardigans among them."""

_MERGED: Mapping[str, tuple[float, Mapping[str, float]]] = {
    "knitwear": (0.4, {_SWEATERS: 1.0, _COATS: _KNITTED_COATS}),
    "tops": (0.35, {_TEES: 1.0, _SHIRTS: 1.0}),
    "footwear": (0.25, dict.fromkeys(_SHOES, 1.0)),
    "bottoms": (0.25, {_TROUSERS: 1.0, _SKIRTS: 1.0}),
}
"""Words over several categories: how often a brand has one, and what it takes of each."""

_IN_TWO = 0.3
"""How often a brand has two words for one category."""

_WITH_SHORTS, _WITH_OUTSIDE, _WITH_WEARER = 0.5, 0.5, 0.4


@dataclass(frozen=True, slots=True)
class Word:
    """A label of a brand.

    Attributes:
        label: As the brand writes it.
        takes: Category id, class name or `OUTSIDE` -> share of the brand's items of it, 0-1.
    """

    label: str
    takes: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Brand:
    """A supplier.

    Attributes:
        name: What the feed calls it.
        language: Two letters.
        words: Its labels; together they take all items of every class.
        size: How many items it has, beside the others.
        carelessness: How many errors it makes, beside the others.
    """

    name: str
    language: str
    words: tuple[Word, ...]
    size: float
    carelessness: float


def name_kind(class_name: str) -> str:
    """Returns the category id of a class, or its name where the taxonomy has none."""
    category = category_of(class_name)
    return class_name if category is None else category.id


def invent_brands(classes: Sequence[str], *, count: int, seed: int) -> list[Brand]:
    """Invents `count` brands that sell all of `classes`."""
    random = np.random.default_rng([seed, 1])
    return [_invent_brand(index, classes, random) for index in range(count)]


def _invent_brand(index: int, classes: Sequence[str], random: np.random.Generator) -> Brand:
    name = _NAMES[index % len(_NAMES)]
    if index >= len(_NAMES):
        name = f"{name} {index // len(_NAMES) + 1}"
    language = _LANGUAGES[index % len(_LANGUAGES)]
    spell = _choose_spelling(_read_words()[language]["wearers"], random)
    found: dict[str, dict[str, float]] = {}
    for label, takes in _divide(classes, _read_words()[language], random):
        found.setdefault(spell(label), {}).update(takes)
    words = tuple(Word(label, takes) for label, takes in found.items())
    size, carelessness = np.exp(random.normal(0, [0.4, 0.5]))
    return Brand(name, language, words, float(size), float(carelessness))


def _divide(
    classes: Sequence[str], words: Mapping[str, Any], random: np.random.Generator
) -> list[tuple[str, dict[str, float]]]:
    """Divides all classes among words of a language."""
    kinds = [name_kind(name) for name in classes]
    divided = _merge(kinds, words, random)
    left = dict.fromkeys(kinds, 1.0)
    for _, takes in divided:
        for kind, share in takes.items():
            left[kind] -= share
    for kind, share in left.items():
        if share > 0:
            divided += _name(kind, share, words, random)
    if random.random() < _WITH_SHORTS and _TROUSERS in kinds and SHORTS not in kinds:
        divided.append((random.choice(words["shorts"]), {SHORTS: 1.0}))
    if random.random() < _WITH_OUTSIDE:
        divided.append((random.choice(words["outside"]), {OUTSIDE: 1.0}))
    return divided


def _merge(
    kinds: Sequence[str], words: Mapping[str, Any], random: np.random.Generator
) -> list[tuple[str, dict[str, float]]]:
    """Chooses words that cover several categories, each with what it takes of them."""
    merged = []
    for into, (chance, parts) in _MERGED.items():
        takes = {kind: share for kind, share in parts.items() if kind in kinds}
        if len(takes) > 1 and random.random() < chance:
            merged.append((random.choice(words[into]), takes))
    return merged


def _name(
    kind: str, share: float, words: Mapping[str, Any], random: np.random.Generator
) -> list[tuple[str, dict[str, float]]]:
    """Returns one word for a category, or two that divide it."""
    pairs = words["two"].get(kind, ())
    if pairs and random.random() < _IN_TWO:
        first, second = pairs[random.integers(len(pairs))]
        part = share * random.uniform(0.35, 0.65)
        return [(first, {kind: part}), (second, {kind: share - part})]
    known = words["one"].get(kind, (kind, f"{kind}s"))
    return [(random.choice(known), {kind: share})]


def _choose_spelling(wearers: Sequence[str], random: np.random.Generator) -> Callable[[str], str]:
    """Chooses how a brand writes all of its words."""
    cases: tuple[Callable[[str], str], ...] = (str, str, str.upper, str.lower)
    case = cases[random.integers(len(cases))]
    pattern = random.choice(wearers) if random.random() < _WITH_WEARER else "{}"
    return lambda word: case(str(pattern).format(word))


@cache
def _read_words() -> Mapping[str, Mapping[str, Any]]:
    text = (files("hangtag.audit.demo") / "words.yaml").read_text(encoding="utf-8")
    words: Mapping[str, Mapping[str, Any]] = yaml.safe_load(text)
    return words
