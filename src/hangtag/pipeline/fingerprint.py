"""A digest of the inputs that were passed, in order: names, cells, of each file size and time."""

import hashlib
import os
from collections.abc import Mapping

from hangtag.files.paths import make_printable
from hangtag.images.items import ImageFile, Input, Item
from hangtag.tables.columns import Cell


class InputFingerprint:
    """Digests inputs one after the other."""

    def __init__(self) -> None:
        self._hash = hashlib.blake2b(digest_size=16)
        self._source = ""

    def pass_item(self, item: Item) -> None:
        """Adds an input before it is decoded."""
        if isinstance(item, ImageFile):
            self._pass(make_printable(item.path), item.path, item.extras)
        else:
            self.pass_input(item)

    def pass_input(self, one: Input) -> None:
        """Adds an input after it was decoded; the same as before."""
        self._pass(one.name, one.source, one.extras)

    def digest(self) -> str:
        """Returns the digest of all inputs so far."""
        return self._hash.hexdigest()

    def _pass(self, name: str, source: str, extras: Mapping[str, Cell]) -> None:
        self._hash.update(name.encode() + b"\0")
        if extras:
            self._hash.update(repr(list(extras.items())).encode() + b"\0")
        if source != self._source:
            self._source = source
            self._hash.update(_describe_file(source))


def _describe_file(path: str) -> bytes:
    try:
        found = os.stat(path)
    except (OSError, ValueError):  # ValueError: a path with a NUL byte
        return b"missing\0"
    return f"{found.st_size} {found.st_mtime_ns}\0".encode()
