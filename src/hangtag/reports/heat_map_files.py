"""The heat maps of a prediction: a folder of pictures beside the output, there when it is."""

import re
from contextlib import suppress
from dataclasses import replace
from pathlib import Path, PurePath

from hangtag.files.atomic import make_folder, write_bytes
from hangtag.pipeline.rows import Row
from hangtag.reports.heat_maps import Explain, draw_heat_map
from hangtag.reports.style import shorten

_MOST_LETTERS = 60
_NAME = re.compile(r"\d{6,}(-.+)?\.png")
_UNSAFE = re.compile(r"[^\w.-]+")


def heat_maps_of(out: Path) -> Path:
    """Returns the folder of the heat maps of the output `out`."""
    return out.with_name(f"{out.name}.heat_maps")


def discard_heat_maps(out: Path) -> None:
    """Removes the heat maps of an interrupted run."""
    for picture in _list_pictures(_part_of(heat_maps_of(out))):
        picture.unlink()


def settle_heat_maps(out: Path) -> None:
    """Puts the heat maps of a finished run in the place of those of an earlier run.

    Nothing else that lies in their folder is touched.

    Raises:
        OutputError: The folder cannot be made.
    """
    folder = make_folder(heat_maps_of(out))
    part = make_folder(_part_of(folder))
    for picture in _list_pictures(folder):
        picture.unlink()
    for picture in _list_pictures(part):
        picture.replace(folder / picture.name)
    with suppress(OSError):  # someone else put a file there
        part.rmdir()


def _part_of(folder: Path) -> Path:
    """Returns where heat maps wait until the output they belong to is there."""
    return folder.with_name(f"{folder.name}.part")


def _list_pictures(folder: Path) -> list[Path]:
    return [picture for picture in folder.glob("*.png") if _NAME.fullmatch(picture.name)]


def write_heat_map(out: Path, explain: Explain, row: Row, number: int) -> Row:
    """Writes the heat map of row `number` as PNG; nothing where its image could not be read.

    It waits beside the output until `settle_heat_maps`.

    Args:
        out: The output that the row is for.
        explain: Explains an image as the model that made the prediction does.
        row: What was predicted.
        number: The number of the row, from 1.

    Returns:
        The row, which names its picture relative to the folder of the output.

    Raises:
        OutputError: The picture cannot be written.
    """
    pixels, said = row.input.pixels, row.prediction
    if pixels is None or said is None:
        return row
    heat, name = explain(pixels)
    title = f"{shorten(said.category, 22)}\n{100 * said.confidence:.0f} %: {said.decision}"
    picture = draw_heat_map(pixels, heat, title=title, name=name)
    folder, file = heat_maps_of(out), name_picture(number, row.input.name)
    write_bytes(_part_of(folder) / file, picture)
    return replace(row, heat_map=f"{folder.name}/{file}")


def name_picture(number: int, name: str) -> str:
    """Returns the file name of the picture of row `number`, such as ``000012-shirt.png``."""
    stem = _UNSAFE.sub("_", PurePath(name).stem).strip("_.")[:_MOST_LETTERS]
    return f"{number:06}-{stem}.png" if stem else f"{number:06}.png"
