"""``hangtag audit`` from end to end, on a small feed of Fashion-MNIST's test images."""

import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, fields
from html import unescape
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from hangtag.audit.demo import DemoOptions, write_demo_feed
from hangtag.audit.result import AuditResult, DictionaryRecord, IssueRecord
from hangtag.audit.run import run_audit
from hangtag.audit.summary import AuditSummary, summarise
from hangtag.audit.tables import DICTIONARY_COLUMNS, ISSUE_COLUMNS
from hangtag.datasets import FASHION_MNIST_CLASSES, Dataset
from hangtag.tables.csv_cells import read_csv_rows
from hangtag.taxonomy import shipped_tree
from tests.tiny import Run

TABLES = (
    *("issues.csv", "issues.parquet", "dictionary.csv", "distributions.csv", "rules.csv"),
    *("brands.csv", "broken.csv", "noise.csv", "items.parquet", "audit.html"),
)


@pytest.fixture(autouse=True, scope="module")
def no_reference() -> Iterator[None]:
    """Without the model's validation images no correction is automatic, and tests are quick."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("hangtag.audit.run.load_reference", lambda *arguments, **options: None)
        yield


@pytest.fixture(scope="module")
def demo(fashion_mnist: Dataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """500 items of three brands, with the faults of a demo feed and one image that is damaged."""
    test = fashion_mnist.splits["test"]
    split = test.take(np.arange(500))
    folder = tmp_path_factory.mktemp("demo") / "feed"
    write_demo_feed(split, FASHION_MNIST_CLASSES, folder, DemoOptions(brands=3, seed=1))
    (folder / "images" / "000007.png").write_bytes(b"no image")
    return folder


@pytest.fixture(scope="module")
def result(demo: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[AuditResult, Path]:
    """An audit of the demo feed, and its folder, which tests must not change."""
    folder = tmp_path_factory.mktemp("audit") / "out"
    return run_audit(demo, out=folder), folder


@pytest.fixture
def out(result: tuple[AuditResult, Path], tmp_path: Path) -> Path:
    """A copy of the folder of that audit."""
    return shutil.copytree(result[1], tmp_path / "out")


@pytest.fixture
def summary(result: tuple[AuditResult, Path]) -> AuditSummary:
    return summarise(result[0])


def test_findings_tables_and_json(
    hangtag: Run, demo: Path, out: Path, summary: AuditSummary, tmp_path: Path
) -> None:
    again = tmp_path / "again"
    outcome = hangtag("audit", demo, "--out", again, "--json")
    assert outcome.code == 1, outcome.err
    found = json.loads(outcome.out)
    expected = json.loads(json.dumps(asdict(summary)))
    assert found == {**expected, "out": str(again), "page": str(again / "audit.html")}
    assert {path.name for path in again.iterdir()} == set(TABLES)
    for name in TABLES:
        assert (again / name).read_bytes() == (out / name).read_bytes()
    assert found["errors"] == 1
    assert found["brands"] == 3
    assert sum(found["proposals"].values()) == found["labels"]
    assert found["automatic"] == 0  # There is no reference.


def test_all_broken_images_are_listed(hangtag: Run, demo: Path, tmp_path: Path) -> None:
    rows = list(read_csv_rows(demo / "feed.csv"))[:60]
    (tmp_path / "no-image.png").write_bytes(b"no image")
    images = [demo / row["image"] for row in rows]
    images[3], images[40] = tmp_path / "no-image.png", tmp_path / "gone.png"
    lines = [f"{image},{n},A,=Shirts" for n, image in enumerate(images)]
    (tmp_path / "feed.csv").write_text("\n".join(["image,id,supplier,label", *lines]) + "\n")
    out = tmp_path / "out"
    outcome = hangtag("audit", tmp_path / "feed.csv", "--out", out, "--workers", 0)
    assert "cannot be read, see broken.csv; the first: " in outcome.err
    broken = [row for row in read_csv_rows(out / "broken.csv") if int(row["id"]) in (3, 40)]
    assert [row["id"] for row in broken] == ["3", "40"]
    assert {row["label"] for row in broken} == {"=Shirts"}
    assert "there is no file" in broken[1]["reason"] or "gone.png" in broken[1]["reason"]
    assert "broken.csv" in (out / "audit.html").read_text()


def test_issues_are_planted_errors_the_worst_first(
    demo: Path, out: Path, summary: AuditSummary
) -> None:
    issues = list(read_csv_rows(out / "issues.csv"))
    assert list(issues[0])[:5] == ["id", "supplier", "label", "suggested", "score"]
    scores = [float(row["score"]) for row in issues]
    assert scores == sorted(scores, reverse=True)
    wrong = [row for row in issues if row["finding"].startswith("label issue")]
    assert [row for row in issues if row["suggested"]] == wrong
    assert len(wrong) == summary.issues
    assert len(issues) == len(pd.read_parquet(out / "issues.parquet"))
    truth = {row["id"]: row for row in read_csv_rows(demo / "truth" / "items.csv")}
    assert np.mean([truth[row["id"]]["fault"] != "" for row in issues[:10]]) >= 0.8


def test_the_result_has_the_tables_as_records(
    demo: Path, result: tuple[AuditResult, Path], out: Path
) -> None:
    found, _ = result
    assert [field.name for field in fields(IssueRecord)] == list(ISSUE_COLUMNS)
    assert [field.name for field in fields(DictionaryRecord)] == list(DICTIONARY_COLUMNS)
    for records, name in ((found.issues, "issues.csv"), (found.dictionary, "dictionary.csv")):
        written = list(read_csv_rows(out / name))
        assert len(records) == len(written)
        texts = {
            key: "" if value is None else str(value) for key, value in asdict(records[0]).items()
        }
        assert texts == written[0]
        assert records.to_dicts()[0] == asdict(records[0])
        assert list(records.to_pandas().columns) == list(written[0])
        assert [*records[1:3]] == [records[1], records[2]]


def test_an_audit_without_a_folder_writes_nothing(
    demo: Path, result: tuple[AuditResult, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    feed = tmp_path / "feed.csv"
    rows = list(read_csv_rows(demo / "feed.csv"))[:20]
    lines = [f"{demo / row['image']},{row['id']},{row['label']}" for row in rows]
    feed.write_text("\n".join(["image,id,label", *lines]) + "\n")
    assert run_audit(feed).counts.items == 20
    assert not list((tmp_path / "here").iterdir())
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".")] == []


def test_duplicates_are_told(demo: Path, out: Path, summary: AuditSummary) -> None:
    rows = {row["id"]: row for row in read_csv_rows(out / "issues.csv")}
    truth = {row["id"]: row for row in read_csv_rows(demo / "truth" / "items.csv")}
    copies = [row for row in truth.values() if row["duplicate_of"]]
    assert len(copies) == 5
    for copy in copies:
        original = truth[copy["duplicate_of"]]
        told = rows[copy["id"]]
        assert told["duplicate_of"] == original["id"]
        assert told["duplicate"] == ("near" if copy["saved_again"] else "exact")
        conflict = (copy["fault"] != "") != (original["fault"] != "")
        assert ("conflicting labels" in told["finding"]) == conflict
    told_of = [row["finding"] for row in rows.values() if row["duplicate_of"]]
    counts = summary.conflicting_labels, summary.duplicate_items, summary.shared_images
    assert sum(counts) == len(told_of)


def test_a_precision_that_the_model_cannot_hold_gets_one_line(
    hangtag: Run, demo: Path, tmp_path: Path
) -> None:
    outcome = hangtag("audit", demo, "--out", tmp_path / "out", "--precision", "0.999")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "thresholds for precisions up to 0.995" in outcome.err
    assert not (tmp_path / "out").exists()


def lift(identifier: str, classes: set[str]) -> str:
    """Returns the category of the truth that a finer one lies in."""
    path = shipped_tree().path(identifier) if identifier in shipped_tree() else ()
    return next((item for item in reversed(path) if item in classes), identifier)


def test_rules_of_larger_labels_are_right(demo: Path, out: Path) -> None:
    words: dict[tuple[str, str], set[str]] = {}
    for row in read_csv_rows(demo / "truth" / "labels.csv"):
        if float(row["fraction"]) >= 0.1:
            words.setdefault((row["supplier"], row["label"]), set()).add(row["category"])
    rows = [
        row
        for row in read_csv_rows(out / "dictionary.csv")
        if int(row["items"]) >= 12 and row["proposal"] != "ask"
    ]
    classes = {item for those in words.values() for item in those}
    right = [
        {lift(item, classes) for item in row["ids"].split("; ")}
        == words[row["supplier"], row["label"]]
        for row in rows
    ]
    assert len(right) >= 10
    assert np.mean(right) >= 0.9


def test_rules_are_approved_kept_and_applied(
    hangtag: Run, demo: Path, out: Path, summary: AuditSummary, tmp_path: Path
) -> None:
    rules = out / "rules.csv"
    approved = rules.read_text().replace("\n,", "\nyes,").replace("yes,", "yes,", 1)
    lines = [
        line.replace("yes,", ",", 1) if ",ask," in line else line for line in approved.split("\n")
    ]
    rules.write_text("\n".join(lines))
    categorised = tmp_path / "categorised.csv"
    outcome = hangtag(
        *("audit", "apply", rules, demo, "--audit", out, "--out", categorised, "--json")
    )
    assert outcome.code == 0, outcome.err
    counts = json.loads(outcome.out)["category_by"]
    assert counts["rule"] > 250
    automated = sum(counts.get(by, 0) for by in ("rule", "rule: no apparel", "image", "correction"))
    assert automated == summary.items - summary.queue  # The savings count as apply does.
    assert counts["review"] > 0
    rows = list(read_csv_rows(categorised))
    assert len(rows) == sum(counts.values())
    truth = {row["id"]: row for row in read_csv_rows(demo / "truth" / "items.csv")}
    ruled = [row for row in rows if row["category_by"] == "rule"]
    classes = {row["category"] for row in truth.values()}
    found = [lift(row["category_id"], classes) for row in ruled]
    rights = [truth[row["id"]]["category"] == item for row, item in zip(ruled, found, strict=True)]
    assert np.mean(rights) > 0.95
    assert hangtag("audit", demo, "--out", out, "-q").code == 1
    assert rules.read_text().count("\nyes,") == sum(line.startswith("yes,") for line in lines)


def test_the_page_shows_what_people_approved_as_they_did(
    hangtag: Run, demo: Path, out: Path
) -> None:
    rules = out / "rules.csv"
    first = next(read_csv_rows(rules))
    own = f"yes,{first['supplier']},{first['label']},map,Jeans,aa-1-12-4"
    gone = "yes,A brand,Last season,outside,no apparel,outside"
    head, _, *others = rules.read_text().splitlines()
    rules.write_text("\n".join([head, own, *others, gone]) + "\n")
    assert hangtag("audit", demo, "--out", out, "-q").code == 1
    page = (out / "audit.html").read_text("utf-8")
    cards = page.split('<article class="rule"')[1:]
    kept = [card for card in cards if " checked>" in card]
    assert len(kept) == 2
    assert 'data-action="map" data-categories="Jeans" data-ids="aa-1-12-4"' in kept[0]
    assert "now proposed" in kept[0]
    assert 'data-label="Last season" data-action="outside"' in kept[1]
    assert "Review 1 approved rule contradicted by images or text." in page
    shown = sorted(
        (int(card.split('data-place="')[1].split('"')[0]), card.split('data-label="')[1])
        for card in cards
    )
    labels = [unescape(rest.split('"')[0]) for _, rest in shown]
    assert labels == [row["label"] for row in read_csv_rows(rules)]  # as it is downloaded


def test_an_earlier_audit_is_compared(hangtag: Run, demo: Path, out: Path, tmp_path: Path) -> None:
    before, later = out, tmp_path / "later"
    with (before / "distributions.csv").open("a") as file:
        file.write("Absent,Jeans,Pants,aa-1-12,1,0.9,1,30\n")
    brands = (before / "brands.csv").read_text()
    (before / "brands.csv").write_text(brands.replace(",fashion-mnist\n", ",another\n"))
    outcome = hangtag("audit", demo, "--out", later, "--before", before)
    assert outcome.code == 1, outcome.err
    page = (later / "audit.html").read_text("utf-8")
    assert "No significant changes." in page
    for said in (
        "0 category fractions of labels and 0 error rates of brands changed",
        "hat audit used the model another, so the models may be what differs",
        "rands without items (1): Absent",
    ):
        assert said in outcome.err
        assert said in page


def test_what_was_approved_is_what_a_label_means(
    hangtag: Run, demo: Path, out: Path, tmp_path: Path
) -> None:
    """A split label, approved as one category: what it also included becomes an issue, and back."""
    dictionary = list(read_csv_rows(out / "dictionary.csv"))
    word = max(
        (row for row in dictionary if row["proposal"] == "split"), key=lambda row: int(row["items"])
    )
    name, identifier = word["categories"].split("; ")[0], word["ids"].split("; ")[0]
    rules = tmp_path / "mine.csv"
    rules.write_text(
        "approved,supplier,label,action,categories,ids\n"
        f"yes,{word['supplier']},{word['label']},map,{name},{identifier}\n"
    )
    later = tmp_path / "later"
    outcome = hangtag("audit", demo, "--out", later, "--rules", rules, "--json")
    assert json.loads(outcome.out)["approved"] == 1
    key = word["supplier"], word["label"]
    (now,) = (
        row
        for row in read_csv_rows(later / "dictionary.csv")
        if (row["supplier"], row["label"]) == key
    )
    assert (now["proposal"], now["ids"], now["approved"]) == ("map", identifier, "yes")
    assert int(now["issues"]) > int(word["issues"]) + 3
    again = tmp_path / "again"
    assert hangtag("audit", demo, "--out", again, "--before", later, "--json").code == 1
    for folder in (later, again):
        assert f"yes,{key[0]},{key[1]},map,{name},{identifier}" in (
            (folder / "rules.csv").read_text()
        )


@pytest.mark.parametrize("count", [1, 2, 5])
def test_feeds_of_a_few_items_as_brands_send_them(
    hangtag: Run, demo: Path, tmp_path: Path, count: int
) -> None:
    """Semicolons, capitals, Windows-1252, and ids that come again."""
    lines = ["ID;Image;Supplier;LABEL"]
    for number in range(count):
        lines.append(f"same;{demo}/images/{number:06}.png;Soci\u00e9t\u00e9;Caf\u00e9 Jeans")
    feed = tmp_path / "feed.csv"
    feed.write_bytes("\r\n".join(lines).encode("cp1252"))
    outcome = hangtag("audit", feed, "--out", tmp_path / "out", "--json")
    assert outcome.code == 1, outcome.err
    found = json.loads(outcome.out)
    assert found["items"] == count
    assert "Windows-1252" in found["notes"][0]
    assert any("an id that their brand used before" in note for note in found["notes"]) == (
        count > 1
    )
    (row,) = read_csv_rows(tmp_path / "out" / "dictionary.csv")
    assert (row["supplier"], row["label"]) == ("Soci\u00e9t\u00e9", "Caf\u00e9 Jeans")


def test_usage_names_no_hidden_command(hangtag: Run) -> None:
    outcome = hangtag("audit", "-h")
    assert outcome.code == 0
    assert "hangtag audit [OPTIONS]" in outcome.out
    assert "audit feed" not in outcome.out
    assert hangtag("audit", "apply", "-h").code == 0


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("image,name\na.png,x\n", "columns image, label"),
        ("image,label\na.png,x\n", "none of the 1 images can be read"),
        ("label\nx\n", "expected the column 'image' of a table of images"),
        (None, "there is no file or folder"),
    ],
)
def test_bad_feeds_get_one_line(
    hangtag: Run, tmp_path: Path, content: str | None, message: str
) -> None:
    if content is not None:
        (tmp_path / "feed.csv").write_text(content)
    outcome = hangtag("audit", tmp_path / "feed.csv", "--out", tmp_path / "out", "-q")
    assert outcome.code == 2
    assert message in outcome.err
    assert outcome.err.count("\n") == 1
    assert not list((tmp_path).glob("out/*"))


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_audit_leaves_nothing(
    demo: Path, tmp_path: Path, number: signal.Signals
) -> None:
    images = [row["image"] for row in read_csv_rows(demo / "feed.csv")]
    rows = [f"{demo / images[n % 400]},{n},A,Shirts" for n in range(40_000)]
    feed, out = tmp_path / "feed.csv", tmp_path / "out"
    feed.write_text("\n".join(["image,id,supplier,label", *rows]) + "\n")
    command = [sys.executable, "-m", "hangtag", "audit", str(feed), "--out", str(out)]
    command += ["--model", "fashion-mnist-tiny"]  # Its reference is scored in a moment.
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        while not list(out.glob(".audit.part/*")):
            assert process.poll() is None
            time.sleep(0.02)
        process.send_signal(number)
        _, errors = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "Traceback" not in errors
    assert not out.exists()


def test_titles_are_told_from_categories(hangtag: Run, demo: Path, tmp_path: Path) -> None:
    images = [row["image"] for row in read_csv_rows(demo / "feed.csv")][:120]
    rows = [f"{demo / image},{n},A,Shirt Nr. {n}x" for n, image in enumerate(images)]
    feed = tmp_path / "feed.csv"
    feed.write_text("\n".join(["image,id,supplier,label", *rows]) + "\n")
    outcome = hangtag("audit", feed, "--out", tmp_path / "out")
    assert outcome.code == 1
    assert "these look like titles" in outcome.err


def test_bad_options_get_one_line(hangtag: Run, demo: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    for arguments, message in (
        (("--out", tmp_path / "file"), "is a file; pass a folder"),
        (("--out", tmp_path / "out", "--model", "none"), "no model 'none'"),
        (("--out", tmp_path / "out", "--before", tmp_path / "none"), "distributions.csv"),
    ):
        outcome = hangtag("audit", demo, *arguments)
        assert (outcome.code, outcome.err.count("\n")) == (2, 1)
        assert message in outcome.err
    outcome = hangtag("audit", "apply", tmp_path / "none.csv", demo, "--out", tmp_path / "o.txt")
    assert outcome.code == 2
    assert ".csv or .parquet" in outcome.err


def test_what_a_label_says_below_the_class_is_kept(
    hangtag: Run, demo: Path, tmp_path: Path
) -> None:
    """Trousers called chinos, in Shopify's tree and in one where all of them are bottoms."""
    truth = read_csv_rows(demo / "truth" / "items.csv")
    pants = {row["id"] for row in truth if row["category"] == "aa-1-12" and not row["fault"]}
    rows = [row for row in read_csv_rows(demo / "feed.csv") if row["id"] in pants]
    lines = [f"{demo / row['image']},{row['id']},A,Chinos" for row in rows]
    feed = tmp_path / "feed.csv"
    feed.write_text("\n".join(["image,id,supplier,label", *lines]) + "\n")
    tree = tmp_path / "tree.csv"
    tree.write_text("id,name,parent\nb,Bottoms,\np,Pants,b\nt,Tops,\n")
    for given, ids in (((), "aa-1-12-3"), (("--taxonomy", tree), "p")):
        out = tmp_path / ids
        assert hangtag("audit", feed, "--out", out, *given, "-q").code in (0, 1)
        (row,) = read_csv_rows(out / "dictionary.csv")
        assert (row["proposal"], row["ids"]) == ("map", ids)
        rules = (out / "rules.csv").read_text()
        (out / "rules.csv").write_text(rules.replace("\n,", "\nyes,", 1))
        done = hangtag(
            *("audit", "apply", out / "rules.csv", feed, "--audit", out, *given),
            *("--out", out / "categorised.csv"),
        )
        assert done.code == 0, done.err
        found = {item["category_id"] for item in read_csv_rows(out / "categorised.csv")}
        assert found - {""} == {ids}
    outcome = hangtag("audit", "apply", tmp_path / "p" / "rules.csv", feed, "--out", "x.csv")
    assert (outcome.code, outcome.err.count("\n")) == (2, 1)
    assert "line 2: there is no category 'p'" in outcome.err
