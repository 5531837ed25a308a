"""Heat maps: an image beside itself with what spoke for its class and what against it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from hangtag.reports.style import MUTED, clear_frame, drawing_style, new_sheet, png_of, shorten

Explain = Callable[[NDArray[np.uint8]], tuple[NDArray[np.float64], str]]
"""Gives the heat (H, W) of an image and the class it is of, as `Classifier.explain` does."""

_LEAST_SCALE = 0.1
"""Nats that are drawn in full colour at least: smaller differences stay pale."""

_STRONGEST = 0.75
"""Opacity of the full colour, 0-1."""

_GRID = (28, 28)
"""Heat is known by patches; at this size their edges are hardly seen once it is smoothed."""


def tint(pixels: NDArray[np.uint8], heat: NDArray[np.float64], *, least: int) -> NDArray[np.uint8]:
    """Returns an image in grey under its heat map: red speaks for the class, blue against it.

    Args:
        pixels: (H, W) or (H, W, 3) uint8.
        heat: (H, W) in nats, as `occlusion_map` gives it.
        least: Shortest side of the result, pixels: a smaller image is enlarged, its heat smoothly.

    Returns:
        (H', W', 3) uint8.
    """
    import matplotlib
    from PIL import Image

    height, width = heat.shape
    factor = max(1, -(-least // min(height, width)))
    sides = (width * factor, height * factor)
    grey = Image.fromarray(pixels).convert("L").resize(sides, Image.Resampling.NEAREST)
    coarse = Image.fromarray(heat.astype(np.float32)).resize(_GRID, Image.Resampling.BOX)
    smooth = coarse.resize(sides, Image.Resampling.BICUBIC)
    scale = max(_LEAST_SCALE, float(np.abs(heat).max()))
    share = np.clip(np.asarray(smooth) / scale, -1, 1)
    colours = matplotlib.colormaps["RdBu_r"]((share + 1) / 2)[..., :3] * 255
    opacity = _STRONGEST * np.abs(share)[..., None]
    mixed = np.asarray(grey)[..., None] * (1 - opacity) + colours * opacity
    return mixed.round().astype(np.uint8)


def draw_heat_map(
    pixels: NDArray[np.uint8], heat: NDArray[np.float64], *, title: str, name: str
) -> bytes:
    """Draws an image and its heat map side by side; returns a PNG file.

    Args:
        pixels: (H, W) or (H, W, C) uint8.
        heat: What each pixel speaks for the class, (H, W) in nats, as `occlusion_map` gives it.
        title: What was decided, in short lines.
        name: The class that the heat map is of.
    """
    from matplotlib.colors import CenteredNorm
    from matplotlib.ticker import MaxNLocator

    scale = max(_LEAST_SCALE, float(np.abs(heat).max()))
    says = "speaks for" if heat.max() >= _LEAST_SCALE else "no part speaks for"
    with drawing_style():
        figure = new_sheet(5.2, 3.2)
        left, right = figure.subplots(1, 2)
        for axes in (left, right):
            axes.imshow(pixels, cmap="gray", vmin=0, vmax=255, interpolation="nearest")
            clear_frame(axes)
            axes.set_xticks([])
            axes.set_yticks([])
        colours = right.imshow(
            heat,
            cmap="RdBu_r",
            norm=CenteredNorm(halfrange=scale),
            alpha=_STRONGEST * np.abs(heat) / scale,
            interpolation="bilinear",
        )
        bar = figure.colorbar(colours, ax=right, shrink=0.8, ticks=MaxNLocator(5))
        bar.set_label("nats lost when covered", size=8)
        bar.outline.set_visible(False)
        bar.ax.tick_params(labelsize=8, length=0)
        left.set_title(title, fontsize=10)
        right.set_title(f"{says}\n{shorten(name, 22)}", fontsize=10, color=MUTED)
        return png_of(figure)
