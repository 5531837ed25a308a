"""The shipped tree is whole; a user's tree works the same or says in one line what is wrong."""

from pathlib import Path

import pytest

from hangtag.errors import DataError
from hangtag.taxonomy import Category, Tree, load_tree, shipped_tree


def write(folder: Path, text: str) -> Path:
    path = folder / "mine.csv"
    path.write_text(text, encoding="utf-8")
    return path


def test_the_shipped_tree_is_whole() -> None:
    tree = shipped_tree()
    assert len(tree) == 663
    assert tree.tops == ("aa",)
    assert tree.full_name("aa-8-3") == "Apparel & Accessories > Shoes > Boots"
    assert all(category.google_id and category.google_id.isdigit() for category in tree)
    assert tree["aa-1-4"].google_id == "2271"
    assert all(category.id.startswith(category.parent or "") for category in tree)


def test_its_licence_lies_beside_it() -> None:
    folder = Path(load_tree.__code__.co_filename).parent / "data"
    assert "Copyright (c) Shopify" in (folder / "shopify_apparel.LICENSE.txt").read_text()


def test_children_paths_and_ancestors() -> None:
    tree = shipped_tree()
    assert "aa-8-6" in tree.children("aa-8")
    assert tree.path("aa-1-13-8") == ("aa", "aa-1", "aa-1-13", "aa-1-13-8")
    assert tree.is_within("aa-1-13-8", "aa-1")
    assert not tree.is_within("aa-1", "aa-1-13-8")
    assert tree.common_ancestor(["aa-1-13-3", "aa-1-13-12"]) == "aa-1-13"
    assert tree.common_ancestor(["aa-1-13", "aa-1-13-12"]) == "aa-1-13"
    assert tree.common_ancestor([]) is None


def test_a_tree_of_ones_own(tmp_path: Path) -> None:
    tree = load_tree(write(tmp_path, "\ufeffname,ID,Parent,extra\nTops,1,,x\nTees,2,1,y\n"))
    assert tree["2"] == Category("2", "Tees", "1")
    assert tree.full_name("2") == "Tops > Tees"
    assert tree.children("1") == ("2",)


def test_trees_with_several_tops_may_have_no_common_ancestor() -> None:
    tree = Tree([Category("1", "A", None), Category("2", "B", None)], source="two")
    assert tree.common_ancestor(["1", "2"]) is None


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "needs the columns id, name and parent; found: none"),
        ("id,name\n1,A\n", "found: id, name"),
        ("id,name,parent\n", "no category in it"),
        ("id,name,parent\n1,A,\n1,B,\n", "the id 1 comes twice"),
        ("id,name,parent\n1,A,7\n", "the parent 7 of 1 is not in the file"),
        ("id,name,parent\n1,A,2\n2,B,1\n", "is above itself"),
        ("id,name,parent\n1,A,1\n", "1 is above itself"),
        ("id,name,parent\n1,A,\n2,,1\n", "line 3 has no name"),
        ("id,name,parent\n,A,\n", "line 2 has no id"),
        ("id,name,parent\n1\n", "line 2 has no name"),
    ],
)
def test_a_broken_tree_is_one_clear_line(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(DataError, match=r"mine\.csv: ") as caught:
        load_tree(write(tmp_path, text))
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_file_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot be read as a CSV file in UTF-8"):
        load_tree(tmp_path / "none.csv")
    path = tmp_path / "latin.csv"
    path.write_bytes("id,name,parent\n1,Röcke,\n".encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        load_tree(path)


def test_a_name_has_as_many_above_it_as_tell_it_from_others() -> None:
    tree = shipped_tree()
    assert tree.distinct_name("aa-1-13-7") == "Clothing Tops > Shirts"
    assert tree.distinct_name("aa-1-12") == "Pants"
    names = [tree.distinct_name(category.id) for category in tree]
    assert len(set(names)) == len(names)


def test_a_tree_of_thousands_of_levels_is_refused(tmp_path: Path) -> None:
    rows = [f"c{level},Level {level},{f'c{level - 1}' if level else ''}" for level in range(3000)]
    (tmp_path / "deep.csv").write_text("\n".join(["id,name,parent", *rows]))
    with pytest.raises(DataError, match="more than 100 levels above it"):
        load_tree(tmp_path / "deep.csv")
