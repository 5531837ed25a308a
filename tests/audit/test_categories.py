"""The classes of a model as categories, in Shopify's tree and in one of the user's own."""

import pytest

from hangtag.audit.categories import Categories, LabelTextReader, place_classes
from hangtag.errors import DataError
from hangtag.models.card import Card, ModelClass, TaxonomySource
from hangtag.models.classifier import Classifier
from hangtag.taxonomy import Category, Tree

OWN = Tree(
    [
        Category("1", "Clothing", None),
        Category("2", "Trousers", "1"),
        Category("3", "Tops", "1"),
        Category("4", "Schuhe", None),
        Category("5", "Frocks", "1"),
    ],
    source="ours.csv",
)


TREE_SOURCE = TaxonomySource(source="o.csv", sha256="0" * 64)


@pytest.fixture(scope="module")
def card() -> Card:
    return Classifier.load("fashion-mnist").card


@pytest.fixture(scope="module")
def own(card: Card) -> Categories:
    return place_classes(card, OWN)


def test_categories_have_the_names_of_the_tree(card: Card) -> None:
    found = place_classes(card)
    assert found.names[1] == "Pants"
    assert found.ids[1] == "aa-1-12"
    assert found.google_id("aa-1-12") == "204"
    assert found.is_finer("aa-1-12-3", 1)
    assert not found.is_finer("aa-1-12", 1)
    assert found.find_classes("aa-1-12-3") == ([1], 1.0)
    assert found.find_classes("aa-1-14") == ([], 0.0)


def test_a_category_that_is_named_after_a_class_is_what_the_class_looks_like() -> None:
    photos = place_classes(Classifier.load("clothing-photos").card)
    tree, names = (
        photos.tree,
        [item.name for item in Classifier.load("clothing-photos").card.classes],
    )
    body = names.index("Bodysuit")
    assert tree.distinct_name("aa-1-13-2") == "Clothing Tops > Bodysuits"
    assert photos.find_classes("aa-1-13-2") == ([body], 1.0)
    assert photos.is_finer("aa-1-13-2", body)
    maternity = next(item.id for item in tree if item.name == "Maternity Dresses")
    assert photos.find_classes(maternity) == ([names.index("Dress")], 1.0)
    assert not photos.is_finer(maternity, body)
    wider = tree["aa-1-25-9-2"].parent
    assert wider is not None
    assert not photos.is_finer(wider, body)


def test_a_name_that_several_categories_have_says_none_of_them(card: Card) -> None:
    departments = [
        Category(letter, name, None)
        for letter, name in zip("wmk", ("Women", "Men", "Kids"), strict=True)
    ]
    shoes = [Category(f"{letter}s", "Shoes", letter) for letter in "wmk"]
    classes = tuple(ModelClass(name=item, category=item) for item in ("ws", "ms"))
    trained = card.model_copy(
        update={"classes": classes, "data": card.data.model_copy(update={"taxonomy": TREE_SOURCE})}
    )
    found = place_classes(trained, Tree([*departments, *shoes], source="o"))
    assert found.find_classes("ks") == ([], 0.0)
    assert found.find_classes("ws") == ([0], 1.0)


def test_classes_are_read_in_a_tree_of_ones_own(own: Categories) -> None:
    by_class = dict(zip(("Trouser", "Dress"), (own.ids[1], own.ids[3]), strict=True))
    assert by_class == {"Trouser": "2", "Dress": "5"}
    assert len(set(own.names)) == len(own.names)
    assert own.ids.count("4") == 3
    assert own.find_classes("4")[0] == [5, 7, 9]


def test_labels_are_read_in_a_tree_of_ones_own(own: Categories) -> None:
    frocks, shoes = LabelTextReader(own).read(["Abendkleider", "Schuhe"])
    assert frocks.category == "5"
    assert frocks.probabilities.argmax() == 3
    assert shoes.category == "4"


def test_a_model_of_another_tree_is_refused(card: Card) -> None:
    classes = tuple(item.model_copy(update={"category": "9"}) for item in card.classes)
    data = card.data.model_copy(update={"taxonomy": TREE_SOURCE})
    trained = card.model_copy(update={"classes": classes, "data": data})
    with pytest.raises(DataError, match=r"lacks the category 9 .* trained on o\.csv"):
        place_classes(trained, OWN)


def test_classes_that_no_tree_has_keep_their_names(card: Card) -> None:
    classes = (ModelClass(name="wide", category=None),)
    found = place_classes(card.model_copy(update={"classes": classes}))
    assert found.ids == ("wide", "outside")
    assert not found.known
    assert found.accepted_names()["wide"] == ("wide",)


def test_names_of_classes_of_ones_own_are_read_like_labels(card: Card) -> None:
    names = ("Hosen", "Röcke", "Jacken", "Oberteile", "Tops", "Serie 7")
    classes = tuple(ModelClass(name=item, category=None) for item in names)
    found = place_classes(card.model_copy(update={"classes": classes}))
    assert found.ids[:3] == ("aa-1-12", "aa-1-15", "aa-1-10-2")
    assert found.ids[3:6] == ("Oberteile", "Tops", "Serie 7"), "two would share Clothing Tops"
    reader = LabelTextReader(found)
    chinos, tops, series = reader.read(["Chinos", "TOPS", "serie  7"])
    assert chinos.probabilities.argmax() == 0
    for view, index in ((tops, 4), (series, 5)):
        assert view.probabilities.argmax() == index
        assert view.probabilities.sum() + view.without_class == pytest.approx(1)
        assert view.category == names[index]
