"""Cases 20 to 25 and 36 to 38: how folders and classes lie, and what is right for each."""

from tests.field.expected import (
    PHOTO_MODEL,
    Expected,
    audits,
    evaluates,
    explores,
    reads,
    refuses,
    trains,
)

THREE = "Dress Hat Pants"

SPLIT_NAMES = [
    *(
        explores(f"20-split-names/{name}", classes=THREE, train=18, validation=6, test=6)
        for name in (
            *("train-valid-test", "train-val-test", "train-dev-test", "train-eval-test"),
            *("Train-Valid-Test", "TRAIN-VAL-TEST", "training-validation-testing"),
        )
    ),
    explores("20-split-names/train-valid-", classes=THREE, train=18, validation=6),
    trains("20-split-names/train-valid-test", 30),
    evaluates("20-split-names/train-valid-test", 6, model=PHOTO_MODEL),
    *(
        explores(f"20-split-names/m-{name}/feed.csv", classes=THREE, train=18, validation=6)
        for name in ("valid", "dev", "Train", "VAL", "training", "train-space")
    ),
    refuses("explore", "20-split-names/m-holdout/feed.csv", "row", "split", "holdout"),
    refuses("explore", "20-split-names/m-empty/feed.csv", "row", "split"),
    refuses("explore", "20-split-names/autogluon-names", "test"),
]

LEFT_BY_SYSTEMS = [
    *(
        explores(f"21-mac-zip/{name}", 18, classes=THREE)
        for name in ("plain", "macosx", "synology")
    ),
    explores("21-mac-zip/lost", 18, classes=THREE, says=r"labels\.csv"),
    explores("21-mac-zip/macosx-splits", classes=THREE, train=18, validation=6),
    *(reads(f"21-mac-zip/{name}", 18) for name in ("plain", "macosx", "synology", "lost")),
    reads("21-mac-zip/macosx-splits", 24),
    trains("21-mac-zip/macosx", 18),
    evaluates("21-mac-zip/synology", model=PHOTO_MODEL),
]

NESTED = [
    refuses("explore", "22-nested/department", r"(Women|Men)/\w+|(Women|Men)"),
    refuses("explore", "22-nested/one-too-many", "/dataset"),
    refuses("explore", "22-nested/deep-class", "Dress/extra"),
    refuses("explore", "22-nested/split-in-class", "/train"),
    refuses("explore", "22-nested/loose", r"cover\.jpg"),
    reads("22-nested/department", 24),
    reads("22-nested/one-too-many", 24),
    reads("22-nested/deep-class", 19),
    reads("22-nested/loose", 19),
]

LINKS = [
    explores("23-links/linked", 18, classes=THREE),
    explores("23-links/file-links", 18, classes=THREE, says=r"dangling\.jpg|cannot be read|broken"),
    explores("23-links/split-links", classes=THREE, train=18, validation=6),
    explores("23-links/whole", 18, classes=THREE),
    Expected(command="explore", data="23-links/loop", codes=(0, 2), options=("--model", "none")),
    reads("23-links/loop", 18),
    Expected(command="predict", data="23-links/file-links", rows=19, errors=1),
]

UNICODE = [
    reads("24-unicode/feed.csv", 12),
    audits("24-unicode/feed.csv", 12, errors=0),
    explores("24-unicode/classes", 18, classes="Hüte Shoes"),
    explores("24-unicode/emoji", 12, classes="'🧢 Caps & Hats' '100% Baumwolle'"),
    Expected(command="explore", data="24-unicode/latin1", options=("--model", "none"), rows=12),
    reads("24-unicode/latin1", 12),
]

SPELLINGS = [
    explores("25-case/two-spellings/feed.csv", 36, classes=THREE, says="spelling|spelled|written"),
    explores("25-case/feed.csv", 27, classes=THREE, says="spelling|spelled|written"),
    explores("25-case/folders", 16, classes="Dress Hat", says="spelling|spelled|written"),
    trains("25-case/two-spellings/feed.csv", 36, says="spelling|spelled|written"),
    evaluates("25-case/two-spellings/feed.csv", model=PHOTO_MODEL),
    audits("25-case/two-spellings/feed.csv", 36),
    audits("25-case/feed.csv", 27),
    explores(
        "25-case/case-of-files/feed.csv", 24, classes=THREE, or_says=r"(Dress|Hat|Pants)_\d\d\.jpg"
    ),
    explores("25-case/case-of-some/feed.csv", 24, classes=THREE, says=r"_\d\d\.jpg|case"),
    Expected(command="predict", data="25-case/case-of-some/feed.csv", rows=24, says=(r"\.jpg",)),
]

CLASSES = [
    refuses("train", "36-rare-class/feed.csv", "at least 5", "Cape", "Polo", "Shoes"),
    explores("36-rare-class/feed.csv", 43),
    refuses("explore", "37-products/product_id_as_id.csv", r"\bid\b"),
    explores("37-products/supplier_is_product.csv", 160),
    trains("37-products/product_id.csv", 160, says="product"),
]

TABLE_IN_FOLDER = [
    explores("38-feed-folder/feed-csv", 30, classes=THREE, or_says=r"feed\.csv"),
    trains("38-feed-folder/feed-csv", 30, or_says=r"feed\.csv"),
    evaluates("38-feed-folder/feed-csv", model=PHOTO_MODEL, or_says=r"feed\.csv"),
    audits("38-feed-folder/feed-csv", 30),
    Expected(command="predict", data="38-feed-folder/feed-csv", rows=30, says=(r"feed\.csv",)),
    explores("32-containers/hf-folder", 18, classes=THREE, or_says=r"metadata\.csv"),
]

LAYOUTS = [
    *SPLIT_NAMES,
    *LEFT_BY_SYSTEMS,
    *NESTED,
    *LINKS,
    *UNICODE,
    *SPELLINGS,
    *CLASSES,
    *TABLE_IN_FOLDER,
]
