"""The file of rules: what is written is read, and what people approved stays."""

from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hangtag.audit.rules import Action, Rule, keep_approved, read_rules, write_rules
from hangtag.errors import DataError

WORD = st.text(
    st.characters(exclude_categories=["Cs"], exclude_characters=";\0"), min_size=1, max_size=12
).filter(lambda text: text == text.strip())
RULE = st.builds(
    Rule,
    supplier=WORD,
    label=WORD,
    action=st.sampled_from([Action.MAP, Action.OUTSIDE]),
    categories=st.just(("Shirt",)),
    ids=st.just(("Shirt",)),
    approved=st.booleans(),
)
NAMES = {"aa-1": ("Shirt", "Clothing > Shirt"), "aa-2": ("Coat",)}
MAP = Rule("A", "Tops", Action.MAP, ("Shirt",), ("aa-1",))


@given(st.lists(RULE, max_size=6, unique_by=lambda rule: rule.key))
@settings(max_examples=60, deadline=None)
def test_rules_are_read_as_they_were_written(
    tmp_path_factory: pytest.TempPathFactory, rules: list[Rule]
) -> None:
    path = tmp_path_factory.mktemp("rules") / "rules.csv"
    write_rules(path, rules)
    assert read_rules(path, {}) == sorted(rules, key=lambda rule: rule.key)
    again = path.read_bytes()
    write_rules(path, reversed(rules))
    assert path.read_bytes() == again


def test_a_formula_is_safe_in_a_spreadsheet(tmp_path: Path) -> None:
    rule = replace(MAP, label='=HYPERLINK("x")', supplier="+49")
    write_rules(tmp_path / "rules.csv", [rule])
    assert "\"'=HYPERLINK" in (tmp_path / "rules.csv").read_text()
    assert read_rules(tmp_path / "rules.csv", NAMES) == [rule]


def test_a_spreadsheet_may_have_saved_it(tmp_path: Path) -> None:
    text = "\ufeffapproved;supplier;label;action;categories;ids\r\nJA;A;Tops;map;Shirt;aa-1\r\n"
    (tmp_path / "rules.csv").write_text(text.replace("JA", "Yes"), encoding="utf-8")
    assert read_rules(tmp_path / "rules.csv", NAMES) == [replace(MAP, approved=True)]


def test_what_people_approved_stays() -> None:
    before = [replace(MAP, action=Action.OUTSIDE, approved=True), replace(MAP, label="Gone")]
    assert keep_approved([replace(MAP, label="TOPS"), replace(MAP, label="New")], before) == [
        before[0],
        replace(MAP, label="New"),
    ]


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("maybe,A,Tops,map,Shirt,aa-1", "line 2: approved must be yes or empty"),
        (
            "yes,A,Tops,fold,Shirt,aa-1",
            "the action must be one of map, split, ask, outside",
        ),
        ("yes,A,Tops,map,Shirt; Coat,aa-1; aa-2", "line 2: map with 2 categories"),
        ("yes,A,Tops,split,Shirt,aa-1", "line 2: split with 1 categories"),
        ("yes,A,Tops,ask,,", "'ask' cannot be approved"),
        (",A,Tops,map,Shirt,aa-1\n,A,TOPS ,map,Shirt,aa-1", "already has a rule in line 2"),
    ],
)
def test_what_is_no_rule_is_refused(tmp_path: Path, row: str, message: str) -> None:
    path = tmp_path / "rules.csv"
    path.write_text(f"approved,supplier,label,action,categories,ids\n{row}\n")
    with pytest.raises(DataError, match=message):
        read_rules(path, {})


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        ("Shirt,aa-99", "line 3: there is no category 'aa-99'"),
        ("Coat,aa-1", "line 3: 'aa-1' is Shirt, not 'Coat'"),
        ("Coat,Coat", "line 3: there is no category 'Coat'"),
    ],
)
def test_a_category_that_there_is_not_is_refused(tmp_path: Path, cells: str, message: str) -> None:
    path = tmp_path / "rules.csv"
    head = "approved,supplier,label,action,categories,ids\nyes,A,Tops,map,Clothing > shirt,aa-1\n"
    path.write_text(f"{head}yes,A,Knits,map,{cells}\n")
    with pytest.raises(DataError, match=message):
        read_rules(path, NAMES)
    path.write_text(head)
    assert read_rules(path, NAMES)[0].ids == ("aa-1",)


def test_what_is_no_file_of_rules_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="the column 'approved' is missing"):
        read_rules(tmp_path / "x.csv", {})
    with pytest.raises(DataError, match="cannot read"):
        read_rules(tmp_path / "none.csv", {})


def test_a_label_of_several_lines_does_not_move_the_lines_that_errors_name(tmp_path: Path) -> None:
    path = tmp_path / "rules.csv"
    write_rules(path, [replace(MAP, label="A\nB\u2028C"), replace(MAP, supplier="B")])
    path.write_text(path.read_text().replace("map,Shirt,aa-1\n", "mop,Shirt,aa-1\n"))
    with pytest.raises(DataError, match="line 2: the action"):
        read_rules(path, NAMES)
    path.write_text(path.read_text().replace("mop,", "map,", 1))
    with pytest.raises(DataError, match="line 4: the action"):
        read_rules(path, NAMES)


def test_what_is_not_approved_may_name_categories_of_another_tree(tmp_path: Path) -> None:
    path = tmp_path / "rules.csv"
    write_rules(path, [replace(MAP, ids=("4",)), replace(MAP, supplier="B", approved=True)])
    assert len(read_rules(path, NAMES)) == 2


def test_excel_may_have_saved_it_in_its_own_encoding(tmp_path: Path) -> None:
    path = tmp_path / "rules.csv"
    rule = replace(MAP, supplier="Lindgr\u00fcn", label="Gr\u00f6\u00dfe \u20ac", approved=True)
    write_rules(path, [rule])
    path.write_bytes(path.read_text(encoding="utf-8").encode("cp1252"))
    assert read_rules(path, NAMES) == [rule]
