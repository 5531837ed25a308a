"""How pixels and classes are spread over the splits of a dataset."""

from collections.abc import Sequence

import numpy as np

from hangtag.reports.exploration import Exploration
from hangtag.reports.style import INK, SERIES, drawing_style, new_figure, png_of, shorten

_BIN = 8
"""Pixel values in one bar of the histogram."""


def draw_pixel_histogram(exploration: Exploration) -> bytes:
    """Draws the share of the pixels by value, a line a split; returns a PNG file."""
    from matplotlib.ticker import LogLocator, NullLocator

    edges = np.arange(0, 257, _BIN)
    shares = {
        name: np.array(split.histogram).reshape(-1, _BIN).sum(axis=1) / sum(split.histogram)
        for name, split in exploration.splits.items()
    }
    smallest = min(share[share > 0].min() for share in shares.values())
    with drawing_style():
        figure = new_figure(4.2, 2.7)
        axes = figure.add_subplot()
        for (name, share), colour in zip(shares.items(), SERIES, strict=False):
            axes.stairs(share, edges, color=colour, lw=1.6, label=name)
        axes.set_yscale("log")
        axes.set_ylim(smallest / 2, 1)
        axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(_format_share)
        axes.set_xticks([0, 64, 128, 192, 255])
        axes.set_title("Pixel values")
        axes.set_xlabel(f"value, in steps of {_BIN}")
        axes.set_ylabel("share of the pixels")
        axes.legend(labelcolor=INK)
        return png_of(figure)


def draw_class_balance(exploration: Exploration, classes: Sequence[int]) -> bytes:
    """Draws the share of each of `classes` in each split, as bars; returns a PNG file."""
    names = [exploration.classes[label] for label in classes]
    splits = list(exploration.splits.items())
    height = 0.8 / len(splits)
    with drawing_style():
        figure = new_figure(3.6, 0.4 + 0.24 * len(names))
        axes = figure.add_subplot()
        for (position, (name, split)), colour in zip(enumerate(splits), SERIES, strict=False):
            shares = [split.counts[label] / split.n for label in names]
            places = np.arange(len(names)) + (position - (len(splits) - 1) / 2) * height
            axes.barh(places, shares, height * 0.9, color=colour, label=name)
        axes.set_yticks(range(len(names)), [shorten(name, 18) for name in names], color=INK)
        axes.invert_yaxis()
        axes.grid(visible=False, axis="y")
        axes.xaxis.set_major_formatter(_format_share)
        axes.set_title("Class balance")
        axes.set_xlabel("share of the split")
        axes.legend(
            loc="lower right", bbox_to_anchor=(1, 1), ncols=len(splits), labelcolor=INK, borderpad=0
        )
        return png_of(figure)


def _format_share(share: float, _position: float) -> str:
    return f"{100 * share:.3g} %"
