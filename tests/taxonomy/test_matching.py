"""Labels in nine languages find their categories; nothing raises, whatever a label holds."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hangtag.errors import DataError
from hangtag.taxonomy import shipped_tree
from hangtag.taxonomy.languages import LabelSource, study_source
from hangtag.taxonomy.lexicon import LANGUAGES
from hangtag.taxonomy.matching import LabelReader, rank_categories, read_meanings
from hangtag.taxonomy.reading import KINDS

GOLDEN = {
    "en": {
        "Jumpers & Cardigans": "Clothing Tops",
        "T-Shirts & Vests": "Clothing Tops",
        "vest top": "Tank Tops",
        "Men's Dress Shirts": "Dress Shirts",
        "Girls' Dresses": "Baby & Children's Dresses",
        "Football Boots": "Athletic Shoes",
        "Shirt Dress": "Dresses",
        "Boots with fur lining": "Boots",
        "Women > Shoes > Sandals": "Sandals",
        "Ski jackets & pants": "Outerwear",
        "Boxers & Briefs": "Men's Underwear",
    },
    "de": {
        "Herrenhemden": "Shirts",
        "Damen Winterstiefel gefüttert": "Boots",
        "Kinderschuhe": "Baby & Children's Shoes",
        "Umstandsmode": "Maternity Clothing",
        "Röcke": "Skirts",
        "Schals & Tücher": "Scarves & Shawls",
        "Streifenpullover": "Sweaters",
        "Uhrenaccessoires": "Watch Accessories",
    },
    "fr": {
        "Robes": "Dresses",
        "Baskets enfant": "Baby & Children's Sneakers",
        "Gilet sans manches": "Vests",
        "Vestes en jean": "Trucker Jackets",
        "Boucles d'oreilles": "Earrings",
        "Sacs à dos": "Backpack Handbags",
        "Chemises": "Shirts",
    },
    "es": {
        "Faldas": "Skirts",
        "Camisas y blusas": "Clothing Tops",
        "Zapatos de tacón": "Heels",
        "Ropa de bebé": "Baby & Children's Clothing",
        "Camperas": "Coats & Jackets",
        "Zapatillas": "Sneakers",
    },
    "it": {
        "Gonne": "Skirts",
        "Costumi da bagno": "Swimwear",
        "Scarpe con tacco": "Heels",
        "Camicie da notte": "Nightgowns",
        "Accessori per capelli": "Hair Accessories",
        "Maglieria": "Sweaters",
    },
    "nl": {"Jurken": "Dresses", "Spijkerbroeken": "Jeans", "Laarzen": "Boots"},
    "pt": {"Calças jeans": "Jeans", "Brincos": "Earrings", "Meias": "Socks"},
    "pl": {"Sukienki": "Dresses", "Kurtki i płaszcze": "Coats & Jackets"},
    "sv": {"Klänningar": "Dresses", "Skjortor": "Shirts", "Kostymer": "Suits"},
}
CASES = [(language, *pair) for language, pairs in GOLDEN.items() for pair in pairs.items()]
NOT_APPAREL = (
    "Perfume",
    "Bettwäsche",
    "Jouets",
    "Muebles",
    "Libri",
    "Dog coats",
    "Sale",
    "Koffers",
)


@pytest.mark.parametrize(("language", "label", "name"), CASES)
def test_golden(language: str, label: str, name: str) -> None:
    best = rank_categories([label], language=language)[0][0]
    assert best.name == name
    assert best.score > 0.5


@pytest.mark.parametrize("language", GOLDEN)
def test_a_list_tells_its_language(language: str) -> None:
    meanings = list(read_meanings(GOLDEN[language]))
    tree = shipped_tree()
    assert sum(item.language == language for item in meanings) >= len(meanings) - 1
    found = [item.candidates(tree, count=1)[0].name for item in meanings]
    right = [name == gold for name, gold in zip(found, GOLDEN[language].values(), strict=True)]
    assert sum(right) >= len(right) - 1


def test_the_same_word_means_what_its_neighbours_say() -> None:
    english = rank_categories(["Robes", "Dressing gowns", "Slippers", "Jumpers"], count=1)[0][0]
    french = rank_categories(["Robes", "Bottines", "Jupes", "Chaussures"], count=1)[0][0]
    assert (english.name, french.name) == ("Robes", "Dresses")
    assert min(english.score, french.score) > 0.7


@pytest.mark.parametrize("label", NOT_APPAREL)
def test_what_is_no_apparel_is_outside(label: str) -> None:
    meaning = next(read_meanings([label]))
    assert meaning.outside > 0.5
    assert all(item.score < 0.5 for item in meaning.candidates(shipped_tree()))


@pytest.mark.parametrize("label", ["", "qwrtzp", "12345", "???", "Zzyzx Blorp"])
def test_junk_scores_low(label: str) -> None:
    meaning = next(read_meanings([label]))
    assert meaning.kind == "nothing"
    assert all(item.score < 0.35 for item in meaning.candidates(shipped_tree()))


@pytest.mark.parametrize(
    ("mistyped", "name"),
    [
        ("Cardigna", "Cardigans"),
        ("Pullovre", "Sweaters"),
        ("Sweatshrits", "Sweatshirts"),
        ("Stieffeletten", "Boots"),
        ("Chaussettess", "Socks"),
        ("Sujetadroes", "Bras"),
        ("Pantalonni", "Pants"),
    ],
)
def test_planted_typos_are_found(mistyped: str, name: str) -> None:
    candidates = rank_categories([mistyped])[0]
    assert name in [item.name for item in candidates]
    assert candidates[0].score < 0.95


def test_slashes_lead_down_where_the_list_says_so() -> None:
    labels = ["Boots/Ankle", "Boots/Knee High", "Boots/Prewalker", "Slippers/Boot", "Sandals/Flat"]
    assert study_source(labels).slash == ">"
    assert study_source(labels[3:]).slash == "/"
    found = [item[0].name for item in rank_categories(labels)]
    assert found == ["Boots", "Boots", "Baby & Children's Boots", "Slippers", "Sandals"]


@pytest.mark.parametrize(
    ("language", "label", "name"),
    [
        ("es", "TOPS > Blusas", "Blouses"),
        ("es", "PANTALONES > Shorts", "Shorts"),
        ("es", "ACCESORIOS > Relojes", "Watches"),
        ("en", "Lingerie > Socks", "Socks"),
        ("en", "Shirts & Blouses > Clothing", "Clothing Tops"),
        ("de", "Bekleidung > Herren > Mäntel & Westen", "Outerwear"),
        ("de", "Damen > Nachtwäsche & Bademäntel", "Sleepwear & Loungewear"),
        ("en", "Girls > School > Skirts", "School Uniform Skirts"),
        ("fr", "Jupe scolaire", "School Uniform Skirts"),
        ("en", "School shoes", "Shoes"),
    ],
)
def test_a_path_means_where_it_ends(language: str, label: str, name: str) -> None:
    assert rank_categories([label], language=language)[0][0].name == name


@settings(deadline=None, max_examples=200)
@given(st.text(max_size=80))
def test_any_text_gets_valid_scores(text: str) -> None:
    meaning = next(read_meanings([text]))
    assert meaning.label == text
    assert meaning.kind in KINDS
    assert meaning.language in LANGUAGES
    assert meaning.outside + sum(meaning.probabilities.values()) == pytest.approx(1)
    assert all(0 <= item <= 1 for item in meaning.probabilities.values())
    scores = [item.score for item in meaning.candidates(shipped_tree())]
    assert scores == sorted(scores, reverse=True)


@settings(deadline=None)
@given(st.sampled_from(CASES), st.data())
def test_case_accents_and_hyphens_make_no_difference(
    case: tuple[str, str, str], data: st.DataObject
) -> None:
    language, label, _ = case
    written = data.draw(st.sampled_from([str.upper, str.lower, str.title]))(label)
    written = written.replace(" ", data.draw(st.sampled_from([" ", "  ", "\t"])))
    for accented, plain in zip("éàáóñäöüąłż", "eaaonaouaalz", strict=False):
        if data.draw(st.booleans()):
            written = written.replace(accented, plain) if accented in "éàáóñ" else written
    reader = LabelReader(LabelSource({language: 1.0}))
    assert reader.read(written).probabilities == reader.read(label).probabilities


def test_words_may_be_joined_by_hyphens_or_underscores() -> None:
    reader = LabelReader(LabelSource({"en": 1.0}))
    expected = reader.read("cross body bag").probabilities
    for written in ("cross-body bag", "Cross_Body_Bags", "crossbody bag", "CROSSBODY-BAG"):
        assert reader.read(written).probabilities == expected


def test_an_unknown_language_is_an_error() -> None:
    with pytest.raises(DataError, match="the language xx is not known; choose one of en, de"):
        rank_categories(["Robes"], language="xx")


def test_labels_stream_and_repeat() -> None:
    seen = 0

    def labels(n: int) -> "list[str]":
        return [["Robes", "Jupes", "Bottines"][i % 3] for i in range(n)]

    for meaning in read_meanings(labels(10_000)):
        seen += 1
        assert meaning.language == "fr"
    assert seen == 10_000


def test_no_labels_give_no_candidates() -> None:
    assert rank_categories([]) == []


@pytest.mark.parametrize(
    ("label", "category"),
    [("Boys Shorts", "aa-1-25-1"), ("Boys' shorts", "aa-1-25-1"), ("Boyshorts", "aa-1-6-11-2")],
)
def test_shorts_for_boys_are_no_underwear(label: str, category: str) -> None:
    assert rank_categories([label], count=1)[0][0].id.startswith(category)
