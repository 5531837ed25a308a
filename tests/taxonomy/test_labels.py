"""Labels become plain words, whatever their case, accents and separators."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hangtag.taxonomy.labels import MAX_TOKENS, SEPARATORS, fold, tokenise
from hangtag.taxonomy.lexicon import LANGUAGES
from hangtag.taxonomy.stemming import stem


@pytest.mark.parametrize(
    ("label", "tokens"),
    [
        ("T-Shirts", ("t", "shirts")),
        ("Men's Boots", ("mens", "boots")),
        ("Women\u2019s Boots", ("womens", "boots")),
        ("Écharpes & foulards", ("echarpes", ",", "foulards")),
        ("Robe d'été", ("robe", "d", "ete")),
        ("Damen > Schuhe >", ("damen", ">", "schuhe")),
        ("Boots/Knee_High", ("boots", "/", "knee", "high")),
        ("7/8-Hosen", ("7", "8", "hosen")),
        ("Größe: XL - neu", ("grosse", ">", "xl", ">", "neu")),
        ("Płaszcze", ("plaszcze",)),
        ("  ", ()),
        ("&/,", ()),
        ("SS24 Shirts", ("shirts",)),
        ("Jeans FW 2023", ("jeans",)),
        ("A/W > Coats", ("coats",)),
        ("Jea\u200bns", ("jeans",)),
        ("\uff2a\uff45\uff41\uff4e\uff53", ("jeans",)),
    ],
)
def test_tokens(label: str, tokens: tuple[str, ...]) -> None:
    assert tokenise(label) == tokens


@given(st.text())
def test_folding_and_splitting_are_idempotent(text: str) -> None:
    assert fold(fold(text)) == fold(text)
    tokens = tokenise(text)
    assert len(tokens) <= MAX_TOKENS
    assert tokenise(" ".join(tokens)) == tokens
    assert all(token in SEPARATORS or token.isalnum() for token in tokens)


@given(st.text(alphabet="abcdefghijklmnopqrstuvwxyz", max_size=30), st.sampled_from(LANGUAGES))
def test_a_stem_is_a_short_word_that_is_never_empty(word: str, language: str) -> None:
    assert len(stem(word, language)) <= len(word) + 1
    assert bool(stem(word, language)) == bool(word)


@pytest.mark.parametrize(
    ("language", "forms"),
    [
        ("en", ("dress", "dresses")),
        ("en", ("scarf", "scarves")),
        ("en", ("accessory", "accessories")),
        ("de", ("jacke", "jacken")),
        ("de", ("mantel", "maentel")),
        ("de", ("sneaker", "sneakers")),
        ("de", ("tunika", "tuniken")),
        ("fr", ("chapeau", "chapeaux")),
        ("es", ("pantalon", "pantalones")),
        ("es", ("guante", "guantes")),
        ("es", ("albornoz", "albornoces")),
        ("it", ("giacca", "giacche")),
        ("it", ("orologio", "orologi")),
        ("nl", ("jurk", "jurken")),
        ("nl", ("schoen", "schoenen")),
        ("pt", ("calcao", "calcoes")),
        ("pt", ("anel", "aneis")),
        ("pl", ("sukienka", "sukienki")),
        ("sv", ("klanning", "klanningar")),
    ],
)
def test_singular_and_plural_share_a_stem(language: str, forms: tuple[str, str]) -> None:
    assert stem(forms[0], language) == stem(forms[1], language)
