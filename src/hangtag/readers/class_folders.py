"""Class folders: one folder a class, optionally below ``train``, ``validation`` and ``test``.

A folder's name is the class name, percent-encoded where a file system forbids a character, so
``T-shirt%2Ftop`` holds the class ``T-shirt/top``.
"""

import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import unquote

from hangtag.errors import DataError
from hangtag.files.paths import is_file, is_folder, list_visible, make_printable, shorten
from hangtag.images.sniffing import IMAGE_SUFFIXES, READ_FORMATS, UNREAD_SUFFIXES, is_image_file
from hangtag.readers.record import SPLIT_NAMES, Record, Source, find_split

_READ = IMAGE_SUFFIXES | UNREAD_SUFFIXES | {""}
"""Suffixes of the files that are read, whatever they hold; one without may well be an image. So is
every image under another name, such as ``a.jpg?v=1``."""

_SURE_SPLITS = frozenset({"train", "validation", "val", "valid", "test"})
"""Folders that are no classes even beside class folders; there may be a class ``Training``."""

_UNSAFE = re.compile(r'^\.|[%/\\:*?"<>|\x00-\x1f\x7f]')


class ClassFolders(Source):
    """The images below a folder of class folders, by split, file name and class.

    The paths are in memory. Hidden files are left out, others that are no images by their suffix
    are counted in `skipped`.

    Raises:
        DataError: There is no image, an image lies outside the class folders, or split folders
            and class folders are mixed.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._skipped: Counter[str] = Counter()
        self._classes: dict[str, None] = {}
        self._images: list[tuple[str, str, Path]] = []  # split, class, path
        for split, root in _find_split_folders(folder).items():
            images = list(self._list_images(root))
            images.sort(key=lambda image: (image[1].name, image[0]))
            self._images += [(split, label, path) for label, path in images]
        if not self._images:
            raise DataError(
                f"{folder}: no images in class folders found; expected CLASS/IMAGE or "
                f"train/CLASS/IMAGE, the images {READ_FORMATS}"
            )

    def __iter__(self) -> Iterator[Record]:
        """Gives the labelled records; their ids are the paths below the folder."""
        for split, label, path in self._images:
            yield Record(
                name=make_printable(path),
                id=make_printable(path.relative_to(self._folder)),
                image=str(path),
                source=str(path),
                label=label,
                split=split,
            )

    @property
    def total(self) -> int | None:
        """The number of images."""
        return len(self._images)

    @property
    def files(self) -> int:
        """The number of images."""
        return len(self._images)

    @property
    def classes(self) -> tuple[str, ...] | None:
        """The names of the class folders that hold images, or may do so one day."""
        return tuple(self._classes)

    @property
    def skipped(self) -> Counter[str]:
        """Files in the class folders that are no images, by suffix."""
        return self._skipped

    def _list_images(self, root: Path) -> Iterator[tuple[str, Path]]:
        """Gives class and path of each image in the class folders of `root`."""
        _refuse_loose_images(root)
        for class_folder in filter(is_folder, list_visible(root)):
            label = decode_class(class_folder.name)
            self._classes[label] = None
            for path in list_visible(class_folder):
                if is_folder(path):
                    raise DataError(
                        f"{path} is a folder where images are expected; {self._folder} may be "
                        "class folders, or train, validation and test with class folders, no deeper"
                    )
                if (suffix := path.suffix.lower()) in _READ or is_image_file(str(path)):
                    yield label, path
                else:
                    self._skipped[suffix] += 1


def encode_class(name: str) -> str:
    """Returns the folder name of the class `name`: ``T-shirt/top`` gives ``T-shirt%2Ftop``."""
    return _UNSAFE.sub(lambda match: f"%{ord(match.group()):02X}", name)


def decode_class(folder: str) -> str:
    """Returns the class that a folder name stands for; the inverse of `encode_class`."""
    return unquote(make_printable(folder))


def _find_split_folders(folder: Path) -> dict[str, Path]:
    """Maps split names to the folders that hold their class folders, in the order of splits."""
    names = [path.name for path in list_visible(folder) if is_folder(path)]
    found = [name for name in names if find_split(name)]
    others = [name for name in names if name not in found]
    if not found or (others and not any(name.casefold() in _SURE_SPLITS for name in found)):
        return {"train": folder}
    if others:
        raise DataError(
            f"{folder} mixes the split folder '{found[0]}' with the folder '{shorten(others[0])}'; "
            "expected only train, validation and test, or only class folders"
        )
    splits: dict[str, Path] = {}
    for name in found:
        split = find_split(name) or ""
        if split in splits:
            raise DataError(
                f"{folder} holds both '{splits[split].name}' and '{name}'; merge the two"
            )
        splits[split] = folder / name
    _refuse_loose_images(folder)
    return {name: splits[name] for name in SPLIT_NAMES if name in splits}


def _refuse_loose_images(folder: Path) -> None:
    for path in list_visible(folder):
        if is_file(path) and (path.suffix.lower() in IMAGE_SUFFIXES or is_image_file(str(path))):
            raise DataError(
                f"{path} lies outside the class folders; move it into its class, or, where "
                f"{folder} is a class itself, give the folder that holds it"
            )
