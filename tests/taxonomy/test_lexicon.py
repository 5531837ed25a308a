"""The tables hold together: known categories, their names, readable terms."""

import csv
from pathlib import Path

import pytest

import hangtag.taxonomy
from hangtag.taxonomy import shipped_tree
from hangtag.taxonomy.labels import tokenise
from hangtag.taxonomy.lexicon import (
    LANGUAGES,
    OUTSIDE,
    VAGUE,
    content_words,
    is_vague,
    shipped_lexicon,
)
from hangtag.taxonomy.reading import KINDS
from hangtag.taxonomy.refinements import refine

DATA = Path(hangtag.taxonomy.__file__).parent / "data"
MAIN = ("en", "de", "fr", "es", "it")


def rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


@pytest.mark.parametrize("language", LANGUAGES)
def test_synonyms_name_categories_by_id_and_name(language: str) -> None:
    tree = shipped_tree()
    for row in rows(f"synonyms/{language}.csv"):
        if row["category"] not in (OUTSIDE, VAGUE):
            assert tree[row["category"]].name == row["name"]
        assert all(tokenise(term) for term in row["terms"].split("|")), row


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_term_may_mean_its_category(language: str) -> None:
    lexicon = shipped_lexicon(language)
    for row in rows(f"synonyms/{language}.csv"):
        for term in row["terms"].split("|"):
            words = content_words(tokenise(term.removeprefix("~")), lexicon.glue)
            senses = lexicon.look_up(words)
            assert senses is not None
            meant = OUTSIDE if row["category"] == VAGUE else row["category"]
            assert meant in senses, (term, senses)
            assert is_vague(term) or row["category"] != VAGUE
            assert sum(senses.values()) == pytest.approx(1)


@pytest.mark.parametrize("language", MAIN)
def test_every_department_has_terms_in_the_main_languages(language: str) -> None:
    tree = shipped_tree()
    named = {row["category"] for row in rows(f"synonyms/{language}.csv")}
    for department in tree.children("aa"):
        assert department in named
    for category in tree.children("aa-1"):
        assert any(tree.is_within(item, category) for item in named - {OUTSIDE, VAGUE}), category


def test_refinements_and_reliability_name_what_exists() -> None:
    tree = shipped_tree()
    for row in rows("refinements.csv"):
        assert row["category"] in tree
        assert row["target"] in tree
        assert row["below"] in ("yes", "no")
    assert [row["kind"] for row in rows("reliability.csv")] == list(KINDS)


@pytest.mark.parametrize(
    ("category", "contexts", "refined"),
    [
        ("aa-1-13-8", {"kids"}, "aa-1-25-9-7"),
        ("aa-1-10-2-6", {"boys"}, "aa-1-25-4-17-6"),
        ("aa-1-8-3", {"boys"}, "aa-1-25-11-3-2"),
        ("aa-8", {"sport", "kids"}, "aa-8-11-4"),
        ("aa-1-12-4", {"maternity"}, "aa-1-7-4-4"),
        ("aa-1-13", {"swim"}, "aa-1-20-24"),
        ("aa-2", {"shoe"}, "aa-7"),
        ("aa-2-26", {"kids"}, "aa-2-26"),
        ("aa-1-25-9-7", {"kids"}, "aa-1-25-9-7"),
        (OUTSIDE, {"kids"}, OUTSIDE),
    ],
)
def test_contexts_move_a_category(category: str, contexts: set[str], refined: str) -> None:
    assert refine(category, frozenset(contexts)) == refined
