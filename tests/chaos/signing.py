"""Signs a changed model folder anew, as one who wants it to be believed would."""

import hashlib
import json
from pathlib import Path
from typing import Any

CARD = "card.json"


def read_fields(folder: Path) -> dict[str, Any]:
    """Returns the content of a model card."""
    fields: dict[str, Any] = json.loads((folder / CARD).read_text(encoding="utf-8"))
    return fields


def sign(folder: Path, fields: dict[str, Any]) -> None:
    """Writes a card whose sizes and hashes are those of the files that lie there."""
    contents = {name: (folder / name).read_bytes() for name in fields["files"]}
    files = {
        name: {"bytes": len(content), "sha256": _hash(content)}
        for name, content in contents.items()
    }
    fields = {**fields, "files": files, "sha256": ""}
    fields["sha256"] = _hash(_serialise(fields))
    (folder / CARD).write_bytes(_serialise(fields))


def _serialise(fields: dict[str, Any]) -> bytes:
    return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
