"""Expectations that are not met yet, by reason; whoever mends one removes its name.

Each reason names the packages that are responsible. The marks are strict: a test that passes while
its name stands here fails.
"""

from collections.abc import Callable
from typing import TypeVar

import pytest

Test = TypeVar("Test", bound=Callable[..., object])

REASONS: dict[str, tuple[str, ...]] = {
    "datasets, readers: splits are only train, val, validation and test, in lower case": (
        "explore 20-split-names/train-valid-test",
        "explore 20-split-names/train-dev-test",
        "explore 20-split-names/train-eval-test",
        "explore 20-split-names/Train-Valid-Test",
        "explore 20-split-names/TRAIN-VAL-TEST",
        "explore 20-split-names/training-validation-testing",
        "explore 20-split-names/train-valid-",
        "train 20-split-names/train-valid-test",
        "evaluate clothing-photos 20-split-names/train-valid-test",
        "explore 20-split-names/m-valid/feed.csv",
        "explore 20-split-names/m-dev/feed.csv",
        "explore 20-split-names/m-Train/feed.csv",
        "explore 20-split-names/m-VAL/feed.csv",
        "explore 20-split-names/m-training/feed.csv",
        "explore 20-split-names/m-train-space/feed.csv",
    ),
    "datasets, readers: folders of systems count as classes; what is left out is not named": (
        "explore 21-mac-zip/macosx",
        "explore 21-mac-zip/synology",
        "explore 21-mac-zip/lost",
        "explore 21-mac-zip/macosx-splits",
        "train 21-mac-zip/macosx",
        "evaluate clothing-photos 21-mac-zip/synology",
    ),
    "readers: a file is not found by another Unicode form of its name": (
        "predict 24-unicode/feed.csv",
        "audit 24-unicode/feed.csv",
    ),
    "readers, datasets: spellings of a class are not folded, without a word": (
        "explore 25-case/two-spellings/feed.csv",
        "explore 25-case/feed.csv",
        "explore 25-case/folders",
        "train 25-case/two-spellings/feed.csv",
    ),
    "readers: a file whose name differs in case is neither found nor named": (
        "explore 25-case/case-of-files/feed.csv",
        "explore 25-case/case-of-some/feed.csv",
    ),
    "readers: a table of labels in a folder is ignored, and folders become classes": (
        "explore 38-feed-folder/feed-csv",
        "evaluate clothing-photos 38-feed-folder/feed-csv",
        "predict 38-feed-folder/feed-csv",
        "explore 32-containers/hf-folder",
    ),
    "readers: blanks, file: addresses, encoded paths, missing suffixes: not read, not explained": (
        "predict 26-paths/space.csv",
        "explore 26-paths/space.csv",
        "audit 26-paths/space.csv",
        "explore 26-paths/stem.csv",
        "explore 26-paths/fileurl.csv",
        "explore 26-paths/percent.csv",
        "explore 29-numbers/stems.csv",
        "explore 29-numbers/hm_ids.csv",
    ),
    "readers: only https is known; an address is mangled; a few cost the whole table": (
        "predict 27-urls/urls.csv",
        "audit 27-urls/urls.csv",
        "explore 27-urls/mixed.csv",
        "predict 27-urls/protocolless.csv",
        "explore 27-urls/protocolless.csv",
        "train 27-urls/protocolless.csv",
        "audit 27-urls/protocolless.csv",
        "predict 27-urls/s3.csv",
        "explore 27-urls/s3.csv",
        "train 27-urls/s3.csv",
        "audit 27-urls/s3.csv",
    ),
    "readers: a list in a cell is taken as a class, or refused in the words of a library": (
        "explore 30-multilabel/labelstudio.csv",
        "explore 30-multilabel/pylist.csv",
        "explore 30-multilabel/list.parquet",
    ),
    "readers: a first line sep= is taken for the header": (
        "predict 31-csv-forms/sep_line.csv",
        "explore 31-csv-forms/sep_line.csv",
        "audit 31-csv-forms/sep_line.csv",
        "predict 31-csv-forms/sep_bom_utf16.csv",
        "explore 31-csv-forms/sep_bom_utf16.csv",
        "audit 31-csv-forms/sep_bom_utf16.csv",
        "train 31-csv-forms/sep_line.csv",
    ),
    "readers: tables separated by tabs are read by audit only": (
        "predict 31-csv-forms/tabs.txt",
        "explore 31-csv-forms/tabs.txt",
        "predict 31-csv-forms/tab.tab",
        "explore 31-csv-forms/tab.tab",
        "audit 31-csv-forms/tab.tab",
    ),
    "readers: empty rows at the start and the end count as rows": (
        "predict 31-csv-forms/blank_rows.csv",
        "explore 31-csv-forms/blank_rows.csv",
        "audit 31-csv-forms/blank_rows.csv",
        "predict 31-csv-forms/blank_rows_semi.csv",
        "explore 31-csv-forms/blank_rows_semi.csv",
        "audit 31-csv-forms/blank_rows_semi.csv",
        "predict 31-csv-forms/empty_lines.csv",
        "explore 31-csv-forms/empty_lines.csv",
        "audit 31-csv-forms/empty_lines.csv",
        "predict 31-csv-forms/eof26.csv",
        "explore 31-csv-forms/eof26.csv",
        "audit 31-csv-forms/eof26.csv",
        "train 31-csv-forms/blank_rows.csv",
    ),
    "readers: the message about a bad row or encoding names no line": (
        "explore 31-csv-forms/mixed_encodings.csv",
        "explore 31-csv-forms/mixed_label.csv",
    ),
    "readers: archives, workbooks and tables of other kinds are not named": (
        "predict 32-containers/images.zip",
        "predict 32-containers/shard-000000.tar",
        "predict 32-containers/images.tar.gz",
        "predict 32-containers/metadata.jsonl",
        "predict 32-containers/data.json",
        "predict 32-containers/feed.xlsx",
        "predict 32-containers/really_xlsx.csv",
        "predict 32-containers/html_table.csv",
        "predict 32-containers/html_table.xls",
        "predict 32-containers/feed.feather",
        "predict 32-containers/feed.pkl",
        "explore 32-containers/images.zip",
        "train 32-containers/images.zip",
        "audit 32-containers/images.zip",
        "explore 32-containers/really_xlsx.csv",
        "train 32-containers/really_xlsx.csv",
        "audit 32-containers/really_xlsx.csv",
    ),
    "readers: the name decides what a table is, not its content": (
        "explore 32-containers/renamed.csv",
        "explore 32-containers/renamed.parquet",
        "predict 32-containers/renamed.csv",
        "explore 32-containers/parts",
    ),
    "readers: a Parquet with images inside is not refused in one short line": (
        "explore 33-hf-parquet/photos-train-00000-of-00001.parquet",
        "train 33-hf-parquet/photos-train-00000-of-00001.parquet",
        "audit 33-hf-parquet/photos-train-00000-of-00001.parquet",
        "predict 33-hf-parquet/plain_bytes.parquet",
        "explore 33-hf-parquet/plain_bytes.parquet",
        "train 33-hf-parquet/plain_bytes.parquet",
        "audit 33-hf-parquet/plain_bytes.parquet",
    ),
    "readers: one bad row costs the whole table in training": (
        "explore 34-styles-csv/styles.csv",
        "train 34-styles-csv/styles.csv",
    ),
    "readers: lists in UTF-16, in quotes or with blanks are not read": (
        "predict - < 46-lists/utf16.txt",
        "predict - < 46-lists/quoted.txt",
        "predict - < 46-lists/spaces.txt",
    ),
    "readers, datasets: IDX files are not found under all names that people have": (
        "explore 40-idx-names/torchvision/FashionMNIST",
        "explore 40-idx-names/torchvision",
        "explore 40-idx-names/dotted",
        "explore 40-idx-names/dot-ubyte",
        "explore 40-idx-names/test-named",
        "explore 40-idx-names/kaggle-folder-per-file",
        "explore 40-idx-names/upper",
        "explore 40-idx-names/mnist-hyphen-ubyte3",
        "evaluate fashion-mnist-tiny 40-idx-names/test-named",
        "evaluate fashion-mnist-tiny 40-idx-names/dotted",
        "evaluate fashion-mnist-tiny 40-idx-names/kaggle-folder-per-file",
    ),
    "readers: predict does not read a folder of IDX files": (
        "predict 40-idx-names/dotted",
        "predict 40-idx-names/dot-ubyte",
        "predict 40-idx-names/gz-unpacked-by-browser",
        "predict 40-idx-names/gz-still-packed",
        "predict 40-idx-names/test-named",
        "predict 40-idx-names/kaggle-folder-per-file",
        "predict 40-idx-names/keras/fashion-mnist",
        "predict 40-idx-names/upper",
        "predict 40-idx-names/mnist-hyphen-ubyte3",
    ),
    "readers: npz is not read; pickles are not named": (
        "explore 41-npz/fashion_mnist.npz",
        "predict 41-npz/images_only.npz",
        "predict 41-npz/fashion_mnist.npz",
        "evaluate fashion-mnist-tiny 41-npz/fashion_mnist.npz",
        "predict 41-npz/fm.pkl",
        "predict 41-npz/training.pt",
    ),
    "readers: pixel tables of other origins are not known": (
        "evaluate fashion-mnist-tiny 42-kaggle-csv/pandas_index.csv",
        "explore 42-kaggle-csv/pandas_index.csv",
        "evaluate fashion-mnist-tiny 42-kaggle-csv/openml_class.csv",
        "explore 42-kaggle-csv/openml_class.csv",
        "evaluate fashion-mnist-tiny 42-kaggle-csv/pixel0.csv",
        "predict 42-kaggle-csv/pixel0.csv",
        "explore 42-kaggle-csv/pixel0.csv",
        "evaluate fashion-mnist-tiny 42-kaggle-csv/mnist_in_csv.csv",
        "predict 42-kaggle-csv/mnist_in_csv.csv",
        "explore 42-kaggle-csv/mnist_in_csv.csv",
        "evaluate fashion-mnist-tiny 42-kaggle-csv/no_header.csv",
        "predict 42-kaggle-csv/no_header.csv",
        "explore 42-kaggle-csv/no_header.csv",
        "evaluate fashion-mnist-tiny 42-kaggle-csv/semicolon.csv",
        "predict 42-kaggle-csv/semicolon.csv",
        "explore 42-kaggle-csv/semicolon.csv",
        "evaluate fashion-mnist-tiny 42-kaggle-csv/caps.csv",
        "predict 42-kaggle-csv/caps.csv",
        "explore 42-kaggle-csv/caps.csv",
        "explore 42-kaggle-csv/fashion-mnist_test.csv.zip",
        "explore 42-kaggle-csv/kaggle",
        "explore 42-kaggle-csv/plain-names",
    ),
    "evaluation: numbers, other cases and other spellings of labels are unknown to a model": (
        "evaluate fashion-mnist-tiny 44-labels/ints.csv",
        "evaluate fashion-mnist-tiny 44-labels/hf_names.csv",
        "evaluate fashion-mnist-tiny 44-labels/lower.csv",
        "evaluate fashion-mnist-tiny 44-labels/int-folders",
        "evaluate fashion-mnist-tiny 45-png-digits/data",
    ),
    "reports, cli: figures of a class without items are shown as 0.0000": (
        "evaluate fashion-mnist-tiny 44-labels/three_missing.csv",
        "evaluate fashion-mnist-tiny 44-labels/only_dress.csv",
    ),
}

TESTS: dict[str, str] = {
    "test_an_unclosed_quote_loses_no_row": "readers: rows after an unclosed quote are lost",
    "test_an_audit_counts_every_row_after_an_unclosed_quote": "readers: the same",
    "test_a_bit_flip_in_a_checkpoint_is_not_gone_on_with": "training: tensors are not hashed",
    "test_the_demo_feed_is_no_folder_of_the_classes_images_and_truth": "readers: 38, again",
}
"""Single tests, with the reason."""

STILL_WRONG = {name: reason for reason, names in REASONS.items() for name in names}


def not_yet(test: Test) -> Test:
    """Marks a test that fails yet, where `TESTS` says why."""
    reason = TESTS.get(test.__name__)
    return pytest.mark.xfail(strict=True, reason=reason)(test) if reason else test
