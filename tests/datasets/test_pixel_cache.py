"""Decoded pixels on disk: found again, never stale, safe to delete, shared by processes."""

import errno
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.datasets import Split
from hangtag.datasets.pixel_cache import MIN_IMAGES, PixelCache, decode_here, read_pixels
from hangtag.errors import ImageError
from hangtag.images.decoding import DecodedImage
from hangtag.images.spec import ImageSpec

FORMAT = ImageSpec(12, 12, 3)


class Counting:
    """Decodes in this process and counts what it decoded."""

    def __init__(self) -> None:
        self.names: list[str] = []

    def __call__(
        self, paths: Sequence[Path], spec: ImageSpec
    ) -> Iterator[DecodedImage | ImageError]:
        self.names += [path.name for path in paths]
        return decode_here(paths, spec)


@pytest.fixture
def paths(tmp_path: Path) -> list[Path]:
    """Six image files, the last of them broken."""
    random = np.random.default_rng(0)
    for number in range(6):
        pixels = random.integers(0, 256, (12, 12 + number, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    (tmp_path / "5.png").write_bytes(b"broken")
    return [tmp_path / f"{number}.png" for number in range(6)]


def test_a_second_reading_decodes_only_to_say_what_is_broken(
    paths: list[Path], tmp_path: Path
) -> None:
    cache = PixelCache(tmp_path / "cache", FORMAT)
    first, second = Counting(), Counting()
    fresh = cache.read(paths, first)
    kept = cache.read(paths, second)
    assert first.names == [path.name for path in paths]
    assert second.names == ["5.png"]
    assert isinstance(kept.pixels, np.memmap)
    np.testing.assert_array_equal(kept.pixels, fresh.pixels)
    for decoded in (fresh, kept):
        assert decoded.states.tolist() == [0, 1, 1, 1, 1, 2]
        assert list(decoded.errors) == [5]
    plain = read_pixels(paths, FORMAT)
    np.testing.assert_array_equal(kept.pixels, plain.pixels)


def test_a_changed_file_is_decoded_and_the_others_are_taken_over(
    paths: list[Path], tmp_path: Path
) -> None:
    cache = PixelCache(tmp_path / "cache", FORMAT)
    cache.read(paths, decode_here)
    Image.new("RGB", (12, 12), (1, 2, 3)).save(paths[2])
    counting = Counting()
    decoded = cache.read([paths[4], paths[2], paths[0], paths[4]], counting)
    assert counting.names == ["2.png"]
    np.testing.assert_array_equal(decoded.pixels[1, 0, 0], (1, 2, 3))
    expected = read_pixels([paths[4]], FORMAT).pixels[0]
    np.testing.assert_array_equal(decoded.pixels[0], expected)
    np.testing.assert_array_equal(decoded.pixels[3], expected)


def test_another_format_is_another_cache(paths: list[Path], tmp_path: Path) -> None:
    PixelCache(tmp_path / "cache", FORMAT).read(paths, decode_here)
    other = PixelCache(tmp_path / "cache", ImageSpec(8, 10, 1)).read(paths, decode_here)
    assert other.pixels.shape == (6, 8, 10)


def test_what_is_deleted_or_damaged_is_made_again(paths: list[Path], tmp_path: Path) -> None:
    cache = PixelCache(tmp_path / "cache", FORMAT)
    expected = cache.read(paths, decode_here).pixels.copy()
    mapped = cache.read(paths, decode_here).pixels
    (file,) = (tmp_path / "cache").rglob("*.pixels")
    content = file.read_bytes()
    whole = len(content) // 6
    for damage in (content[:40], content[: 5 * whole], content[:-1], content[9:], b"", None):
        file.unlink()
        if damage is not None:
            file.write_bytes(damage)
        np.testing.assert_array_equal(cache.read(paths, decode_here).pixels, expected)
    np.testing.assert_array_equal(mapped, expected)  # a reader of the deleted file is unharmed


def test_a_pipe_among_the_files_is_not_read(paths: list[Path], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.png")
    decoded = PixelCache(tmp_path / "cache", FORMAT).read(
        [*paths, tmp_path / "pipe.png"], decode_here
    )
    assert "no ordinary file" in str(decoded.errors[6])


def test_writing_to_the_pixels_changes_no_file(paths: list[Path], tmp_path: Path) -> None:
    cache = PixelCache(tmp_path / "cache", FORMAT)
    cache.read(paths, decode_here).pixels[:] = 7
    cache.read(paths, decode_here).pixels[:] = 7
    assert (cache.read(paths, decode_here).pixels != 7).any()


def test_a_few_images_and_an_unwritable_cache_stay_in_memory(
    paths: list[Path], tmp_path: Path
) -> None:
    (tmp_path / "taken").write_text("a file, not a folder")
    for cache, files in ((tmp_path / "cache", paths), (tmp_path / "taken", paths * MIN_IMAGES)):
        decoded = read_pixels(files[:MIN_IMAGES], FORMAT, cache=cache)
        assert not isinstance(decoded.pixels, np.memmap)
        assert (decoded.unkept is not None) == (cache.name == "taken")
    assert not (tmp_path / "cache").exists()


def test_processes_side_by_side_find_the_same(paths: list[Path], tmp_path: Path) -> None:
    program = (
        "import sys; from pathlib import Path\n"
        "from hangtag.datasets.pixel_cache import PixelCache, decode_here\n"
        "from hangtag.images.spec import ImageSpec\n"
        "cache = PixelCache(Path(sys.argv[1]), ImageSpec(12, 12, 3))\n"
        "print(cache.read([Path(one) for one in sys.argv[2:]], decode_here).pixels.sum())"
    )
    command = [sys.executable, "-c", program, str(tmp_path / "cache"), *map(str, paths)]
    processes = [subprocess.Popen(command, stdout=subprocess.PIPE) for _ in range(3)]
    answers = {process.communicate()[0] for process in processes}
    assert answers == {f"{read_pixels(paths, FORMAT).pixels.sum()}\n".encode()}
    assert len(list((tmp_path / "cache").rglob("*.*"))) == 1


def test_images_taken_from_mapped_ones_are_mapped_too_and_leave_no_file(
    paths: list[Path], tmp_path: Path
) -> None:
    pixels = PixelCache(tmp_path / "cache", FORMAT).read(paths, decode_here).pixels
    files = set((tmp_path / "cache").rglob("*"))
    split = Split(pixels, np.arange(6), np.array([path.name for path in paths]))
    chosen = np.array([4, 0, 3, 0])
    once = split.take(chosen)
    twice = once.take(np.array([2, 1]))
    for taken, indices in ((once, chosen), (twice, chosen[[2, 1]])):
        assert isinstance(taken.images, np.memmap)
        np.testing.assert_array_equal(taken.images, pixels[indices])
        assert taken.labels.tolist() == indices.tolist()
    assert set((tmp_path / "cache").rglob("*")) == files
    assert split.take(np.array([], np.intp)).images.shape == (0, 12, 12, 3)
    shutil.rmtree(tmp_path / "cache")
    np.testing.assert_array_equal(split.take(chosen).images, pixels[chosen])


def test_a_full_disk_keeps_pixels_in_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Writing to a mapped file on a full disk would end the process."""
    images = np.random.default_rng(0).integers(0, 256, (MIN_IMAGES, 6, 6, 3), dtype=np.uint8)
    paths = [tmp_path / f"{number}.png" for number in range(MIN_IMAGES)]
    for pixels, path in zip(images, paths, strict=True):
        Image.fromarray(pixels).save(path)
    spec, cache = ImageSpec(6, 6, 3), tmp_path / "cache"
    mapped = read_pixels(paths, spec, cache=cache).pixels
    assert isinstance(mapped, np.memmap)

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.posix_fallocate", refuse, raising=False)
    shutil.rmtree(tmp_path / "cache")
    kept = read_pixels(paths, spec, cache=cache).pixels
    assert not isinstance(kept, np.memmap)
    np.testing.assert_array_equal(kept, images)
    assert not list((tmp_path / "cache").rglob("*.pixels"))
    split = Split(mapped, np.zeros(MIN_IMAGES, np.int64), np.array([path.name for path in paths]))
    taken = split.take(np.array([3, 1])).images
    np.testing.assert_array_equal(taken, images[[3, 1]])
