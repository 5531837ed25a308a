"""The look of every picture, and the way from a drawing to the bytes of a PNG file."""

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from hangtag.environment import require_extra

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.typing import RcKeyType

INK = "#1c2530"
MUTED = "#5b6776"
LINE = "#dde2e8"
BLUE = "#0072b2"
ORANGE = "#d55e00"
GREEN = "#007a5a"

SERIES = (BLUE, ORANGE, GREEN)
"""Colours of train, validation and test; told apart by people with any colour vision
(after Okabe and Ito 2008)."""

RESOLUTION = 160
"""Dots per inch of every picture."""

THUMBNAIL_SIDE = 224
"""Longest side of an image in a gallery, in pixels."""

_FALLBACK_FONTS = ("Noto Sans CJK JP", "Noto Sans", "Droid Sans Fallback", "Arial Unicode MS")
"""Fonts for scripts that DejaVu Sans lacks, used where they are installed."""


@contextmanager
def drawing_style() -> Iterator[None]:
    """Applies the common style to whatever the block draws and turns into a PNG."""
    require_extra("report", "drawing figures")
    import matplotlib

    with warnings.catch_warnings(), matplotlib.rc_context(_settings()):
        # A script that no installed font has appears as boxes; the page's own text has it right.
        warnings.filterwarnings("ignore", message="Glyph .* missing from")
        yield


def new_figure(width: float, height: float) -> "Figure":
    """Returns an empty figure whose only axes will be `width` x `height` inches.

    Names and numbers around the axes come on top: `png_of` makes room for them. That is several
    times as fast as a layout engine, which measures every text again and again.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height))
    figure.subplots_adjust(left=0, bottom=0, right=1, top=1)
    return figure


def new_sheet(width: float, height: float) -> "Figure":
    """Returns an empty figure of `width` x `height` inches for several axes."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def png_of(figure: "Figure") -> bytes:
    """Returns `figure` as a PNG file; the same drawing gives the same bytes."""
    buffer = BytesIO()
    figure.savefig(
        buffer,
        format="png",
        dpi=RESOLUTION,
        bbox_inches="tight",
        pad_inches=0.12,
        metadata={"Software": None},  # the version of the library is no part of the picture
    )
    return buffer.getvalue()


def clear_frame(axes: "Axes") -> None:
    """Removes spines, grid and ticks of `axes`, keeping its labels."""
    axes.grid(visible=False)
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)


def shorten(name: str, length: int) -> str:
    """Returns `name` on one line of at most `length` characters (3 at least).

    What is too much goes out of the middle: names of classes often begin alike, and many end with
    the word that matters.
    """
    line = " ".join(name.split())
    if len(line) <= length:
        return line
    end = (length - 1) // 2
    return f"{line[: length - 1 - end].rstrip()}…{line[-end:].lstrip()}"


def _settings() -> "dict[RcKeyType, Any]":
    from matplotlib import font_manager

    installed = set(font_manager.get_font_names())
    return {
        "font.family": ["DejaVu Sans", *(name for name in _FALLBACK_FONTS if name in installed)],
        "font.size": 10,
        "text.color": INK,
        "text.parse_math": False,  # a class may be called "$5 & $6"
        "axes.titlesize": 12,
        "axes.titleweight": "bold",
        "axes.titlelocation": "left",
        "axes.titlepad": 10,
        "axes.labelcolor": MUTED,
        "axes.edgecolor": LINE,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": LINE,
        "grid.linewidth": 0.8,
        "xtick.color": MUTED,
        "ytick.color": MUTED,
        "legend.frameon": False,
        "figure.facecolor": "white",
    }


def shrink(image: NDArray[np.uint8], longest: int = THUMBNAIL_SIDE) -> NDArray[np.uint8]:
    """Scales an image (H, W) or (H, W, 3) down to a longest side, pixels; never up."""
    from PIL import Image

    side = max(image.shape[:2])
    if side <= longest:
        return image
    height, width = (max(1, round(length * longest / side)) for length in image.shape[:2])
    return np.array(Image.fromarray(image).resize((width, height), Image.Resampling.LANCZOS))
