"""How a photo becomes the grey input of a model: a picture with a panel for each step."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hangtag.files.atomic import write_bytes
from hangtag.images.decoding import read_image
from hangtag.images.photo_to_grey import Step, photo_steps
from hangtag.images.spec import FASHION_MNIST_SPEC
from hangtag.reports.style import LINE, MUTED, drawing_style, new_sheet, png_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_COLUMNS = 4
_PANEL = (2.0, 2.5)
"""Width and height in inches, text included."""


def write_photo_steps(photo: Path, out: Path) -> tuple[list[Step], Path]:
    """Draws how a photo becomes 28x28 grey pixels, as ``photo_steps.png`` in the folder `out`.

    Returns:
        The steps, and the path of the picture.

    Raises:
        ImageError: The photo cannot be read.
        MissingExtraError: The extra report is not installed.
        OutputError: The picture cannot be written.
    """
    steps = list(photo_steps(read_image(photo, FASHION_MNIST_SPEC), FASHION_MNIST_SPEC))
    picture = out / "photo_steps.png"
    write_bytes(picture, draw_photo_steps(steps))
    return steps, picture


def draw_photo_steps(steps: Sequence[Step]) -> bytes:
    """Draws the steps in rows of four, numbered, each with its note.

    Args:
        steps: At least one, as `photo_steps` returns them.

    Returns:
        A PNG file.
    """
    columns = min(_COLUMNS, len(steps))
    rows = -(-len(steps) // columns)
    with drawing_style():
        figure = new_sheet(_PANEL[0] * columns, _PANEL[1] * rows)
        panels = figure.subplots(rows, columns, squeeze=False).flat
        for axes in panels[len(steps) :]:
            axes.set_axis_off()
        for position, (axes, step) in enumerate(zip(panels, steps, strict=False), 1):
            _draw_step(axes, step, position)
        return png_of(figure)


def _draw_step(axes: "Axes", step: Step, position: int) -> None:
    height, width = step.pixels.shape[:2]
    axes.imshow(step.pixels, cmap="gray", vmin=0, vmax=255)
    # All frames are squares around the middle of their image, so that shapes can be compared.
    reach = max(height, width) / 2
    axes.set_xlim(width / 2 - 0.5 - reach, width / 2 - 0.5 + reach)
    axes.set_ylim(height / 2 - 0.5 + reach, height / 2 - 0.5 - reach)
    axes.set_facecolor(LINE)  # where a white image ends must be seen
    axes.grid(visible=False)
    axes.set_xticks([])
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set(visible=True, color=LINE)
    axes.set_title(f"{position} {step.name}", fontsize=10, pad=5)
    axes.set_xlabel(step.note, fontsize=8, color=MUTED)
