"""Decoder processes: in order, complete, and unharmed by an image that kills or stalls them."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from hangtag.errors import OutputError
from hangtag.images import decoding
from hangtag.images.decoder_pool import CHUNK
from hangtag.readers import Decoders, ImageFile, Input, Item, open_inputs
from tests.readers.reading import SIZE, make_pixels, write_png

HOSTILE = """
import os, signal, time
from hangtag.images import decoder_process as worker
decode = worker.decode_image
def act(path, **wanted):
    if 'crash' in path.name: os.kill(os.getpid(), signal.SIGKILL)
    if 'leave' in path.name: os._exit(3)
    if 'hang' in path.name: time.sleep(60)
    if 'print' in path.name: os.write(1, b'noise'); print('noise', flush=True)
    return decode(path, **wanted)
worker.decode_image = act
worker.serve({limit})
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 300 images of 28x28."""
    for index, pixels in enumerate(make_pixels(300)):
        write_png(tmp_path / "in" / f"{index:03d}.png", pixels)
    return tmp_path / "in"


def read(decoders: Decoders, folder: Path) -> list[Input]:
    inputs = open_inputs([str(folder)])
    return list(decoders.decode(inputs.read(SIZE), size=SIZE))


@pytest.mark.parametrize("workers", [0, 1, 3])
def test_any_number_of_processes_gives_the_same(folder: Path, workers: int) -> None:
    (folder / "100.png").write_bytes(b"broken")
    (folder / "200.png").write_bytes(b"")
    np.save(folder / "150.npy", make_pixels(100, seed=1))
    write_png(folder / "300.png", make_pixels(1)[0][:14])
    with Decoders(workers) as decoders:
        inputs = read(decoders, folder)
    assert [one.name for one in inputs] == [
        item_name(i) for i in open_inputs([str(folder)]).read(SIZE)
    ]
    assert {one.name[-7:]: one.error_kind for one in inputs if one.error} == {
        "100.png": "not an image",
        "200.png": "empty",
    }
    assert [one.name[-7:] for one in inputs if one.resized] == ["300.png"]
    for one in inputs:
        if one.pixels is not None and one.name.endswith("png") and not one.resized:
            expected = make_pixels(300)[int(one.name[-7:-4])]
            np.testing.assert_array_equal(one.pixels, expected)


def item_name(item: Item) -> str:
    return item.path if isinstance(item, ImageFile) else item.name


def test_an_image_that_ends_its_process_costs_only_itself(folder: Path) -> None:
    for number, name in ((3, "crash"), (70, "leave"), (71, "crash"), (299, "print")):
        (folder / f"{number:03d}.png").rename(folder / f"{number:03d}-{name}.png")
    with Decoders(2, program=HOSTILE) as decoders:
        inputs = read(decoders, folder)
    assert len(inputs) == 300
    faults = {Path(one.name).stem: one for one in inputs if one.error}
    assert list(faults) == ["003-crash", "070-leave", "071-crash"]
    assert {one.error_kind for one in faults.values()} == {"crashed the decoder"}
    assert "ended twice (signal 9)" in faults["003-crash"].error
    assert "ended twice (exit code 3)" in faults["070-leave"].error


@pytest.mark.parametrize("workers", [0, 2])
def test_colour_comes_in_three_channels(folder: Path, workers: int) -> None:
    (folder / "007.png").write_bytes(b"broken")
    items = [ImageFile(str(path)) for path in sorted(folder.iterdir())]
    with Decoders(workers) as decoders:
        inputs = list(decoders.decode(items, size=(14, 20), channels=3))
    assert [index for index, one in enumerate(inputs) if one.pixels is None] == [7]
    for item, one in zip(items[::50], inputs[::50], strict=True):
        expected = decoding.decode_image(Path(item.path), size=(14, 20), channels=3).pixels
        assert one.pixels is not None
        np.testing.assert_array_equal(one.pixels, expected)
        assert one.resized


def test_an_image_that_takes_too_long_is_a_recorded_error(folder: Path) -> None:
    (folder / "100.png").rename(folder / "100-hang.png")
    with Decoders(2, limit=0.5, program=HOSTILE) as decoders:
        inputs = read(decoders, folder)
    assert [(one.error_kind, Path(one.name).stem) for one in inputs if one.error] == [
        ("timed out", "100-hang")
    ]
    assert "took longer than 0.5 s" in inputs[100].error


def test_the_limit_holds_without_a_process_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    decode = decoding.decode_image

    def act(path: Path, **wanted: Any) -> decoding.DecodedImage:
        if path.name == "002.png":
            time.sleep(60)
        return decode(path, **wanted)

    monkeypatch.setattr("hangtag.images.decoder_pool.decode_image", act)
    with Decoders(0, limit=0.2) as decoders:
        inputs = read(decoders, folder)
    assert [one.error_kind for one in inputs[:4]] == ["", "", "timed out", ""]
    assert signal.getitimer(signal.ITIMER_REAL) == (0, 0)


def test_a_process_killed_from_outside_costs_nothing(folder: Path) -> None:
    with Decoders(1) as decoders:
        reading = decoders.decode(open_inputs([str(folder)]).read(SIZE), size=SIZE)
        inputs = [next(reading)]
        for process in list(decoders._processes):
            process._process.kill()
        inputs += reading
    assert [one.error for one in inputs] == [""] * 300


def test_an_image_alone_in_its_chunk_is_tried_again_too(folder: Path) -> None:
    for path in sorted(folder.iterdir())[2 * CHUNK + 1 :]:
        path.unlink()
    (folder / f"{2 * CHUNK:03d}.png").rename(folder / "999-crash.png")
    with Decoders(1, program=HOSTILE) as decoders:
        inputs = read(decoders, folder)
        assert len(decoders._processes) == 1
    assert [one.error_kind for one in inputs] == [*[""] * 2 * CHUNK, "crashed the decoder"]


def test_few_images_start_one_process(folder: Path) -> None:
    for path in sorted(folder.iterdir())[CHUNK:]:
        path.unlink()
    with Decoders(2) as decoders:
        decoders.start(CHUNK)
        assert len(read(decoders, folder)) == CHUNK
        assert len(decoders._processes) == 1


def test_one_image_alone_that_ends_its_process_costs_only_itself(tmp_path: Path) -> None:
    write_png(tmp_path / "0-crash.png", make_pixels(1)[0])
    with Decoders(2, program=HOSTILE) as decoders:
        inputs = read(decoders, tmp_path)
    assert [one.error_kind for one in inputs] == ["crashed the decoder"]


def test_rows_of_arrays_start_no_process_and_image_files_after_them_do(folder: Path) -> None:
    np.save(folder.parent / "many.npy", make_pixels(300))
    inputs = open_inputs([str(folder.parent / "many.npy"), str(folder / "007.png")])
    assert inputs.files == 1
    with Decoders(1) as decoders:
        reading = decoders.decode(inputs.read(SIZE), size=SIZE)
        rows = [next(reading) for _ in range(64)]
        assert not decoders._processes
        rows += reading
        assert len(decoders._processes) == 1
    assert [one.error for one in rows] == [""] * 301
    np.testing.assert_array_equal(rows[-1].pixels, make_pixels(300)[7])


def test_a_process_that_cannot_start_is_one_clear_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Decoders(1, program="raise SystemExit(5)") as decoders,
        pytest.raises(OutputError, match=r"ended before it could begin \(exit code 5\)"),
    ):
        read(decoders, folder)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with Decoders(1) as decoders, pytest.raises(OutputError, match="cannot start a decoder"):
        read(decoders, folder)


def test_leaving_early_ends_the_processes(folder: Path) -> None:
    with Decoders(2) as decoders:
        next(decoders.decode(open_inputs([str(folder)]).read(SIZE), size=SIZE))
        processes = [process._process for process in decoders._processes]
        assert len(processes) == 2
    assert all(process.poll() is not None for process in processes)


def test_processes_end_with_the_one_that_started_them(folder: Path) -> None:
    program = (
        "import os, signal, sys\n"
        "from hangtag.readers import Decoders, open_inputs\n"
        "decoders = Decoders(2)\n"
        "items = open_inputs([sys.argv[1]]).read((28, 28))\n"
        "next(decoders.decode(items, size=(28, 28)))\n"
        "print(*(process._process.pid for process in decoders._processes), flush=True)\n"
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
    with Decoders(1) as decoders:
        assert [one.error for one in read(decoders, folder)] == [""] * 300
    assert os.getcwd() == str(tmp_path)
