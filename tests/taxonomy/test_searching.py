"""Labels that are categories of a tree: by id, name or path; what is none is one clear error."""

import pytest

from hangtag.errors import DataError
from hangtag.taxonomy import Category, Tree
from hangtag.taxonomy.searching import assign_categories


@pytest.fixture(scope="module")
def shop() -> Tree:
    rows = [
        ("w", "Women", None),
        ("wt", "T-Shirts", "w"),
        ("ws", "Shoes", "w"),
        ("m", "Men", None),
        ("mj", "Jackets", "m"),
        ("ms", "Shoes", "m"),
        ("42", "Übergröße", None),
    ]
    return Tree([Category(*row) for row in rows], source="shop.csv")


@pytest.mark.parametrize(
    ("label", "identifier"),
    [
        ("wt", "wt"),
        ("T-Shirts", "wt"),
        ("t shirt", "wt"),
        ("Women > Shoes", "ws"),
        ("men/shoes", "ms"),
        ("42", "42"),
        ("UBERGROSSE", "42"),
    ],
)
def test_ids_names_and_paths_count(shop: Tree, label: str, identifier: str) -> None:
    assert assign_categories([label], shop) == {label: identifier}


@pytest.mark.parametrize(
    ("labels", "parts"),
    [
        (["Jakets", "x", "wt"], ["'Jakets' (and 1 other labels)", "Men > Jackets (mj)"]),
        (["Herrenjacken"], ["'Herrenjacken'", "Men > Jackets (mj)", "shop.csv"]),
        (["!!!"], ["'!!!'", "the nearest: "]),
        (["shoe"], ["several categories", "Women > Shoes (ws), Men > Shoes (ms)", "write the id"]),
    ],
)
def test_what_is_no_category_is_one_error(shop: Tree, labels: list[str], parts: list[str]) -> None:
    with pytest.raises(DataError) as caught:
        assign_categories(labels, shop)
    for part in parts:
        assert part in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_very_spelling_wins() -> None:
    tree = Tree([Category("1", "Jacket", None), Category("2", "Jackets", None)], source="t.csv")
    assert assign_categories(["Jackets", "Jacket"], tree) == {"Jackets": "2", "Jacket": "1"}
    with pytest.raises(DataError, match="several"):
        assign_categories(["jacket"], tree)
