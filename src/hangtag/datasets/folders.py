"""Class folders: one folder a class, optionally below ``train``, ``validation``, ``test``.

A folder's name is the class name, percent-encoded where a file system forbids a character, so
``T-shirt%2Ftop`` holds the class ``T-shirt/top``.
"""

import re
from collections import Counter
from pathlib import Path
from urllib.parse import unquote

import numpy as np

from hangtag.datasets.dataset import Dataset, order_classes, tidy_class
from hangtag.datasets.image_files import ImageReader, write_png
from hangtag.datasets.reading import DecodeOptions
from hangtag.errors import DataError
from hangtag.files.atomic import new_folder, require_free
from hangtag.files.paths import (
    describe_skipped,
    is_file,
    is_folder,
    list_visible,
    make_printable,
)
from hangtag.images.decoding import IMAGE_SUFFIXES, UNREAD_SUFFIXES
from hangtag.progress import OnProgress
from hangtag.readers.record import SPLIT_ALIASES, SPLIT_NAMES

_WANTED = IMAGE_SUFFIXES | UNREAD_SUFFIXES | {""}
"""Suffixes of what is read; a file without one may well be an image."""

_UNSAFE = re.compile(r'^\.|[%/\\:*?"<>|\x00-\x1f\x7f]')


def read_class_folders(
    folder: Path, *, options: DecodeOptions | None = None, on_progress: OnProgress | None = None
) -> Dataset:
    """Reads the class folders of `folder`; see `order_classes` for the order of the classes.

    Items are ordered by file name, then by class. Hidden files are passed over, and with a notice
    those that are no images by their suffix. Images of another size than that of `options` are
    resized.

    Args:
        folder: Holds class folders, or split folders that hold them.
        options: How the images are decoded; by default to grey pixels of 28x28.
        on_progress: Called with the number of images read and of all images.

    Raises:
        DataError: There is no image, a file is not an image, an image lies outside the class
            folders, or split folders and class folders are mixed.
    """
    skipped: Counter[str] = Counter()
    listing = {
        split: _list_files(folder, root, skipped)
        for split, root in _find_split_folders(folder).items()
    }
    class_names = {name for files in listing.values() for name in files}
    paths = {
        split: sorted(
            ((path, name) for name, members in files.items() for path in members),
            key=lambda item: (item[0].name, item[1]),
        )
        for split, files in listing.items()
    }
    total = sum(map(len, paths.values()))
    if not total:
        raise DataError(
            f"{folder}: no images in class folders found; expected CLASS/IMAGE or "
            "train/CLASS/IMAGE with JPEG, PNG or WebP images"
        )
    classes = order_classes(class_names)
    everything = [path for members in paths.values() for path, _ in members]
    reader = ImageReader(everything, options or DecodeOptions(), on_progress)
    splits = {}
    for split, members in paths.items():
        if members:
            files = [path for path, _ in members]
            splits[split] = reader.read(
                files,
                labels=np.array([classes.index(name) for _, name in members], np.int64),
                ids=np.array([make_printable(path.relative_to(folder)) for path in files], np.str_),
            )
    name, broken = folder.resolve().name, tuple(reader.broken)
    ignored = describe_skipped(skipped, before="Passed over in the class folders: ")
    return Dataset(
        name,
        str(folder),
        classes,
        splits,
        (*reader.notices(), *([f"{ignored}."] if ignored else [])),
        broken,
        resized=reader.resized,
    )


def write_class_folders(
    dataset: Dataset,
    folder: Path,
    *,
    on_progress: OnProgress | None = None,
) -> None:
    """Writes ``SPLIT/CLASS/00000.png`` below `folder`; each split appears whole or not at all.

    The file's number is the item's position in its split, so reading the folder gives the same
    items in the same order. Every class gets a folder, even an empty one.

    Args:
        dataset: What to write.
        folder: Where to; made when missing.
        on_progress: Called with the number of images written and of all images.

    Raises:
        OutputError: A split's folder exists already or cannot be written.
    """
    for name in dataset.splits:
        require_free(folder / name)
    done = 0
    for name, split in dataset.splits.items():
        width = max(5, len(str(len(split) - 1)))
        with new_folder(folder / name) as root:
            class_folders = [root / encode_class(name) for name in dataset.classes]
            for class_folder in class_folders:
                class_folder.mkdir()
            for position, label in enumerate(split.labels):
                path = class_folders[label] / f"{position:0{width}d}.png"
                write_png(split.images[position], path)
                done += 1
                if on_progress:
                    on_progress(done, len(dataset))


def encode_class(name: str) -> str:
    """Returns the folder name of the class `name`: ``T-shirt/top`` gives ``T-shirt%2Ftop``."""
    return _UNSAFE.sub(lambda match: f"%{ord(match.group()):02X}", name)


def _find_split_folders(folder: Path) -> dict[str, Path]:
    """Maps split names to the folders that hold their class folders, in the order of splits."""
    names = [path.name for path in list_visible(folder) if is_folder(path)]
    found = [name for name in names if name in SPLIT_ALIASES]
    if not found:
        return {"train": folder}
    if len(found) < len(names):
        other = next(name for name in names if name not in found)
        raise DataError(
            f"{folder} mixes the split folder '{found[0]}' with the folder '{other}'; "
            "expected only train, validation and test, or only class folders"
        )
    splits = {SPLIT_ALIASES[name]: folder / name for name in found}
    if len(splits) < len(found):
        raise DataError(f"{folder} holds both 'val' and 'validation'; merge the two")
    _refuse_loose_images(folder)
    return {name: splits[name] for name in SPLIT_NAMES if name in splits}


def _list_files(folder: Path, root: Path, skipped: Counter[str]) -> dict[str, list[Path]]:
    """Maps each class name below `root` to the images in its folder; counts its other files."""
    _refuse_loose_images(root)
    files: dict[str, list[Path]] = {}
    for class_folder in list_visible(root):
        if not is_folder(class_folder):
            continue
        images = files.setdefault(tidy_class(unquote(make_printable(class_folder.name))), [])
        for path in list_visible(class_folder):
            if is_folder(path):
                raise DataError(
                    f"{path} is a folder where images are expected; {folder} may be class "
                    "folders, or train, validation and test with class folders, no deeper"
                )
            if (suffix := path.suffix.lower()) in _WANTED:
                images.append(path)
            else:
                skipped[suffix] += 1
    return files


def _refuse_loose_images(folder: Path) -> None:
    for path in list_visible(folder):
        if path.suffix.lower() in IMAGE_SUFFIXES and is_file(path):
            raise DataError(
                f"{path} lies outside the class folders; move it into its class, or, where "
                f"{folder} is a class itself, give the folder that holds it"
            )
