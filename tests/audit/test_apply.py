"""Rules applied to a feed."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from hangtag.audit.apply import ITEM_COLUMNS, apply_rules
from hangtag.audit.feed import open_feed
from hangtag.audit.rules import Action, Rule
from hangtag.errors import DataError, OutputError
from hangtag.tables.csv_cells import read_csv_rows
from hangtag.tables.writing import write_table

RULES = [
    Rule("A", "Tees", Action.MAP, ("T-shirt",), ("t",), approved=True),
    Rule("A", "Knits", Action.SPLIT, ("Pullover", "Coat"), ("p", "c"), approved=True),
    Rule("A", "Gifts", Action.OUTSIDE, ("no apparel",), ("outside",), approved=True),
    Rule("B", "Tees", Action.MAP, ("T-shirt",), ("t",)),
]
ROWS = [
    ("1.png", "1", "A", "Tees", "=SUM(A1)"),
    ("2.png", "2", "A", " TEES ", "-"),
    ("3.png", "3", "A", "Knits", "x"),
    ("4.png", "4", "A", "Knits", "x"),
    ("5.png", "5", "A", "Gifts", "x"),
    ("6.png", "6", "B", "Tees", "x"),
    ("7.png", "7", "A", "Tees", "x"),
]
FOUND = [
    ("1", "A", "Tees", "T-shirt", "t", 0.01, "accepted", "t"),
    ("2", "A", "Tees", "T-shirt", "t", 0.7, "issue", "t"),
    ("3", "A", "Knits", "Coat", "c", 0.0, "accepted", "c; p"),
    ("4", "A", "Knits", "Coat", "c", 0.0, "ok", "c; p"),
    ("7", "A", "Tees", "Dress", "d", 0.99, "correction", "t"),
]


@pytest.fixture
def feed(tmp_path: Path) -> Path:
    columns = ["image", "id", "supplier", "label", "note"]
    pd.DataFrame(ROWS, columns=columns).to_csv(tmp_path / "feed.csv", index=False)
    return tmp_path / "feed.csv"


def apply(feed: Path, out: Path, items: Path | None = None) -> list[str]:
    apply_rules(RULES, open_feed(str(feed)), out, items=items)
    return [f"{row['category_id']} {row['category_by']}" for row in read_csv_rows(out)]


def test_rules_alone(feed: Path, tmp_path: Path) -> None:
    assert apply(feed, tmp_path / "out.csv") == [
        *("t rule", "t rule", " review", " review", " rule: no apparel", " no rule", "t rule"),
    ]


def test_rules_with_what_an_audit_found(feed: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "items.parquet", ITEM_COLUMNS, FOUND)
    assert apply(feed, tmp_path / "out.csv", tmp_path / "items.parquet") == [
        *("t rule", " review", "c image", " review", " rule: no apparel", " no rule"),
        "d correction",
    ]


@pytest.mark.parametrize("order", [[1, 2, 3, 4, 5, 6], [1, 0, 2, 3, 4, 5, 6], [6, 0, 1, 2, 3]])
def test_what_an_audit_found_is_never_lost_in_silence(
    feed: Path, tmp_path: Path, order: list[int]
) -> None:
    write_table(tmp_path / "items.parquet", ITEM_COLUMNS, FOUND)
    pd.read_csv(feed).iloc[order].to_csv(feed, index=False)
    with pytest.raises(DataError, match="audit this feed first"):
        apply(feed, tmp_path / "out.csv", tmp_path / "items.parquet")
    assert not (tmp_path / "out.csv").exists()


def test_new_items_among_those_that_were_audited_do_no_harm(feed: Path, tmp_path: Path) -> None:
    write_table(tmp_path / "items.parquet", ITEM_COLUMNS, FOUND)
    table = pd.read_csv(feed)
    new = pd.DataFrame([("0.png", 0, "A", "Tees", "new")], columns=table.columns)
    pd.concat([new, table]).to_csv(feed, index=False)
    answers = apply(feed, tmp_path / "out.csv", tmp_path / "items.parquet")
    assert answers[:3] == ["t rule", "t rule", " review"]


@pytest.mark.parametrize("suffix", ["csv", "parquet"])
def test_applied_again_nothing_changes(feed: Path, tmp_path: Path, suffix: str) -> None:
    first, second = tmp_path / f"first.{suffix}", tmp_path / f"second.{suffix}"
    apply_rules(RULES, open_feed(str(feed)), first)
    counts = apply_rules(RULES, open_feed(str(first)), second)
    assert first.read_bytes() == second.read_bytes()
    assert sum(counts.counts.values()) == len(ROWS)


def test_all_columns_stay(feed: Path, tmp_path: Path) -> None:
    apply(feed, tmp_path / "out.csv")
    rows = list(read_csv_rows(tmp_path / "out.csv"))
    assert [row["note"] for row in rows] == [row[4] for row in ROWS]
    assert "'=SUM(A1)" in (tmp_path / "out.csv").read_text()


def test_without_an_approved_rule_there_is_nothing_to_do(feed: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="none of the 1 rules is approved"):
        apply_rules(RULES[3:], open_feed(str(feed)), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()


def test_what_is_no_item_table_is_refused(feed: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="is not what hangtag audit writes"):
        apply(feed, tmp_path / "out.csv", feed)


def test_what_was_judged_by_another_meaning_does_not_count(feed: Path, tmp_path: Path) -> None:
    """Since the audit a person made the word mean something else: its issues are none."""
    write_table(tmp_path / "items.parquet", ITEM_COLUMNS, FOUND)
    rules = [replace(RULES[0], ids=("j",)), *RULES[1:]]
    items = tmp_path / "items.parquet"
    applied = apply_rules(rules, open_feed(str(feed)), tmp_path / "out.csv", items=items)
    assert applied.outdated == 3
    assert applied.counts["rule"] == 3
    assert "correction" not in applied.counts


def test_the_feed_is_not_written_over(feed: Path) -> None:
    before = feed.read_bytes()
    with pytest.raises(OutputError, match="is the feed itself"):
        apply(feed, feed)
    assert feed.read_bytes() == before


def test_rules_of_another_feed_are_told(feed: Path, tmp_path: Path) -> None:
    rules = [replace(RULES[0], supplier="Z")]
    with pytest.raises(DataError, match="none of the 1 approved rules matches a label of"):
        apply_rules(rules, open_feed(str(feed)), tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
    with pytest.raises(DataError, match="holds no audit"):
        apply(feed, tmp_path / "out.csv", tmp_path / "none" / "items.parquet")


def test_approved_rules_for_no_label_of_the_feed_are_told(feed: Path, tmp_path: Path) -> None:
    is_oodr = replace(RULES[0], supplier="Lindgr\u00c3\u00bcn")
    applied = apply_rules([*RULES, is_oodr], open_feed(str(feed)), tmp_path / "out.csv")
    assert applied.unused == [is_oodr]


@pytest.mark.parametrize("name", ["category", "Category", "google_id"])
def test_columns_of_the_feed_are_not_replaced(feed: Path, tmp_path: Path, name: str) -> None:
    pd.read_csv(feed).rename(columns={"note": name}).to_csv(feed, index=False)
    with pytest.raises(DataError, match=f"already has a column '{name}'"):
        apply(feed, tmp_path / "out.csv")
    assert not (tmp_path / "out.csv").exists()
