"""What arguments stand for: files, folders, patterns, lists; all in order, none left out."""

import io
import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from hangtag.errors import DataError
from hangtag.readers import open_labelled, open_source
from tests.readers.reading import (
    SIZE,
    assert_pixels,
    decode_all,
    make_pixels,
    read_all,
    write_png,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Three good images, a broken one, a photo, three arrays, another format, a text file."""
    images = make_pixels(100)
    root = tmp_path / "in"
    write_png(root / "a.png", images[0])
    write_png(root / "deep er" / "ü=1.PNG", images[1])
    Image.new("RGB", (300, 200), (250, 10, 10)).save(root / "photo.jpg")
    (root / "broken.png").write_bytes(b"\x89PNG not really")
    (root / "notes.txt").write_text("not an image")
    Image.fromarray(images[0]).save(root / "old.gif")
    np.save(root / "many.npy", images)
    np.save(root / "wrong.npy", images[:2].astype(np.float32))
    return root


def test_inputs_are_results_plus_errors(folder: Path) -> None:
    inputs = read_all(folder)
    many = [f"many.npy[{index}]" for index in range(100)]
    assert [item.name.removeprefix(f"{folder}/") for item in inputs] == [
        *("a.png", "broken.png", "deep er/ü=1.PNG"),
        *many,
        *("old.gif", "photo.jpg", "wrong.npy"),
    ]
    faults = {Path(item.name).name: item.error_kind for item in inputs if item.error}
    assert faults == {
        "broken.png": "damaged",
        "wrong.npy": "of another shape or type",
    }
    assert [item.name for item in inputs if item.resized] == [f"{folder}/photo.jpg"]


@pytest.mark.parametrize(
    "name",
    [
        *("a.jfif", "a.JPE", "a.heif", "a.mpo", "a.avif", "a.tif", "a.jpg?v=123", "a.jpg_large"),
        *("a.jpg:large", "a.jpg&w=300", "a.jpg ", "a.jpg.1", "3f2a", "sku.12345", "a.pjpeg"),
    ],
)
@pytest.mark.parametrize("format", ["JPEG", "AVIF", "WEBP", "PNG", "GIF", "BMP", "TIFF"])
def test_images_of_a_folder_are_known_by_their_content(
    tmp_path: Path, name: str, format: str
) -> None:
    (tmp_path / "in" / "Bag").mkdir(parents=True)
    Image.new("L", SIZE).save(tmp_path / "in" / "Bag" / name, format)
    (tmp_path / "in" / "Bag" / "notes.txt").write_text("notes")
    (record,) = read_all(tmp_path / "in")
    assert not record.error
    source = open_labelled(tmp_path / "in")
    assert [record.label for record in source] == ["Bag"]
    assert source.skipped == {".txt": 1}


@pytest.mark.parametrize("name", ["a.dng", "a.NEF"])
def test_raw_photos_beside_their_jpeg_are_skipped(tmp_path: Path, name: str) -> None:
    Image.new("L", SIZE).save(tmp_path / name, "TIFF")
    write_png(tmp_path / "a.png", make_pixels(1)[0])
    assert [Path(record.name).name for record in read_all(tmp_path)] == ["a.png"]


def test_the_order_of_a_folder_is_that_of_its_paths(tmp_path: Path) -> None:
    names = ["b.png", "a/z.png", "a/b/c.png", "a.png", "a-b/x.png", "A.png", "ab.png"]
    for name in names:
        write_png(tmp_path / name, make_pixels(1)[0])
    expected = [str(path) for path in sorted(tmp_path / name for name in names)]
    assert [item.name for item in read_all(tmp_path)] == expected


def test_the_total_counts_arrays_and_files(folder: Path) -> None:
    assert open_source([str(folder)]).total == 2 + 1 + 100 + 1 + 1 + 1
    assert open_source([str(folder / "many.npy"), str(folder / "a.png")]).total == 101
    assert open_source(["-"], listing=io.StringIO("a\n")).total is None


def test_patterns(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    assert [item.name for item in read_all("*.png")] == ["a.png", "broken.png"]
    assert [item.name for item in read_all("**/*.PNG")] == ["deep er/ü=1.PNG"]
    assert [item.name for item in read_all("deep*")] == ["deep er/ü=1.PNG"]
    write_png(folder / "[x].png", make_pixels(1)[0])
    assert [item.name for item in read_all("[x].png")] == ["[x].png"]
    with pytest.raises(DataError, match=r"no file matches \*\.bmp"):
        read_all("*.bmp")


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16"])
def test_a_list_may_be_quoted_padded_or_of_powershell(folder: Path, encoding: str) -> None:
    listing = f'"{folder}/a.png"\r\n  {folder}/deep er/ü=1.PNG  \r\n'
    stream = io.TextIOWrapper(io.BytesIO(listing.encode(encoding)), encoding="utf-8")
    assert not any(record.error for record in decode_all(open_source("-", listing=stream)))


def test_the_current_folder_gives_bare_names(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder / "deep er")
    assert [item.name for item in read_all(".")] == ["ü=1.PNG"]


def test_a_list_may_begin_with_a_byte_order_mark_or_part_its_paths_by_nul(folder: Path) -> None:
    for listing in (f"\ufeff{folder}/a.png\n", f"{folder}/a.png\0{folder}/deep er/ü=1.PNG\0"):
        inputs = read_all("-", listing=listing)
        assert len(inputs) == listing.count("in/")
        assert not any(item.error for item in inputs)


def test_hidden_files_and_folders_are_no_images(folder: Path) -> None:
    count = len(read_all(folder))
    write_png(folder / "._a.png", make_pixels(1)[0])
    write_png(folder / ".cache" / "b.png", make_pixels(1)[0])
    assert len(read_all(folder)) == count


def test_what_a_folder_holds_beside_images_is_counted(folder: Path) -> None:
    before = open_source([str(folder)]).skipped
    (folder / "deep er" / "notes.TXT").touch()
    (folder / "deep er" / "shirt").touch()
    (folder / ".hidden.png").touch()
    (folder / "link").symlink_to(folder / "deep er")
    added = open_source([str(folder)]).skipped - before
    assert added == {".txt": 1, "without a suffix": 1, "hidden": 1, "links to folders": 1}


def test_a_folder_without_images_says_what_it_holds(tmp_path: Path) -> None:
    (tmp_path / "a.pdf").touch()
    with pytest.raises(DataError, match=r"holds no image .*, but 1 \.pdf"):
        open_source([str(tmp_path)])


def test_a_list_keeps_paths_that_do_not_exist(folder: Path) -> None:
    listing = f"{folder}/a.png\r\n\n{folder}//gone.png\n{folder}/many.npy\n{folder}/feed.csv\n"
    inputs = read_all("-", listing=listing)
    assert [item.error_kind for item in inputs] == ["", "missing", *[""] * 100, "not an image"]
    assert inputs[1].name == f"{folder}//gone.png"
    assert "give it as an argument" in inputs[-1].error


def test_a_list_is_read_while_it_grows(folder: Path) -> None:
    read, write = os.pipe()
    with os.fdopen(read, encoding="utf-8") as listing, os.fdopen(write, "w", 1) as growing:
        records = iter(open_source(["-"], listing=listing))
        for name in ("a.png", "photo.jpg"):
            growing.write(f"{folder}/{name}\n")
            assert next(records).image == f"{folder}/{name}"


def test_arguments_that_do_not_exist_are_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no file or folder"):
        read_all(tmp_path / "gone.png")
    with pytest.raises(DataError, match="holds no image"):
        read_all(tmp_path)
    with pytest.raises(DataError, match="there is no file or folder"):
        read_all(tmp_path / ("x" * 5000))
    with pytest.raises(DataError, match="is empty"):
        read_all("")
    with pytest.raises(DataError, match="there is no file or folder"):
        read_all("a\0b")


def test_paths_that_no_file_can_have(tmp_path: Path) -> None:
    long = str(tmp_path / ("x" * 5000))
    inputs = read_all("-", listing=f"{long}\n{long}.npy\na\0b.png\na\0b.npy\n")
    assert [item.error_kind for item in inputs] == ["missing"] * 6, "a NUL byte ends a path"


@pytest.mark.parametrize("name", ["x.npy", "x.png"])
def test_a_listed_pipe_or_folder_is_a_recorded_error(tmp_path: Path, name: str) -> None:
    (tmp_path / "folder" / name).mkdir(parents=True)
    os.mkfifo(tmp_path / name)
    inputs = read_all("-", listing=f"{tmp_path / name}\n{tmp_path / 'folder' / name}\n")
    assert [item.error_kind for item in inputs] == ["missing"] * 2


def test_a_link_to_a_folder_is_not_followed(tmp_path: Path) -> None:
    write_png(tmp_path / "in" / "a.png", make_pixels(1)[0])
    (tmp_path / "in" / "loop").symlink_to(tmp_path / "in")
    (tmp_path / "in" / "gone.png").symlink_to(tmp_path / "nowhere")
    assert [item.error_kind for item in read_all(tmp_path / "in")] == ["", "missing"]


def test_a_folder_that_cannot_be_entered_is_a_recorded_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_png(tmp_path / "a.png", make_pixels(1)[0])
    write_png(tmp_path / "closed" / "b.png", make_pixels(1)[0])
    scan = os.scandir

    def refuse(path: str) -> object:
        if path.endswith("closed"):
            raise PermissionError(13, "Permission denied")
        return scan(path)

    monkeypatch.setattr(os, "scandir", refuse)
    inputs = read_all(tmp_path)
    assert [item.error_kind for item in inputs] == ["", "not permitted or not readable"]
    assert "cannot read the folder" in inputs[1].error


def test_names_that_are_not_utf8_are_read_and_escaped(tmp_path: Path) -> None:
    images = make_pixels(1)
    good, broken, many = (
        os.fsdecode(os.fsencode(tmp_path) + b"/\xff" + end)
        for end in (b".png", b"broken.png", b".npy")
    )
    write_png(Path(good), images[0])
    np.save(many, images)
    lines = b"".join(os.fsencode(name) + b"\n" for name in (good, broken, many))
    read = decode_all(open_source("-", listing=io.TextIOWrapper(io.BytesIO(lines), "utf-8")))
    names = [r"\xff.png", r"\xffbroken.png", r"\xff.npy[0]"]
    assert [item.name for item in read] == [f"{tmp_path}/{name}" for name in names]
    assert [item.error_kind for item in read] == ["", "missing", ""]
    assert [item.name for item in read_all(tmp_path)] == [f"{tmp_path}/{n}" for n in names[2::-2]]
    assert_pixels(read_all(good), images)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"", "is empty"),
        (
            "a.csv",
            b"a,b\n1,2\n",
            "expected the column 'image' of a table of images or the columns pixel1",
        ),
        ("a.csv", b"\xff\xfe\x00", "expected a CSV with column names"),
        ("a.csv", b"image,sku\n", "has column names but no rows"),
        ("a.csv", b"image,sku,sku\nx,1,2\n", "the column 'sku' occurs twice"),
        ("a.csv", b"pixel1,pixel1\n1,2\n", "the column 'pixel1' occurs twice"),
        ("a.csv", b"label,pixel1,pixel2\n", "has a header but no rows"),
        ("a.csv.gz", b"\x1f\x8b\x08", "gzip"),
        ("a.parquet", b"PAR1", "cannot be read as Parquet"),
    ],
)
def test_tables_that_cannot_be_read_are_refused(
    tmp_path: Path, name: str, content: bytes, message: str
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message):
        read_all(tmp_path / name)
