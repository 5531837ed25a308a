"""The made feed: its truth holds, it repeats, its faults are those that were asked for."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.audit.demo import DemoCounts, DemoOptions, write_demo_feed
from hangtag.audit.demo.brands import (
    LOOK_ALIKES,
    OUTSIDE,
    SHORTS,
    LabelFault,
    category_id,
    invent_brands,
    plant_errors,
)
from hangtag.datasets import FASHION_MNIST_CLASSES, Split
from hangtag.errors import OutputError
from hangtag.models.folder import find_model_folder, read_card
from hangtag.tables.csv_cells import read_csv_rows
from tests.photos import write_photos
from tests.tiny import Run, make_split

CATEGORIES = [category_id(name) for name in FASHION_MNIST_CLASSES] * 200 + [SHORTS, OUTSIDE] * 20


def test_brands_name_every_category_and_share_it_out() -> None:
    brands = invent_brands(FASHION_MNIST_CLASSES, count=40, seed=5)
    assert len({brand.name for brand in brands}) == 40
    assert {brand.language for brand in brands} == {"en", "de", "fr", "es", "it"}
    merged = 0
    for brand in brands:
        total: Counter[str] = Counter()
        for entry in brand.labels:
            total.update(entry.fractions)
            merged += len(entry.fractions) > 1
        for name in FASHION_MNIST_CLASSES:
            assert total[category_id(name)] == pytest.approx(1)
    assert merged > 10


def test_faults_are_as_many_and_as_wrong_as_planned() -> None:
    brands = invent_brands(FASHION_MNIST_CLASSES, count=6, seed=1)
    items = plant_errors(CATEGORIES, brands, noise=0.1, seed=1)
    first = [item for item in items if item.copy_of is None]
    assert sum(item.fault is not LabelFault.NONE for item in first) == pytest.approx(
        0.1 * len(first), abs=3
    )
    covers = {
        (index, entry.label): set(entry.fractions)
        for index, brand in enumerate(brands)
        for entry in brand.labels
    }
    for item in items:
        cover = covers[item.brand, item.label]
        alike = bool(set(LOOK_ALIKES.get(item.category, ())) & cover)
        assert (item.category in cover) == (item.fault is LabelFault.NONE)
        assert item.fault is LabelFault.NONE or alike == (item.fault is LabelFault.LOOK_ALIKE)
        if item.copy_of is not None:
            assert items[item.copy_of].image == item.image


def fashion_like(count: int) -> Split:
    return make_split(count, classes=5, seed=4)


def write(folder: Path, **options: int | float) -> DemoCounts:
    split = fashion_like(300)
    return write_demo_feed(split, FASHION_MNIST_CLASSES, folder, DemoOptions(**options))  # type: ignore[arg-type]


def test_the_files_say_the_same_as_the_counts(tmp_path: Path) -> None:
    counts = write(tmp_path / "demo", brands=3, noise=0.1, seed=2)
    feed = list(read_csv_rows(tmp_path / "demo" / "feed.csv"))
    truth = {row["id"]: row for row in read_csv_rows(tmp_path / "demo" / "truth" / "items.csv")}
    labels = list(read_csv_rows(tmp_path / "demo" / "truth" / "labels.csv"))
    assert len(feed) == len(truth) == counts.items
    assert {row["id"] for row in feed} == set(truth)
    assert sum(row["fault"] != "" for row in truth.values()) == counts.errors
    assert all((tmp_path / "demo" / row["image"]).is_file() for row in feed)
    fractions: dict[tuple[str, str], float] = {}
    for row in labels:
        key = row["supplier"], row["label"]
        fractions[key] = fractions.get(key, 0.0) + float(row["fraction"])
    assert np.array(list(fractions.values())) == pytest.approx(1, abs=1e-5)
    assert "truth" not in (tmp_path / "demo" / "feed.csv").read_text()


def test_it_repeats_by_its_seed(tmp_path: Path) -> None:
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        write(tmp_path / name, brands=3, seed=seed)
    files = [path.relative_to(tmp_path / "a") for path in (tmp_path / "a").rglob("*.*")]
    for file in files:
        assert (tmp_path / "a" / file).read_bytes() == (tmp_path / "b" / file).read_bytes()
    assert (tmp_path / "a" / "feed.csv").read_text() != (tmp_path / "c" / "feed.csv").read_text()


def test_classes_that_no_taxonomy_knows_have_words_too(tmp_path: Path) -> None:
    split = make_split(60, classes=3, seed=1)
    counts = write_demo_feed(split, ("wide", "tall", "square"), tmp_path / "d", DemoOptions())
    assert counts.labels >= 36


def test_photos_keep_their_colours_and_every_class_has_words(tmp_path: Path) -> None:
    names = read_card(find_model_folder("clothing-photos")).class_names
    random = np.random.default_rng(1)
    labels = np.arange(260) % len(names)
    pixels = random.integers(0, 255, (260, 64, 64, 3), dtype=np.uint8)
    split = Split(pixels, labels, np.array([str(number) for number in range(260)]))
    counts = write_demo_feed(split, names, tmp_path / "d", DemoOptions(brands=5))
    truth = list(read_csv_rows(tmp_path / "d" / "truth" / "items.csv"))
    written = list(read_csv_rows(tmp_path / "d" / "truth" / "labels.csv"))
    assert {row["category"] for row in written} >= {category_id(name) for name in names}
    assert not [row for row in written if row["label"].casefold().startswith("aa-")]
    assert sum(row["category"] == OUTSIDE for row in truth) == counts.ood > 0
    for file in (tmp_path / "d" / "images").iterdir():
        with Image.open(file) as image:
            assert (image.size, image.mode) == ((64, 64), "RGB")


def test_the_command_takes_photos(hangtag: Run, tmp_path: Path) -> None:
    photos = write_photos(tmp_path / "photos")
    outcome = hangtag("data", "demo-feed", tmp_path / "d", "--images", photos, "--brands", 2)
    assert outcome.code == 0, outcome.err
    with Image.open(next((tmp_path / "d" / "images").iterdir())) as image:
        assert (image.size, image.mode) == ((224, 224), "RGB")


@pytest.mark.parametrize("options", [{"brands": 0}, {"noise": 0.6}, {"brands": 1001}])
def test_what_cannot_be_made_is_refused(tmp_path: Path, options: dict[str, float]) -> None:
    with pytest.raises(OutputError, match="expected 1 to 1000 brands"):
        write(tmp_path / "demo", **options)


def test_a_folder_that_is_taken_is_refused(hangtag: Run, tmp_path: Path) -> None:
    (tmp_path / "demo").mkdir()
    (tmp_path / "demo" / "mine.txt").write_text("mine")
    with pytest.raises(OutputError, match="exists already"):
        write(tmp_path / "demo")
    assert (tmp_path / "demo" / "mine.txt").read_text() == "mine"
