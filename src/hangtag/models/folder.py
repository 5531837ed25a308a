"""A model is one folder that proves itself: write it, verify it, read it.

    model.onnx            the network with preprocessing inside: pixels uint8 -> logits, embedding,
                          ood_score
    weights.safetensors   the trained weights, to fine-tune from
    golden.npz            example images, and the logits that the model must give for them
    card.json             what the model is, where it comes from, how good it is
    README.md             the same for people

Loading refuses a folder in which any byte has changed. Nothing in it is executable. Its files are
regular files: a link, a pipe or a device is refused before anything is read from it.
"""

import difflib
import errno
import hashlib
import io
import json
import os
import stat
import zipfile
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import NoReturn

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from hangtag.errors import ModelError
from hangtag.files.atomic import new_folder, write_bytes
from hangtag.models.card import FORMAT_VERSION, Card, FileFacts

ONNX = "model.onnx"
WEIGHTS = "weights.safetensors"
GOLDEN = "golden.npz"
CARD = "card.json"
README = "README.md"

MAX_CARD_BYTES = 64_000_000
MAX_GOLDEN_BYTES = 16_000_000
"""Largest card, and largest golden arrays, that are read into memory."""

_LONGEST_REASON = 200

_REMEDY = "get the model folder again, or train the model again"


@dataclass(frozen=True, slots=True)
class Golden:
    """Example images with the logits that the model must give for them.

    Attributes:
        pixels: (G, H, W, C) uint8.
        logits: (G, K) float32, finite.
    """

    pixels: NDArray[np.uint8]
    logits: NDArray[np.float32]

    def to_npz(self) -> bytes:
        """Returns the content of ``golden.npz``."""
        stream = io.BytesIO()
        np.savez_compressed(stream, pixels=self.pixels, logits=self.logits)
        return stream.getvalue()


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """The content of the files beside the card.

    Attributes:
        onnx: ``model.onnx``.
        weights: ``weights.safetensors``.
        golden: What becomes ``golden.npz``.
        readme: ``README.md``.
    """

    onnx: bytes
    weights: bytes
    golden: Golden
    readme: str


def write_model_folder(folder: Path, card: Card, files: ModelFiles) -> Card:
    """Writes a model folder as a whole; one that is there already is replaced.

    Returns:
        The card as written, with `files` and `sha256`.

    Raises:
        OutputError: The folder cannot be written.
    """
    contents = {
        ONNX: files.onnx,
        WEIGHTS: files.weights,
        GOLDEN: files.golden.to_npz(),
        README: files.readme.encode(),
    }
    facts = {
        name: FileFacts(bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
        for name, content in contents.items()
    }
    signed = _sign(card.model_copy(update={"files": facts, "sha256": ""}))
    with new_folder(folder, replace=True) as temporary:
        for name, content in {**contents, CARD: _serialise(signed)}.items():
            write_bytes(temporary / name, content)
    return signed


def read_model_files(folder: Path, card: Card) -> ModelFiles:
    """Reads the files beside the card of a verified folder.

    Raises:
        ModelError: A file cannot be read, or the golden images are damaged.
    """
    return ModelFiles(
        onnx=(folder / ONNX).read_bytes(),
        weights=(folder / WEIGHTS).read_bytes(),
        golden=read_golden(folder, card),
        readme=(folder / README).read_text(encoding="utf-8"),
    )


def read_card(folder: Path) -> Card:
    """Reads and verifies a model folder: every file is there and every byte is as written.

    Raises:
        ModelError: A file is missing or changed, or the format is another.
    """
    path = folder / CARD
    content = _read_card_file(path)
    try:
        fields = json.loads(content, parse_constant=_refuse_constant)
    except (ValueError, RecursionError) as error:
        raise ModelError(f"{path} is damaged: {error}; {_REMEDY}") from error
    version = fields.get("format_version") if isinstance(fields, dict) else None
    if version != FORMAT_VERSION:
        raise ModelError(
            f"{path}: expected format version {FORMAT_VERSION}, received {version!r}; train the "
            "model again with this version of hangtag, or use the version that wrote it"
        )
    try:
        card = Card.model_validate(fields)
    except ValidationError as error:
        raise ModelError(f"{path} is damaged: {_describe_first(error)}; {_REMEDY}") from None
    if not _is_signed(card, content):
        raise ModelError(f"{path} was changed after it was written; {_REMEDY}")
    if set(card.files) != {ONNX, WEIGHTS, GOLDEN, README}:
        raise ModelError(f"{path} names other files than a model folder has; {_REMEDY}")
    for name, facts in card.files.items():
        _verify_file(folder / name, facts)
    return card


def read_golden(folder: Path, card: Card) -> Golden:
    """Reads the golden images of a model and checks their shapes.

    Raises:
        ModelError: They are missing or damaged, or do not fit the card.
    """
    path = folder / GOLDEN
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(member.file_size for member in archive.infolist()) > MAX_GOLDEN_BYTES:
                raise ValueError(f"it holds over {MAX_GOLDEN_BYTES // 1_000_000} MB")
        with np.load(path, allow_pickle=False) as arrays:
            golden = Golden(arrays["pixels"], arrays["logits"])
    except Exception as error:  # zipfile and NumPy fail in a dozen ways on a damaged file
        reason = " ".join(str(error).split())[:_LONGEST_REASON]
        raise ModelError(f"{path} is damaged: {reason}; {_REMEDY}") from error
    pixels, logits = golden.pixels, golden.logits
    expected = (len(logits), *card.input.batch_shape), (len(pixels), len(card.classes))
    if (pixels.shape, logits.shape) != expected or not len(pixels):
        raise ModelError(
            f"{path}: expected golden images of shape (G, {', '.join(map(str, expected[0][1:]))}) "
            f"with logits (G, {len(card.classes)}), received {pixels.shape} with {logits.shape}; "
            f"{_REMEDY}"
        )
    if pixels.dtype != np.uint8 or logits.dtype != np.float32 or not np.isfinite(logits).all():
        raise ModelError(
            f"{path}: expected uint8 pixels and finite float32 logits, received {pixels.dtype} "
            f"and {logits.dtype}; {_REMEDY}"
        )
    return golden


def find_model_folder(model: str | Path) -> Path:
    """Finds the folder of a shipped name, a model folder or a run folder.

    Raises:
        ModelError: There is none.
    """
    path = Path(model)
    for folder in (path, path / "model"):
        if (folder / CARD).is_file():
            return folder
    shipped = shipped_models()
    if str(model) in shipped:
        return shipped[str(model)]
    if path.is_dir():
        raise ModelError(
            f"{path} holds no model: {CARD} is missing there and in {path / 'model'}; finish the "
            "training with --resume, or give another folder"
        )
    close = difflib.get_close_matches(str(model), shipped, n=1)
    suggestion = f"did you mean '{close[0]}'? " if close else ""
    raise ModelError(
        f"no model '{model}': it is neither a folder nor a shipped model; {suggestion}"
        f"shipped models: {', '.join(shipped) or 'none'}"
    )


def shipped_models() -> dict[str, Path]:
    """Returns the folders of the models in the package, by name."""
    root = Path(str(resources.files("hangtag"))) / "models" / "shipped"
    return {path.parent.name: path.parent for path in sorted(root.glob(f"*/{CARD}"))}


def _read_card_file(path: Path) -> bytes:
    try:
        with _open_regular(path) as file:
            if os.fstat(file.fileno()).st_size > MAX_CARD_BYTES:
                raise ModelError(
                    f"{path} is over {MAX_CARD_BYTES // 1_000_000} MB, so it is no model card; "
                    f"{_REMEDY}"
                )
            return file.read()
    except FileNotFoundError:
        raise ModelError(
            f"{path.parent} is not a model folder: {CARD} is missing; give a model folder, a run "
            "folder or a name that 'hangtag models' lists"
        ) from None
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; {_REMEDY}") from error


def _open_regular(path: Path) -> io.BufferedReader:
    """Opens a file for reading; never waits for a pipe, never follows a link.

    Raises:
        ModelError: It is no regular file.
        OSError: It cannot be opened.
    """
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO):
            raise ModelError(_describe_special(path)) from None
        raise
    if not stat.S_ISREG(os.fstat(opened).st_mode):
        os.close(opened)
        raise ModelError(_describe_special(path))
    return os.fdopen(opened, "rb")


def _describe_special(path: Path) -> str:
    return f"{path} is a link or another special file; put the file itself there"


def _describe_first(error: ValidationError) -> str:
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return (f"{where}: {first['msg']}" if where else str(first["msg"]))[:_LONGEST_REASON]


def _serialise(card: Card) -> bytes:
    fields = card.model_dump(mode="json", warnings=False)
    return (json.dumps(fields, indent=1, ensure_ascii=False) + "\n").encode()


def _sign(card: Card) -> Card:
    """Fills in the hash of a card whose `sha256` is empty."""
    return card.model_copy(update={"sha256": hashlib.sha256(_serialise(card)).hexdigest()})


def _is_signed(card: Card, content: bytes) -> bool:
    """Returns whether `content` is `card` as it is written, with the right hash."""
    try:
        if _serialise(card) != content:
            return False
    except (ValueError, RecursionError):  # settings that are nested deeper than any recipe's
        return False
    head, _, tail = content.rpartition(card.sha256.encode())  # its last field, empty when hashed
    return hashlib.sha256(head + tail).hexdigest() == card.sha256


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number")


def _verify_file(path: Path, expected: FileFacts) -> None:
    """Compares size and hash; the size first, so that a wrong file is not read into memory."""
    try:
        with _open_regular(path) as file:
            changed = os.fstat(file.fileno()).st_size != expected.bytes
            changed = changed or hashlib.file_digest(file, "sha256").hexdigest() != expected.sha256
    except FileNotFoundError:
        raise ModelError(f"{path} is missing; {_REMEDY}") from None
    except OSError as error:
        raise ModelError(f"cannot read {path}: {error.strerror}; {_REMEDY}") from error
    if changed:
        raise ModelError(f"{path} was changed after it was written; {_REMEDY}")
