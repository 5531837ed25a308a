"""A user's tree gets the synonyms of the shipped one."""

import pytest

from hangtag.taxonomy import Category, Tree
from hangtag.taxonomy.matching import rank_categories, read_meanings
from hangtag.taxonomy.searching import search_categories


@pytest.fixture(scope="module")
def shop() -> Tree:
    """A small shop with names that repeat and one that only it has."""
    rows = [
        ("w", "Women", None),
        ("wd", "Dresses", "w"),
        ("wt", "Tops", "w"),
        ("ws", "Shoes", "w"),
        ("m", "Men", None),
        ("mh", "Shirts", "m"),
        ("ms", "Shoes", "m"),
        ("mo", "Outerwear", "m"),
        ("g", "Gadgets", None),
    ]
    return Tree([Category(*row) for row in rows], source="shop.csv")


@pytest.mark.parametrize(
    ("label", "identifier"),
    [
        ("Robes d'été", "wd"),
        ("Herrenhemden", "mh"),
        ("Mens Trainers", "ms"),
        ("Women's boots", "ws"),
        ("Bomber jackets", "mo"),
        ("Blouses", "wt"),
        ("Gadgets", "g"),
        ("GADGET", "g"),
    ],
)
def test_labels_find_the_nearest_category(shop: Tree, label: str, identifier: str) -> None:
    best = rank_categories([label], shop)[0][0]
    assert best.id == identifier
    assert best.score > 0.5


def test_a_mistyped_name_is_a_weak_candidate(shop: Tree) -> None:
    best = rank_categories(["Gadgtes"], shop)[0][0]
    assert best.id == "g"
    assert best.score < 0.6


@pytest.mark.parametrize("label", ["Lipstick", "Necklaces", "", "zzz"])
def test_what_has_no_category_is_outside(shop: Tree, label: str) -> None:
    meaning = next(read_meanings([label], shop))
    assert meaning.outside > 0.6
    assert meaning.outside + sum(meaning.probabilities.values()) == pytest.approx(1)


def test_a_tree_in_another_language() -> None:
    rows = [("1", "Damen", None), ("2", "Kleider", "1"), ("3", "Röcke", "1"), ("4", "Schuhe", "1")]
    tree = Tree([Category(*row) for row in rows], source="laden.csv")
    found = rank_categories(["Dresses", "Mini skirts", "Boots"], tree, count=1)
    assert [category[0].id for category in found] == ["2", "3", "4"]


def test_search_in_names_and_meanings(shop: Tree) -> None:
    assert search_categories("dress", shop)[0].id == "wd"
    assert {category.id for category in search_categories("shoes", shop)} >= {"ws", "ms"}
    assert search_categories("jupe", shop) == []
