"""Learning curves: loss, accuracy and learning rate over the epochs of a training."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from hangtag.reports.style import (
    BLUE,
    INK,
    MUTED,
    ORANGE,
    drawing_style,
    new_figure,
    new_sheet,
    png_of,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes

History = Sequence[Mapping[str, float]]
"""A row an epoch: epoch, seconds, lr, loss, accuracy and, where validated, val_loss and
val_accuracy."""

_TITLES = {"loss": "Loss", "accuracy": "Accuracy", "lr": "Learning rate"}


def draw_curves(history: History) -> bytes:
    """Draws loss and accuracy side by side over a strip with the learning rate.

    Args:
        history: A row an epoch, at least one.

    Returns:
        A PNG file.
    """
    with drawing_style():
        figure = new_sheet(10, 5.2)
        grid = figure.add_gridspec(2, 2, height_ratios=(3.4, 1))
        _fill_panel(figure.add_subplot(grid[0, 0]), history, "loss")
        _fill_panel(figure.add_subplot(grid[0, 1]), history, "accuracy")
        _fill_panel(figure.add_subplot(grid[1, :]), history, "lr")
        return png_of(figure)


def draw_curve(history: History, field: str) -> bytes:
    """Draws one of ``loss``, ``accuracy`` and ``lr`` over the epochs.

    Args:
        history: A row an epoch, at least one.
        field: Which figure; its ``val_`` twin is drawn with it where the history has one.

    Returns:
        A PNG file.
    """
    with drawing_style():
        figure = new_figure(4.3, 1.5 if field == "lr" else 2.7)
        _fill_panel(figure.add_subplot(), history, field)
        return png_of(figure)


def best_epoch(history: History) -> int | None:
    """Returns the epoch with the lowest validation loss; None where nothing was validated."""
    losses = _column(history, "val_loss")
    if not np.isfinite(losses).any():
        return None
    return int(_column(history, "epoch")[np.nanargmin(losses)])


def _fill_panel(axes: "Axes", history: History, field: str) -> None:
    from matplotlib.ticker import MaxNLocator

    epochs = _column(history, "epoch")
    marker = "o" if len(history) <= 15 else None
    train, validation = _column(history, field), _column(history, f"val_{field}")
    axes.plot(
        epochs, train, color=MUTED if field == "lr" else BLUE, marker=marker, ms=4, label="train"
    )
    if np.isfinite(validation).any():
        axes.plot(epochs, validation, color=ORANGE, marker=marker, ms=4, label="validation")
    if field != "lr":
        _mark_best(axes, history, validation)
        axes.legend(labelcolor=INK)
    axes.set_title(_TITLES[field])
    axes.set_xlabel("epoch")
    axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
    axes.set_xlim(epochs.min() - 0.5, epochs.max() + 0.5)


def _mark_best(axes: "Axes", history: History, validation: NDArray[np.float64]) -> None:
    best = best_epoch(history)
    if best is None:
        return
    at_best = validation[_column(history, "epoch") == best]
    axes.plot(
        [best] * len(at_best),
        at_best,
        "o",
        ms=9,
        mfc="none",
        mec=ORANGE,
        mew=1.6,
        label=f"best epoch: {best}",
    )


def _column(history: History, name: str) -> NDArray[np.float64]:
    return np.array([row.get(name, np.nan) for row in history], dtype=np.float64)
