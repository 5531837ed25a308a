"""Decoder pool: in order, complete, and unharmed by an image that kills or stalls a process."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from hangtag.errors import ErrorKind, ImageError, OutputError
from hangtag.images import decoding
from hangtag.images.decoder_pool import CHUNK, DecoderPool
from hangtag.images.decoding import DecodedImage, ImageInput
from hangtag.images.limits import MAX_FILE_BYTES
from hangtag.images.spec import ImageSpec
from tests.readers.reading import SPEC, make_pixels, write_png

Outcome = DecodedImage | ImageError

HOSTILE = """
import os, signal, time
from hangtag.images import decoder_process
decode = decoder_process.decode_image
def act(image, *specs, **grey):
    text = str(image)
    if 'crash' in text: os.kill(os.getpid(), signal.SIGKILL)
    if 'leave' in text: os._exit(3)
    if 'hang' in text: time.sleep(60)
    if 'print' in text: os.write(1, b'noise'); print('noise', flush=True)
    return decode(image, *specs, **grey)
decoder_process.decode_image = act
decoder_process.serve({limit})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 300 images of 28x28."""
    for index, pixels in enumerate(make_pixels(300)):
        write_png(tmp_path / "in" / f"{index:03d}.png", pixels)
    return tmp_path / "in"


def read(pool: DecoderPool, folder: Path) -> list[Outcome]:
    return list(pool.decode(sorted(folder.iterdir()), SPEC))


def kinds(outcomes: list[Outcome]) -> dict[int, ErrorKind]:
    """Returns the kinds of the errors by position."""
    return {
        index: outcome.error_kind
        for index, outcome in enumerate(outcomes)
        if isinstance(outcome, ImageError)
    }


def pixels_of(outcome: Outcome) -> Any:
    assert isinstance(outcome, DecodedImage), outcome
    return outcome.pixels


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_any_number_of_processes_gives_the_same(folder: Path, workers: int) -> None:
    (folder / "100.png").write_bytes(b"broken")
    (folder / "200.png").write_bytes(b"")
    write_png(folder / "300.png", make_pixels(1)[0][:14])
    images: list[ImageInput] = sorted(folder.iterdir())
    images[150:150] = list(make_pixels(100, seed=1))
    with DecoderPool(workers) as pool:
        outcomes = list(pool.decode(images, SPEC))
    assert len(outcomes) == 401
    assert kinds(outcomes) == {100: ErrorKind.NOT_AN_IMAGE, 300: ErrorKind.EMPTY}
    for index in range(150, 250):
        np.testing.assert_array_equal(pixels_of(outcomes[index]), images[index])
    del outcomes[150:250]
    resized = [getattr(outcome, "resized", False) for outcome in outcomes]
    assert [index for index, was in enumerate(resized) if was] == [300]
    for index, expected in enumerate(make_pixels(300)):
        if index not in (100, 200):
            np.testing.assert_array_equal(pixels_of(outcomes[index]), expected)


@pytest.mark.parametrize("workers", [0, 2])
def test_paths_bytes_and_pixels_of_one_image_give_the_same(folder: Path, workers: int) -> None:
    image = Image.fromarray(np.random.default_rng(1).integers(0, 256, (40, 30, 3), np.uint8))
    path = folder.parent / "photo.png"
    image.save(path)
    images: list[ImageInput] = [str(path), path, path.read_bytes(), np.asarray(image), b"", b"x"]
    images.append(b"0" * (MAX_FILE_BYTES + 5))
    with DecoderPool(workers) as pool:
        for spec in (SPEC, ImageSpec(50, 50, 3)):
            outcomes = list(pool.decode(images, spec))
            for outcome in outcomes[:4]:
                np.testing.assert_array_equal(pixels_of(outcome), pixels_of(outcomes[0]))
            assert kinds(outcomes) == {
                4: ErrorKind.EMPTY,
                5: ErrorKind.NOT_AN_IMAGE,
                6: ErrorKind.TOO_LARGE,
            }


def test_large_files_go_in_smaller_chunks(folder: Path) -> None:
    read_ahead = 0

    def give() -> Iterator[bytes]:
        nonlocal read_ahead
        for _ in range(20):
            read_ahead += 1
            yield b"0" * (10 << 20)

    with DecoderPool(1) as pool:
        outcomes = pool.decode(give(), SPEC)
        next(outcomes)
        assert read_ahead <= 6
        assert len(list(outcomes)) == 19


def test_an_image_that_ends_its_process_costs_only_itself(folder: Path) -> None:
    for number, name in ((3, "crash"), (70, "leave"), (71, "crash"), (299, "print")):
        (folder / f"{number:03d}.png").rename(folder / f"{number:03d}-{name}.png")
    with DecoderPool(2, program=HOSTILE) as pool:
        outcomes = read(pool, folder)
    assert len(outcomes) == 300
    assert kinds(outcomes) == dict.fromkeys((3, 70, 71), ErrorKind.CRASHED)
    assert "003-crash.png: the process that decoded it ended twice (signal 9)" in str(outcomes[3])
    assert "ended twice (exit code 3)" in str(outcomes[70])


@pytest.mark.parametrize("workers", [0, 2])
def test_colour_comes_in_three_channels(folder: Path, workers: int) -> None:
    (folder / "007.png").write_bytes(b"broken")
    spec, paths = ImageSpec(14, 20, 3), sorted(folder.iterdir())
    with DecoderPool(workers) as pool:
        outcomes = list(pool.decode(paths, spec))
    assert list(kinds(outcomes)) == [7]
    for path, outcome in zip(paths[::50], outcomes[::50], strict=True):
        expected = decoding.decode_image(path, spec)
        np.testing.assert_array_equal(pixels_of(outcome), expected.pixels)
        assert expected.resized


def test_an_image_that_takes_too_long_is_a_recorded_error(folder: Path) -> None:
    (folder / "100.png").rename(folder / "100-hang.png")
    with DecoderPool(2, limit=0.5, program=HOSTILE) as pool:
        outcomes = read(pool, folder)
    assert kinds(outcomes) == {100: ErrorKind.TIMED_OUT}
    assert "100-hang.png: took longer than 0.5 s" in str(outcomes[100])


def test_the_limit_holds_without_a_process_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = decoding.decode_image

    def act(image: ImageInput, spec: ImageSpec, **grey: Any) -> DecodedImage:
        if str(image).endswith("002.png"):
            time.sleep(60)
        return decode(image, spec, **grey)

    monkeypatch.setattr("hangtag.images.decoder_pool.decode_image", act)
    with DecoderPool(0, limit=0.2) as pool:
        outcomes = read(pool, folder)
    assert kinds(outcomes) == {2: ErrorKind.TIMED_OUT}
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_process_killed_from_outside_costs_nothing(folder: Path) -> None:
    with DecoderPool(1) as pool:
        reading = pool.decode(sorted(folder.iterdir()), SPEC)
        outcomes = [next(reading)]
        for number in pool.process_ids:
            os.kill(number, signal.SIGKILL)
        outcomes += reading
    assert len(outcomes) == 300
    assert not kinds(outcomes)


def test_an_image_alone_in_its_chunk_is_tried_again_too(folder: Path) -> None:
    for path in sorted(folder.iterdir())[2 * CHUNK + 1 :]:
        path.unlink()
    (folder / f"{2 * CHUNK:03d}.png").rename(folder / "999-crash.png")
    with DecoderPool(1, program=HOSTILE) as pool:
        outcomes = read(pool, folder)
        assert len(pool.process_ids) == 1
    assert kinds(outcomes) == {2 * CHUNK: ErrorKind.CRASHED}


def test_few_images_start_one_process(folder: Path) -> None:
    for path in sorted(folder.iterdir())[CHUNK:]:
        path.unlink()
    with DecoderPool(2) as pool:
        pool.start(CHUNK)
        assert len(read(pool, folder)) == CHUNK
        assert len(pool.process_ids) == 1


def test_one_image_alone_that_ends_its_process_costs_only_itself(tmp_path: Path) -> None:
    write_png(tmp_path / "0-crash.png", make_pixels(1)[0])
    with DecoderPool(2, program=HOSTILE) as pool:
        outcomes = read(pool, tmp_path)
    assert kinds(outcomes) == {0: ErrorKind.CRASHED}


def test_arrays_start_no_process_and_image_files_after_them_do(folder: Path) -> None:
    images = [*make_pixels(300), folder / "007.png"]
    with DecoderPool(1) as pool:
        reading = pool.decode(images, SPEC)
        outcomes = [next(reading) for _ in range(64)]
        assert not pool.process_ids
        outcomes += reading
        assert len(pool.process_ids) == 1
    assert len(outcomes) == 301
    np.testing.assert_array_equal(pixels_of(outcomes[-1]), make_pixels(300)[7])


def test_a_process_that_cannot_start_is_one_clear_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        DecoderPool(1, program="raise SystemExit(5)") as pool,
        pytest.raises(OutputError, match=r"ended before it was ready \(exit code 5\)"),
    ):
        read(pool, folder)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with DecoderPool(1) as pool, pytest.raises(OutputError, match="cannot start a decoder"):
        read(pool, folder)


def test_leaving_early_ends_the_processes(folder: Path) -> None:
    with DecoderPool(2) as pool:
        next(pool.decode(sorted(folder.iterdir()), SPEC))
        numbers = pool.process_ids
        assert len(numbers) == 2
    assert not any(map(is_running, numbers))


def test_processes_end_with_the_one_that_started_them(folder: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from pathlib import Path\n"
        "from hangtag.images.decoder_pool import DecoderPool\n"
        "from hangtag.images.spec import ImageSpec\n"
        "pool = DecoderPool(2)\n"
        "next(pool.decode(sorted(Path(sys.argv[1]).iterdir()), ImageSpec(28, 28)))\n"
        "print(*pool.process_ids, flush=True)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    finished = subprocess.run(
        [sys.executable, "-c", program, folder], capture_output=True, text=True, check=False
    )
    numbers = [int(text) for text in finished.stdout.split()]
    assert len(numbers) == 2
    deadline = time.monotonic() + 20
    while any(map(is_running, numbers)) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not any(map(is_running, numbers))


def is_running(number: int) -> bool:
    try:
        state = Path(f"/proc/{number}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_the_current_folder_is_not_imported_from(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "struct.py").write_text("raise SystemExit(7)")
    (tmp_path / "PIL.py").write_text("raise SystemExit(7)")
    monkeypatch.chdir(tmp_path)
    with DecoderPool(1) as pool:
        assert not kinds(read(pool, folder))
    assert os.getcwd() == str(tmp_path)
