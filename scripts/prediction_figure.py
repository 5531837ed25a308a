"""The picture at the top of the README: example photos with their predictions."""

import csv
from io import BytesIO
from pathlib import Path

from PIL import Image

from hangtag.reports.style import (
    BLUE,
    GREEN,
    MUTED,
    ORANGE,
    clear_frame,
    drawing_style,
    new_sheet,
    png_of,
)

COLOURS = {"accept": GREEN, "parent": BLUE, "review": ORANGE, "unknown": MUTED}
"""Colour of each decision."""


def draw_predictions(table: Path) -> bytes:
    """Draws the photos of an output of `hangtag predict` in a row, as PNG.

    Args:
        table: The CSV; its paths are relative to the working directory.
    """
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    with drawing_style():
        sheet = new_sheet(1.4 * len(rows), 2.6)
        for row, axes in zip(rows, sheet.subplots(1, len(rows)), strict=True):
            with Image.open(row["input"]) as photo:
                axes.imshow(pad_to_square(photo.convert("RGB")))
            clear_frame(axes)
            axes.set_xticks([])
            axes.set_yticks([])
            colour = COLOURS[row["decision"]]
            axes.set_title(row["decision"], color=colour, fontsize=11, loc="center")
            axes.set_xlabel(describe(row), fontsize=9, linespacing=1.4)
        return reduce_colours(png_of(sheet))


def reduce_colours(png: bytes) -> bytes:
    """Saves a PNG with 256 colours, a third as large."""
    buffer = BytesIO()
    Image.open(BytesIO(png)).convert("RGB").quantize(256).save(buffer, "PNG", optimize=True)
    return buffer.getvalue()


def pad_to_square(photo: Image.Image) -> Image.Image:
    """Centres a photo on a white square."""
    side = max(photo.size)
    square = Image.new("RGB", (side, side), "white")
    square.paste(photo, ((side - photo.width) // 2, (side - photo.height) // 2))
    return square


def describe(row: dict[str, str]) -> str:
    """Names the category and its confidence, and those of the parent on a second line."""
    text = f"{row['category']} {float(row['confidence']):.1%}"
    if row["parent"]:
        text += f"\n{row['parent']} {float(row['parent_confidence']):.1%}"
    return text
