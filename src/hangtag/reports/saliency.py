"""Saliency maps: what in an image spoke for its class and what against it.

A prediction with explanations has a folder of pictures beside its output, which appears when the
output does. A report shows the saliency of the most confident mistakes.
"""

import re
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

import numpy as np
from numpy.typing import NDArray

from hangtag.datasets.dataset import Split
from hangtag.files.atomic import cut_name, make_folder, write_bytes
from hangtag.pipeline import Explainer, PredictionRow
from hangtag.reports.galleries import GalleryImage, find_confident_mistakes, make_gallery_images
from hangtag.reports.style import (
    MUTED,
    clear_frame,
    drawing_style,
    new_sheet,
    png_of,
    shorten,
    shrink,
)

Explain = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float64], str]]
"""Returns the saliency (H, W) of an image and the class it is of, as `Classifier.explain` does."""

EXPLAIN_SECONDS = 30.0
"""Time for the explanations of a report: a photo takes seconds, a small image half a second."""

_FULL_SCALE = 0.1
"""Smallest saliency in nats that is drawn in full colour: smaller differences stay pale."""

_OPACITY = 0.75
"""Opacity of the full colour, 0-1."""

_GRID = (28, 28)
"""Saliency is computed by patches; smoothed at this size, their edges hardly show."""

_SHORTEST_SIDE = 168
"""Shortest side of an overlay in a report, pixels."""

_MAX_STEM, _MAX_STEM_BYTES = 60, 180
"""Characters and bytes of an image's name in the name of its picture."""

_PICTURE_NAME = re.compile(r"\d{6,}(-.+)?\.png")
_UNSAFE = re.compile(r"[^\w.-]+")


@dataclass(frozen=True, slots=True)
class ExplainedMistake:
    """A wrong prediction and its saliency.

    Attributes:
        shown: The image with its label and prediction.
        overlay: The image in grey under its saliency map, (H, W, 3) uint8.
    """

    shown: GalleryImage
    overlay: NDArray[np.uint8]


def overlay_saliency(
    pixels: NDArray[np.uint8], saliency: NDArray[np.float64], *, shortest_side: int
) -> NDArray[np.uint8]:
    """Lays a saliency map over an image in grey: red speaks for the class, blue against it.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        saliency: (H, W) in nats, as `occlusion_map` returns it.
        shortest_side: A smaller image is enlarged to it, in pixels, its saliency smoothly.

    Returns:
        (H', W', 3) uint8.
    """
    import matplotlib
    from PIL import Image

    height, width = saliency.shape
    factor = max(1, -(-shortest_side // min(height, width)))
    sides = (width * factor, height * factor)
    grey = Image.fromarray(pixels).convert("L").resize(sides, Image.Resampling.NEAREST)
    coarse = Image.fromarray(saliency.astype(np.float32)).resize(_GRID, Image.Resampling.BOX)
    smooth = coarse.resize(sides, Image.Resampling.BICUBIC)
    scale = max(_FULL_SCALE, float(np.abs(saliency).max()))
    relative = np.clip(np.asarray(smooth) / scale, -1, 1)
    colours = matplotlib.colormaps["RdBu_r"]((relative + 1) / 2)[..., :3] * 255
    opacity = _OPACITY * np.abs(relative)[..., None]
    mixed = np.asarray(grey)[..., None] * (1 - opacity) + colours * opacity
    return mixed.round().astype(np.uint8)


def draw_saliency_map(
    pixels: NDArray[np.uint8], saliency: NDArray[np.float64], *, title: str, name: str
) -> bytes:
    """Draws an image and its saliency map side by side; returns a PNG file.

    Args:
        pixels: (H, W) or (H, W, C) uint8.
        saliency: (H, W) in nats, as `occlusion_map` returns it.
        title: The decision, in short lines.
        name: The class that the saliency map is of.
    """
    from matplotlib.colors import CenteredNorm
    from matplotlib.ticker import MaxNLocator

    scale = max(_FULL_SCALE, float(np.abs(saliency).max()))
    heading = "speaks for" if saliency.max() >= _FULL_SCALE else "no part speaks for"
    with drawing_style():
        figure = new_sheet(5.2, 3.2)
        left, right = figure.subplots(1, 2)
        for axes in (left, right):
            axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            clear_frame(axes)
            axes.set_xticks([])
            axes.set_yticks([])
        colours = right.imshow(
            saliency,
            cmap="RdBu_r",
            norm=CenteredNorm(halfrange=scale),
            alpha=_OPACITY * np.abs(saliency) / scale,
            interpolation="bilinear",
        )
        bar = figure.colorbar(colours, ax=right, shrink=0.8, ticks=MaxNLocator(5))
        bar.set_label("nats lost when hidden", size=8)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=0)
        left.set_title(title, fontsize=10)
        right.set_title(f"{heading}\n{shorten(name, 22)}", fontsize=10, color=MUTED)
        return png_of(figure)


def explain_mistakes(
    split: Split,
    probabilities: NDArray[np.float64],
    classes: tuple[str, ...],
    explain: Explain,
    *,
    count: int = 6,
    seconds: float = EXPLAIN_SECONDS,
) -> list[ExplainedMistake]:
    """Explains the most confident mistakes.

    Args:
        split: The images, N.
        probabilities: Of the model, (N, K).
        classes: Class names, K.
        explain: The model.
        count: Number of mistakes at most.
        seconds: After this time no further explanation starts.
    """
    deadline = time.monotonic() + seconds
    explained: list[ExplainedMistake] = []
    for position in find_confident_mistakes(split, probabilities, count=count):
        if explained and time.monotonic() > deadline:
            break
        image = split.images[position]
        saliency, _ = explain(image)
        (shown,) = make_gallery_images(split, probabilities, classes, np.array([position]))
        overlay = overlay_saliency(image, saliency, shortest_side=_SHORTEST_SIDE)
        explained.append(ExplainedMistake(shown, shrink(overlay)))
    return explained


def saliency_folder(out: Path) -> Path:
    """Returns the folder of the saliency maps of the output `out`."""
    return out.with_name(f"{out.name}.saliency")


def write_saliency_map(
    out: Path, explain: Explain, row: PredictionRow, number: int
) -> PredictionRow:
    """Writes the saliency map of a row as PNG; does nothing where its image could not be read.

    The picture waits beside the output until `publish_saliency_maps`.

    Args:
        out: The output that the row belongs to.
        explain: The model that made the prediction.
        row: The prediction.
        number: The number of the row, from 1.

    Returns:
        The row with the path of its picture, relative to the folder of the output.

    Raises:
        OutputError: The picture cannot be written.
    """
    pixels, prediction = row.pixels, row.prediction
    if pixels is None or prediction is None:
        return row
    saliency, name = explain(pixels)
    sure = f"{100 * prediction.confidence:.0f} %: {prediction.decision}"
    title = f"{shorten(prediction.category, 22)}\n{sure}"
    picture = draw_saliency_map(pixels, saliency, title=title, name=name)
    folder, file = saliency_folder(out), name_picture(number, row.record.name)
    write_bytes(_part_of(folder) / file, picture)
    return replace(row, saliency_map=f"{folder.name}/{file}")


def name_picture(number: int, name: str) -> str:
    """Returns the file name of the picture of row `number`, such as ``000012-shirt.png``."""
    stem = _UNSAFE.sub("_", PurePath(name).stem).strip("_.")[:_MAX_STEM]
    stem = cut_name(stem, _MAX_STEM_BYTES)
    return f"{number:06}-{stem}.png" if stem else f"{number:06}.png"


def discard_saliency_maps(out: Path) -> None:
    """Removes the saliency maps of an interrupted run."""
    for picture in _list_pictures(_part_of(saliency_folder(out))):
        picture.unlink()


def publish_saliency_maps(out: Path) -> None:
    """Replaces the saliency maps of an earlier run by those of a finished run.

    Other files in their folder stay.

    Raises:
        OutputError: The folder cannot be made.
    """
    folder = make_folder(saliency_folder(out))
    part = make_folder(_part_of(folder))
    for picture in _list_pictures(folder):
        picture.unlink()
    for picture in _list_pictures(part):
        picture.replace(folder / picture.name)
    with suppress(OSError):  # someone else put a file there
        part.rmdir()


SALIENCY_MAPS = Explainer(discard_saliency_maps, write_saliency_map, publish_saliency_maps)
"""Explains the predictions of a run by saliency maps."""


def _part_of(folder: Path) -> Path:
    """Returns where saliency maps wait until their output is complete."""
    return folder.with_name(f"{folder.name}.part")


def _list_pictures(folder: Path) -> list[Path]:
    return [picture for picture in folder.glob("*.png") if _PICTURE_NAME.fullmatch(picture.name)]
