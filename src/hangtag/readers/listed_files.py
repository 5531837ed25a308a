"""Finds the files that a table names, also where the name is spelled a little differently.

A table and a disk may differ in the form of a letter (``ö`` as one sign or as two, after a zip from
a Mac), in case, in blanks, in the slashes of Windows, in a suffix that the table leaves out, or the
table may hold a ``file:`` address.
"""

import os
import re
import unicodedata
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from urllib.parse import unquote

from hangtag.files.paths import shorten
from hangtag.images.sniffing import IMAGE_SUFFIXES, UNREAD_SUFFIXES

_FILE_ADDRESS = re.compile(r"file:/*(?:localhost(?=/))?", re.IGNORECASE)
_QUERY = re.compile(r"(\.[A-Za-z]{3,4})[?#].*")
_LONGEST = 4096
"""Characters of the longest path that is looked for."""

_FOLDERS_KEPT = 16
_MOST_ENTRIES = 20_000
"""Files among which one is looked for that a message may suggest."""


class ListedFiles:
    """The files that one table names.

    Args:
        table: Its path, to which theirs are relative.
    """

    def __init__(self, table: str) -> None:
        self._table, self._folder = table, os.path.dirname(table)
        self._respelled: set[str] = set()
        self._example = ("", "")
        self._missing = ""
        self._list = lru_cache(_FOLDERS_KEPT)(_list_folder)

    @property
    def notes(self) -> tuple[str, ...]:
        """What was found under another spelling or may lie elsewhere, so far."""
        return tuple(filter(None, (self._describe_respelled(), self._describe_missing())))

    def _describe_respelled(self) -> str:
        if not self._respelled:
            return ""
        text, path = self._example
        count = len(self._respelled)
        files = "1 file is" if count == 1 else f"{count:,} files are"
        return (
            f"{files} spelled differently in {self._table}: "
            f"{shorten(path)} is read for {shorten(repr(text))}, for example."
        )

    def _describe_missing(self) -> str:
        near = suggest_file(self._missing, self._table) if self._missing else ""
        if not near:
            return ""
        return (
            f"{self._table} names {shorten(repr(self._missing))}, which is missing; "
            f"{shorten(near)} is there. Paths are relative to the table."
        )

    def find(self, text: str) -> str:
        """Returns the path of the file that `text` names; where none is there, as it is named."""
        path = os.path.join(self._folder, text)
        if len(text) > _LONGEST or os.path.isfile(path):
            return path
        found = self._find_respelled(text)
        if found is None:
            self._missing = self._missing or text
            return path
        if len(self._respelled) < _MOST_ENTRIES:
            self._respelled.add(text)
        if not self._example[0]:
            self._example = (text, found)
        return found

    def _find_respelled(self, text: str) -> str | None:
        variants = list(dict.fromkeys(_vary(text)))
        for variant in variants:
            if os.path.isfile(path := os.path.join(self._folder, variant)):
                return path
        found = (self._resolve(variant) for variant in variants)
        return next((path for path in found if path is not None), None)

    def _resolve(self, text: str) -> str | None:
        """Follows a path name by name; None where a name fits none, or several, on the disk."""
        place = os.sep if os.path.isabs(text) else self._folder
        *folders, name = [part for part in text.split("/") if part not in ("", ".")] or [""]
        for folder in folders:
            step = folder if folder == ".." else self._find_name(place, folder)
            if step is None:
                return None
            place = os.path.join(place, step)
        found = self._find_name(place, name) or self._find_name(place, name, stem=True)
        path = None if found is None else os.path.join(place, found)
        return path if path and os.path.isfile(path) else None

    def _find_name(self, folder: str, name: str, *, stem: bool = False) -> str | None:
        names, stems = self._list(folder)
        if not stem and name in names.get(_fold(name), ()):
            return name
        found = (stems if stem else names).get(_fold(name), ())
        composed = [other for other in found if _compose(other) == _compose(name)]
        several = composed if len(found) > 1 and len(composed) == 1 else found
        return several[0] if len(several) == 1 else None


def suggest_file(text: str, table: str | Path) -> str:
    """Returns the path, relative to a table, of a file of the name in `text`; empty if none is.

    Looks below the folder of the table, at some thousand files.
    """
    folder = os.path.dirname(table) or os.curdir
    wanted = _fold(next(reversed(list(_vary(text)))).rpartition("/")[2])
    seen = 0
    for place, folders, names in os.walk(folder):
        folders.sort()
        seen += len(names) + 1
        for name in sorted(names):
            if wanted and wanted in (_fold(name), _fold(os.path.splitext(name)[0])):
                return os.path.relpath(os.path.join(place, name), folder)
        if seen > _MOST_ENTRIES:
            break
    return ""


def _vary(text: str) -> Iterator[str]:
    """Gives what a cell may mean by its text, the likeliest first."""
    yield text.replace("\\", "/")
    plain = text.strip().strip("\"'").strip()
    if match := _FILE_ADDRESS.match(plain):
        rest = unquote(plain[match.end() :])
        yield from (f"/{rest}", rest) if not rest.startswith("/") else (rest,)
        return
    plain = plain.replace("\\", "/")
    yield plain
    yield _QUERY.sub(r"\1", plain)
    yield unquote(_QUERY.sub(r"\1", plain))


def _list_folder(
    folder: str,
) -> tuple[Mapping[str, list[str]], Mapping[str, list[str]]]:
    """Returns the folded names in a folder -> the names, and the same for images by stem."""
    names: dict[str, list[str]] = {}
    stems: dict[str, list[str]] = {}
    try:
        found = os.listdir(folder or os.curdir)
    except (OSError, ValueError):  # what is no folder holds nothing
        return {}, {}
    for name in found:
        names.setdefault(_fold(name), []).append(name)
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in IMAGE_SUFFIXES | UNREAD_SUFFIXES:
            stems.setdefault(_fold(stem), []).append(name)
    return names, stems


def _compose(name: str) -> str:
    return unicodedata.normalize("NFC", name)


def _fold(name: str) -> str:
    return " ".join(_compose(name).split()).casefold()
