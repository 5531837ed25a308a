"""Cleaning the cache of decoded pixels: the longest unused first, never in anyone's way."""

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.datasets.pixel_cache import ABANDONED, PixelCache, clean_pixels, decode_here
from hangtag.images.spec import ImageSpec
from tests.tiny import Run

FORMAT = ImageSpec(12, 12, 3)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Six image files."""
    for number in range(6):
        Image.new("RGB", (12, 12), (number, 0, 0)).save(tmp_path / f"{number}.png")
    return [tmp_path / f"{number}.png" for number in range(6)]


def keep_three(cache: Path, paths: list[Path]) -> list[Path]:
    """Keeps three datasets, used an hour apart, the first used again just now."""
    files = []
    for number in range(3):
        before = set(cache.rglob("*.pixels"))
        PixelCache(cache, FORMAT).read(paths[2 * number : 2 * number + 2], decode_here)
        (file,) = set(cache.rglob("*.pixels")) - before
        os.utime(file, (0, time.time() - 3600 * (4 - number)))
        files.append(file)
    PixelCache(cache, FORMAT).read(paths[:2], decode_here)
    return files


def test_what_was_used_last_is_kept(paths: list[Path], tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    first, second, third = keep_three(cache, paths)
    size = first.stat().st_size
    cleaned = clean_pixels(cache, keep=2 * size)
    assert (cleaned.deleted, cleaned.freed, cleaned.left) == (1, size, 2 * size)
    assert first.exists()
    assert third.exists()
    assert not second.exists()
    assert clean_pixels(cache, keep=size).deleted == 1
    assert first.exists()
    assert clean_pixels(cache).left == 0
    assert not [item for item in cache.rglob("*") if item.is_file()]
    assert clean_pixels(tmp_path / "none").deleted == 0


def test_only_old_leftovers_of_killed_processes_are_deleted(
    paths: list[Path], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    (kept, *_) = keep_three(cache, paths)
    fresh, old = (kept.parent / f".{name}.pixels.x.part.pixels" for name in ("fresh", "old"))
    for path in (fresh, old):
        path.write_bytes(bytes(99))
    os.utime(old, (0, time.time() - 2 * ABANDONED))
    cleaned = clean_pixels(cache, keep=10**9)
    assert (cleaned.deleted, cleaned.freed) == (0, 99)
    assert fresh.exists()
    assert not old.exists()


def test_a_reader_keeps_its_pixels_and_the_next_decodes_again(
    paths: list[Path], tmp_path: Path
) -> None:
    cache = tmp_path / "cache"
    PixelCache(cache, FORMAT).read(paths, decode_here)
    mapped = PixelCache(cache, FORMAT).read(paths, decode_here).pixels
    assert isinstance(mapped, np.memmap)
    clean_pixels(cache)
    assert mapped[:, 0, 0, 0].tolist() == list(range(6))
    again = PixelCache(cache, FORMAT).read(paths, decode_here).pixels
    np.testing.assert_array_equal(again, mapped)


def test_cleaning_beside_processes_that_read_and_write_harms_none(
    paths: list[Path], tmp_path: Path
) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from hangtag.datasets.pixel_cache import PixelCache, decode_here\n"
        "from hangtag.images.spec import ImageSpec\n"
        "for _ in range(60):\n"
        "    cache = PixelCache(Path(sys.argv[1]), ImageSpec(12, 12, 3))\n"
        "    pixels = cache.read([Path(one) for one in sys.argv[2:]], decode_here).pixels\n"
        "    assert pixels[:, 0, 0, 0].tolist() == list(range(6))\n"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "cache"), *map(str, paths)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE) for _ in range(2)]
    deleted = 0
    while any(process.poll() is None for process in processes):
        deleted += clean_pixels(tmp_path / "cache").deleted
    assert [process.communicate()[1] for process in processes] == [b"", b""]
    assert deleted > 0


def test_the_command_says_what_it_freed(
    hangtag: Run, paths: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HANGTAG_HOME", str(tmp_path / "home"))
    keep_three(tmp_path / "home" / "pixels", paths)
    outcome = hangtag("data", "clean", "--keep", "1", "--json")
    assert (outcome.code, json.loads(outcome.out)["deleted"]) == (0, 0)
    outcome = hangtag("data", "clean")
    assert outcome.code == 0
    assert "deleted 3 kept datasets" in outcome.err
    assert outcome.out.strip() == str(tmp_path / "home" / "pixels")
