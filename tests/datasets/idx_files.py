"""Writes IDX files, which the product only reads."""

import gzip
import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.readers.idx import IMAGES_MAGIC, LABELS_MAGIC


def write_idx_images(images: NDArray[np.uint8], path: Path) -> None:
    """Writes images (N, H, W) as IDX to `path`; gzip when the name ends in ``.gz``."""
    _write(path, struct.pack(">4I", IMAGES_MAGIC, *images.shape) + images.tobytes())


def write_idx_labels(labels: NDArray[np.int64], path: Path) -> None:
    """Writes labels (N,), 0-255, as IDX to `path`; gzip when it ends in ``.gz``."""
    _write(path, struct.pack(">2I", LABELS_MAGIC, len(labels)) + labels.astype(np.uint8).tobytes())


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    compress = path.suffix == ".gz"
    path.write_bytes(gzip.compress(content, mtime=0) if compress else content)
