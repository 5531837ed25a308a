"""Writes images as PNG files, and folders of them that appear whole or not at all."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from hangtag.errors import OutputError
from hangtag.files import make_folder


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Yields a temporary folder beside `path`; renames it to `path` when the block succeeds.

    Raises:
        OutputError: `path` holds something already, or cannot be written.
    """
    require_free(path)
    make_folder(path.parent)
    temporary: Path | None = None
    try:
        temporary = Path(tempfile.mkdtemp(dir=path.parent, prefix=f".{path.name}.part."))
        temporary.chmod(0o755)
        yield temporary
        os.replace(temporary, path)
    except OSError as error:
        raise OutputError(
            f"cannot write {path}: {error.strerror or error}; "
            "check the free space and the permissions, or choose another place"
        ) from error
    finally:
        if temporary is not None:
            shutil.rmtree(temporary, ignore_errors=True)


def require_free(path: Path) -> None:
    """Raises OutputError when `path` is a file or a folder with something in it."""
    try:
        occupied = any(path.iterdir()) if path.is_dir() else path.exists()
    except OSError as error:
        raise OutputError(f"cannot read {path}: {error.strerror or error}") from error
    if occupied:
        raise OutputError(f"{path} exists already; remove it or choose another folder")


def write_png(pixels: NDArray[np.uint8], path: Path) -> None:
    """Writes grey pixels (H, W) to `path` as PNG; raises OSError when that fails."""
    from PIL import Image

    Image.fromarray(pixels).save(path, format="PNG", compress_level=1)
