"""Opens whatever DATA names: finds out which kind of source it is."""

import difflib
import re
from collections.abc import Sequence
from pathlib import Path

from hangtag.datasets.dataset import Dataset, Split
from hangtag.datasets.fetch import FASHION_MNIST, cache_home, fetch_fashion_mnist
from hangtag.datasets.folders import read_class_folders
from hangtag.datasets.idx import read_idx_split
from hangtag.datasets.manifest import MANIFEST_NAME, read_manifest
from hangtag.datasets.pixel_csv import read_pixel_csv
from hangtag.datasets.reading import DecodeOptions
from hangtag.errors import DataError
from hangtag.files.paths import is_file, is_folder, list_visible
from hangtag.progress import OnProgress
from hangtag.readers.record import SPLIT_ALIASES, SPLIT_NAMES
from hangtag.tables.columns import find_column
from hangtag.tables.csv_text import read_header, refuse_spreadsheet
from hangtag.taxonomy.classes import FASHION_MNIST_CLASSES

DATA_NAMES = (FASHION_MNIST,)
"""The data sets that are known by name."""

DATA_KINDS = (
    f"a name ({', '.join(DATA_NAMES)}), a folder of IDX files, a pixel CSV or a folder of "
    "NAME_train.csv and NAME_test.csv, a folder of class folders, or a manifest .csv or .parquet "
    "with a column 'image'"
)

_IDX_PREFIXES = {"train": "train", "test": "t10k"}
_IDX_SUFFIXES = {"images": "-images-idx3-ubyte", "labels": "-labels-idx1-ubyte"}
_SPLIT_CSV = re.compile(r"(?P<name>.+)_(?P<split>train|validation|val|test)\.csv(\.gz)?")
_CLASS_COUNT = len(FASHION_MNIST_CLASSES)


def open_data(
    data: str | Path,
    options: DecodeOptions,
    *,
    offline: bool = False,
    on_progress: OnProgress | None = None,
) -> Dataset:
    """Opens a data set by its name or path; see `hangtag.datasets.load_dataset`."""
    if data == "":
        raise DataError(f"the data set's name or path is empty; expected {DATA_KINDS}")
    if data in DATA_NAMES:
        folder = fetch_fashion_mnist(cache_home(), offline=offline, on_progress=on_progress)
        return _read_idx_folder(folder)
    return _read_path(Path(data), options, on_progress)


def require_known_name(name: str) -> None:
    """Raises a DataError that suggests the nearest name when `name` is no known data set."""
    if name not in DATA_NAMES:
        raise DataError(
            f"no data set is called '{name}'{_suggest(name)}; known are: {', '.join(DATA_NAMES)}"
        )


def _read_path(path: Path, options: DecodeOptions, on_progress: OnProgress | None) -> Dataset:
    if is_folder(path):
        return _read_folder(path, options, on_progress)
    if is_file(path):
        return _read_file(path, options, on_progress)
    raise DataError(
        f"no data set, file or folder is called '{path}'{_suggest(str(path))}; "
        f"expected {DATA_KINDS}"
    )


def _read_file(path: Path, options: DecodeOptions, on_progress: OnProgress | None) -> Dataset:
    name = path.name.lower()
    refuse_spreadsheet(path)
    if name.endswith(".parquet"):
        return read_manifest(path, options=options, on_progress=on_progress)
    if not name.endswith((".csv", ".csv.gz")):
        raise DataError(f"{path} is not a data set; expected {DATA_KINDS}")
    header = read_header(path, "image")
    if find_column(str(path), header, "image"):
        return read_manifest(path, options=options, on_progress=on_progress)
    if any(column.startswith("pixel") for column in header) or header == ["label"]:
        return _read_pixel_csvs(path, [path])
    raise DataError(
        f"{path}: expected the columns label, pixel1, ... of a pixel CSV or the column 'image' "
        f"of a manifest, received {', '.join(header[:5])[:80]!r}; call the column with the paths "
        f"of the images 'image', that with their classes 'label'"
    )


def _read_folder(folder: Path, options: DecodeOptions, on_progress: OnProgress | None) -> Dataset:
    if any(_find_idx(folder, split, what) for split in _IDX_PREFIXES for what in _IDX_SUFFIXES):
        return _read_idx_folder(folder)
    tables = [path for path in list_visible(folder) if _SPLIT_CSV.fullmatch(path.name)]
    if tables:
        return _read_pixel_csvs(folder, tables)
    for manifest in (folder / MANIFEST_NAME, folder / "manifest.parquet"):
        if is_file(manifest):
            return read_manifest(manifest, options=options, on_progress=on_progress)
    return read_class_folders(folder, options=options, on_progress=on_progress)


def _read_idx_folder(folder: Path) -> Dataset:
    splits = {}
    for name in _IDX_PREFIXES:
        images, labels = (_find_idx(folder, name, what) for what in _IDX_SUFFIXES)
        if images and labels:
            splits[name] = read_idx_split(images, labels, name=name, classes=_CLASS_COUNT)
        elif images or labels:
            wanted = f"{_IDX_PREFIXES[name]}{_IDX_SUFFIXES['labels' if images else 'images']}"
            raise DataError(
                f"{images or labels} has no partner; put {wanted} (plain or with .gz) beside it"
            )
    return Dataset(folder.resolve().name, str(folder), FASHION_MNIST_CLASSES, splits)


def _find_idx(folder: Path, split: str, what: str) -> Path | None:
    """Returns the IDX file of `split` that holds `what`, images or labels, if it is there."""
    plain = folder / f"{_IDX_PREFIXES[split]}{_IDX_SUFFIXES[what]}"
    candidates = (plain, plain.with_name(f"{plain.name}.gz"))
    return next((path for path in candidates if is_file(path)), None)


def _read_pixel_csvs(source: Path, tables: Sequence[Path]) -> Dataset:
    """Reads pixel CSVs whose names end in the split; a table without one is ``train``."""
    splits: dict[str, Split] = {}
    names = set()
    for path in tables:
        match = _SPLIT_CSV.fullmatch(path.name)
        split = SPLIT_ALIASES[match["split"]] if match else "train"
        names.add(match["name"] if match else path.name.removesuffix(".gz").removesuffix(".csv"))
        if split in splits or len(names) > 1:
            raise DataError(
                f"{source} holds more than one data set: {tables[0].name} and {path.name}; "
                "open one file, or leave one NAME with one file a split"
            )
        splits[split] = read_pixel_csv(path, name=split, classes=_CLASS_COUNT)
    ordered = {name: splits[name] for name in SPLIT_NAMES if name in splits}
    return Dataset(names.pop(), str(source), FASHION_MNIST_CLASSES, ordered)


def _suggest(name: str) -> str:
    close = difflib.get_close_matches(name, DATA_NAMES, n=1)
    return f" (did you mean '{close[0]}'?)" if close else ""
